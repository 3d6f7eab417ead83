/* SPDX-License-Identifier: BSD-3-Clause */
#include <openssl/bio.h>

#include <arpa/inet.h>
#include <string.h>

#include "listening.h"
#include "unit.h"
#include "wire/hello.h"

static void
set_end(struct sockaddr_storage *end, uint8_t family, const char *address, uint16_t port)
{
	struct sockaddr_in six_or_four = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	memset(end, 0, sizeof(*end));
	if (family == 4) {
		assert_int_equal(inet_pton(AF_INET, address, &six_or_four.sin_addr), 1);
		memcpy(end, &six_or_four, sizeof(six_or_four));
	} else {
		assert_int_equal(inet_pton(AF_INET6, address, &six.sin6_addr), 1);
		memcpy(end, &six, sizeof(six));
	}
}

struct flow
flow_make(uint8_t family, uint16_t port)
{
	const char *peer = family == 4 ? "198.18.0.2" : "2001:2::2";
	const char *local = family == 4 ? "198.18.0.1" : "2001:2::1";
	size_t n = family == 4 ? 4 : 16;
	struct flow flow = { .family = family };
	uint16_t ports[2] = { htons(port), htons(5684) };

	set_end(&flow.peer, family, peer, port);
	set_end(&flow.local, family, local, 5684);
	assert_int_equal(inet_pton(family == 4 ? AF_INET : AF_INET6, peer, flow.tuple), 1);
	assert_int_equal(inet_pton(family == 4 ? AF_INET : AF_INET6, local, flow.tuple + n), 1);
	memcpy(flow.tuple + 2 * n, ports, sizeof(ports));
	return flow;
}

static uint64_t
tell_time(void *arg)
{
	struct listening *listening = arg;

	return listening->now;
}

struct hg_tls_cookies_options
listening_options(struct listening *listening)
{
	listening->now = COOKIE_NOW;
	return (struct hg_tls_cookies_options){
		.secret = cookie_secret,
		.secret_len = HG_COOKIE_SECRET_LEN,
		.rotation = COOKIE_ROTATION,
		.lifetime = COOKIE_LIFETIME,
		.now = tell_time,
		.now_arg = listening,
	};
}

SSL *
listening_ssl(SSL_CTX *ctx)
{
	SSL *ssl = SSL_new(ctx);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

	assert_non_null(ssl);
	assert_non_null(in);
	assert_non_null(out);
	BIO_set_mem_eof_return(in, -1); /* nothing yet, and not the end */
	SSL_set_bio(ssl, in, out);
	return ssl;
}

void
listening_open(struct listening *listening, const struct hg_tls_cookies_options *options)
{
	struct hg_tls_error error;

	listening->ctx = SSL_CTX_new(DTLS_server_method());
	assert_non_null(listening->ctx);
	assert_int_equal(hg_tls_cookies_new(&listening->cookies, options, &error), 0);
	assert_int_equal(hg_tls_cookies_install(listening->cookies, listening->ctx, &error), 0);
	listening->ssl = listening_ssl(listening->ctx);
}

void
listening_close(struct listening *listening)
{
	hg_tls_cookies_free(listening->cookies);
	SSL_CTX_free(listening->ctx);
	SSL_free(listening->ssl); /* holds the context, which holds the cookies */
}

struct heard
listening_hear(SSL *ssl, const struct flow *flow, const uint8_t *datagram, size_t len)
{
	BIO *in = SSL_get_rbio(ssl), *out = SSL_get_wbio(ssl);
	BIO_ADDR *client = BIO_ADDR_new();
	struct heard heard;
	char *answer;

	if (flow != NULL)
		assert_int_equal(hg_tls_cookies_set_peer(ssl, (const struct sockaddr *)&flow->peer,
					 (const struct sockaddr *)&flow->local),
			0);
	assert_int_equal(BIO_write(in, datagram, (int)len), len);
	heard.result = DTLSv1_listen(ssl, client);
	heard.len = (size_t)BIO_get_mem_data(out, &answer);
	assert_true(heard.len <= sizeof(heard.answer));
	if (heard.len != 0)
		memcpy(heard.answer, answer, heard.len);
	assert_int_equal(BIO_reset(in), 1);
	assert_int_equal(BIO_reset(out), 1);
	BIO_ADDR_free(client);
	return heard;
}

const uint8_t *
heard_cookie(const struct heard *heard)
{
	assert_int_equal(heard->result, 0);
	assert_int_equal(heard->len, 48);
	assert_int_equal(heard->answer[13], 3);
	assert_int_equal(heard->answer[27], HG_COOKIE_LEN);
	return heard->answer + 28;
}

void
listening_expect(uint8_t ret[HG_COOKIE_LEN], const struct flow *flow, const uint8_t *datagram,
	size_t len, uint64_t now, enum hg_cookie_binding binding)
{
	struct cookie_asked asked = { 0 };
	struct hg_hello hello;
	bool is_hello;

	assert_int_equal(hg_hello_parse(datagram, len, &is_hello, &hello), HG_PASS);
	asked.hello = (struct hg_cookie_hello){
		.tuple = flow->tuple,
		.family = flow->family,
		.client = hello.client,
		.client_len = hello.client_len,
		.offer = hello.offer,
		.offer_len = hello.offer_len,
	};
	cookie_expect(ret, &asked, now, COOKIE_ROTATION, binding);
}
