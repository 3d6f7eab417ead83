/* SPDX-License-Identifier: BSD-3-Clause */
/* Cookies for OpenSSL servers: what they are, what is refused, and what a program can do wrong. */
#include <openssl/err.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "identities.h"
#include "listening.h"
#include "unit.h"

#define N_THREADS 4
#define N_TURNS 1500u

static const uint8_t other_secret[HG_COOKIE_SECRET_LEN] = { 0x07, [31] = 2 };

/* A second hello, like hello_usual but for what is in parts. */
static size_t
second(uint8_t *datagram, struct hello_parts parts, const uint8_t cookie[HG_COOKIE_LEN])
{
	parts.cookie = cookie;
	parts.cookie_len = HG_COOKIE_LEN;
	parts.message_seq = parts.message_seq == 0 ? 1 : parts.message_seq;
	parts.record_seq = 1;
	return hello_build(datagram, &parts);
}

/* Does OpenSSL's error queue hold a sentence of ours with that in it? Empties the queue. */
static bool
was_told(const char *part)
{
	const char *data;
	unsigned long code;
	bool told = false;

	while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, NULL)) != 0)
		told |= ERR_GET_LIB(code) == ERR_LIB_USER && strstr(data, part) != NULL;
	return told;
}

static void
test_same_cookie_as_the_gateway(void **state)
{
	struct listening listening;
	struct hg_tls_cookies_options options = listening_options(&listening);
	uint8_t datagram[HELLO_MAX], expected[HG_COOKIE_LEN];
	struct hg_tls_cookies_counts counts;

	(void)state;
	for (unsigned int binding = 0; binding < 3; binding++) {
		options.binding = (enum hg_cookie_binding)binding;
		listening_open(&listening, &options);
		for (uint8_t family = 4; family <= 6; family += 2) {
			struct flow flow = flow_make(family, 40000);
			size_t len = hello_build(datagram, &hello_usual);
			struct heard heard;

			listening_expect(
				expected, &flow, datagram, len, COOKIE_NOW, options.binding);
			heard = listening_hear(listening.ssl, &flow, datagram, len);
			assert_memory_equal(heard_cookie(&heard), expected, HG_COOKIE_LEN);
			len = second(datagram, hello_usual, expected);
			heard = listening_hear(listening.ssl, &flow, datagram, len);
			assert_int_equal(heard.result, 1);
			assert_int_equal(heard.len, 0);
		}
		hg_tls_cookies_count(listening.cookies, &counts);
		assert_int_equal(counts.verdict[HG_COOKIE_NONE], 2);
		assert_int_equal(counts.verdict[HG_COOKIE_VALID], 2);
		listening_close(&listening);
	}
}

/* IPv4 as a socket for both families tells it. */
static void
test_mapped_addresses(void **state)
{
	struct listening listening;
	struct hg_tls_cookies_options options = listening_options(&listening);
	struct sockaddr_in6 peer = { .sin6_family = AF_INET6 }, local = { .sin6_family = AF_INET6 };
	struct flow flow = flow_make(4, 40001);
	uint8_t datagram[HELLO_MAX], expected[HG_COOKIE_LEN];
	size_t len = hello_build(datagram, &hello_usual);
	struct heard heard;

	(void)state;
	listening_open(&listening, &options);
	peer.sin6_addr.s6_addr[10] = peer.sin6_addr.s6_addr[11] = 0xff;
	memcpy(&local.sin6_addr, &peer.sin6_addr, sizeof(local.sin6_addr));
	memcpy(peer.sin6_addr.s6_addr + 12, flow.tuple, 4);
	memcpy(local.sin6_addr.s6_addr + 12, flow.tuple + 4, 4);
	memcpy(&peer.sin6_port, flow.tuple + 8, 2);
	memcpy(&local.sin6_port, flow.tuple + 10, 2);
	assert_int_equal(hg_tls_cookies_set_peer(listening.ssl, (struct sockaddr *)&peer,
				 (struct sockaddr *)&local),
		0);
	heard = listening_hear(listening.ssl, NULL, datagram, len);
	listening_expect(expected, &flow, datagram, len, COOKIE_NOW, HG_COOKIE_BIND_HELLO);
	assert_memory_equal(heard_cookie(&heard), expected, HG_COOKIE_LEN);
	listening_close(&listening);
}

/* Hears a second hello with a cookie that was made for hello_usual from port 40000. */
static int
judge(struct listening *listening, const struct hello_parts *parts, const struct flow *flow,
	const uint8_t cookie[HG_COOKIE_LEN])
{
	uint8_t datagram[HELLO_MAX];
	size_t len = second(datagram, *parts, cookie);
	struct heard heard = listening_hear(listening->ssl, flow, datagram, len);

	/* What is refused is answered with another cookie. */
	if (heard.result != 1)
		heard_cookie(&heard);
	return heard.result;
}

static void
test_bound_to_addresses_and_hello(void **state)
{
	static const uint8_t suites[] = { 0xc0, 0x2b };
	const struct hello_parts usual = hello_usual;
	struct hello_parts changed[4] = { usual, usual, usual, usual };
	struct listening listening;
	struct hg_tls_cookies_options options = listening_options(&listening);
	struct flow flow = flow_make(4, 40000), other;
	uint8_t datagram[HELLO_MAX], cookie[HG_COOKIE_LEN];
	size_t len = hello_build(datagram, &usual);

	(void)state;
	changed[0].client_version = 0xfeff;
	changed[1].suites = suites;
	changed[1].suites_len = sizeof(suites);
	changed[2].session_id = suites;
	changed[2].session_id_len = sizeof(suites);
	changed[3].extensions = NULL; /* these are bound to nothing */
	for (unsigned int binding = 0; binding < 3; binding++) {
		options.binding = (enum hg_cookie_binding)binding;
		listening_open(&listening, &options);
		listening_expect(cookie, &flow, datagram, len, COOKIE_NOW, options.binding);
		assert_int_equal(judge(&listening, &changed[0], &flow, cookie),
			options.binding == HG_COOKIE_BIND_ADDRESS);
		for (unsigned int i = 1; i < 3; i++)
			assert_int_equal(judge(&listening, &changed[i], &flow, cookie),
				options.binding != HG_COOKIE_BIND_PARAMETERS);
		assert_int_equal(judge(&listening, &changed[3], &flow, cookie), 1);
		for (unsigned int i = 0; i < 4; i++) {
			struct sockaddr_in *end;

			other = flow;
			end = (struct sockaddr_in *)(i < 2 ? &other.peer : &other.local);
			if (i % 2 == 0)
				end->sin_port ^= 1;
			else
				end->sin_addr.s_addr ^= 1;
			assert_int_equal(judge(&listening, &usual, &other, cookie), 0);
		}
		other = flow_make(6, 40000);
		assert_int_equal(judge(&listening, &usual, &other, cookie), 0);
		/* Accepted a moment ago by the same SSL, and still from another address no more. */
		assert_int_equal(judge(&listening, &usual, &flow, cookie), 1);
		other = flow_make(4, 40009);
		assert_int_equal(judge(&listening, &usual, &other, cookie), 0);
		listening_close(&listening);
	}
}

static void
test_times_and_keys(void **state)
{
	struct listening listening;
	struct hg_tls_cookies_options options = listening_options(&listening);
	struct flow flow = flow_make(4, 40000);
	uint8_t datagram[HELLO_MAX], cookie[HG_COOKIE_LEN];
	size_t len = hello_build(datagram, &hello_usual);
	uint64_t edge = COOKIE_NOW / COOKIE_ROTATION * COOKIE_ROTATION + COOKIE_ROTATION;
	struct hg_tls_cookies_counts counts;

	(void)state;
	listening_open(&listening, &options);
	listening_expect(cookie, &flow, datagram, len, edge - 1, HG_COOKIE_BIND_HELLO);
	listening.now = edge - 1;
	assert_int_equal(judge(&listening, &hello_usual, &flow, cookie), 1);
	listening.now = edge; /* the key has changed by itself */
	assert_int_equal(judge(&listening, &hello_usual, &flow, cookie), 1);
	listening.now = edge - 1 + COOKIE_LIFETIME;
	assert_int_equal(judge(&listening, &hello_usual, &flow, cookie), 1);
	listening.now++;
	assert_int_equal(judge(&listening, &hello_usual, &flow, cookie), 0);
	listening.now = edge + 2 * COOKIE_ROTATION;
	assert_int_equal(judge(&listening, &hello_usual, &flow, cookie), 0);
	cookie[19] ^= 1;
	listening.now = edge;
	assert_int_equal(judge(&listening, &hello_usual, &flow, cookie), 0);
	cookie[0] ^= 0x80;
	assert_int_equal(judge(&listening, &hello_usual, &flow, cookie), 0);
	hg_tls_cookies_count(listening.cookies, &counts);
	assert_int_equal(counts.verdict[HG_COOKIE_VALID], 3);
	assert_int_equal(counts.verdict[HG_COOKIE_EXPIRED], 1);
	assert_int_equal(counts.verdict[HG_COOKIE_UNKNOWN_EPOCH], 1);
	assert_int_equal(counts.verdict[HG_COOKIE_WRONG_TAG], 1);
	assert_int_equal(counts.verdict[HG_COOKIE_MALFORMED], 1);
	assert_int_equal(counts.verdict[HG_COOKIE_NONE], 0);
	listening_close(&listening);
}

static void
test_another_secret(void **state)
{
	struct listening listening;
	struct hg_tls_cookies_options options = listening_options(&listening);
	struct flow flow = flow_make(4, 40000);
	uint8_t datagram[HELLO_MAX], cookie[HG_COOKIE_LEN];
	size_t len = hello_build(datagram, &hello_usual);

	(void)state;
	listening_open(&listening, &options);
	listening_expect(cookie, &flow, datagram, len, COOKIE_NOW, HG_COOKIE_BIND_HELLO);
	assert_int_equal(judge(&listening, &hello_usual, &flow, cookie), 1);
	options.secret = other_secret;
	options.previous = cookie_secret;
	options.previous_len = HG_COOKIE_SECRET_LEN;
	assert_int_equal(hg_tls_cookies_change(listening.cookies, &options, NULL), 0);
	assert_int_equal(judge(&listening, &hello_usual, &flow, cookie), 1);
	options.previous = NULL;
	options.previous_len = 0;
	assert_int_equal(hg_tls_cookies_change(listening.cookies, &options, NULL), 0);
	assert_int_equal(judge(&listening, &hello_usual, &flow, cookie), 0);
	/* A refused change changes nothing. */
	options.secret = cookie_secret;
	options.rotation = 1;
	assert_int_equal(hg_tls_cookies_change(listening.cookies, &options, NULL), -EINVAL);
	assert_int_equal(judge(&listening, &hello_usual, &flow, cookie), 0);
	listening_close(&listening);
}

/* DTLSv1_listen() would accept them, and OpenSSL then wait for ever, or reserve memory. */
static void
test_hellos_that_lead_nowhere(void **state)
{
	struct listening listening;
	struct hg_tls_cookies_options options = listening_options(&listening);
	struct hello_parts usual = hello_usual;
	struct flow flow = flow_make(4, 40000);
	uint8_t datagram[HELLO_MAX], cookie[HG_COOKIE_LEN];
	size_t len = hello_build(datagram, &hello_usual);
	struct hg_tls_cookies_counts counts;
	struct heard heard;

	(void)state;
	listening_open(&listening, &options);
	listening_expect(cookie, &flow, datagram, len, COOKIE_NOW, HG_COOKIE_BIND_HELLO);
	len = second(datagram, usual, cookie);
	datagram[HELLO_AT_SEQ + 1] = 0;
	heard = listening_hear(listening.ssl, &flow, datagram, len);
	assert_memory_equal(heard_cookie(&heard), cookie, HG_COOKIE_LEN);
	datagram[HELLO_AT_SEQ + 1] = 2;
	assert_int_not_equal(listening_hear(listening.ssl, &flow, datagram, len).result, 1);
	datagram[HELLO_AT_SEQ + 1] = 1;
	datagram[HELLO_AT_MESSAGE_LEN + 1] = 0x40; /* 16384 and more, of which this is a fragment */
	heard = listening_hear(listening.ssl, &flow, datagram, len);
	heard_cookie(&heard);
	datagram[HELLO_AT_MESSAGE_LEN + 1] = 0x20;
	assert_int_equal(listening_hear(listening.ssl, &flow, datagram, len).result, 1);
	hg_tls_cookies_count(listening.cookies, &counts);
	assert_uint_in_range(counts.unusable, 2, 3);
	assert_int_equal(counts.verdict[HG_COOKIE_VALID], 1);
	listening_close(&listening);
}

/* No cookie of anybody's, but no error over which a server could give up. */
static void
test_hellos_that_nothing_is_bound_to(void **state)
{
	static const uint8_t zeroes[HG_COOKIE_LEN];
	static uint8_t much[2100];
	struct listening listening;
	struct hg_tls_cookies_options options = listening_options(&listening);
	struct hello_parts parts[3] = { hello_usual, hello_usual, hello_usual };
	struct flow flow = flow_make(4, 40000);
	uint8_t datagram[HELLO_MAX];
	struct hg_tls_cookies_counts counts;
	struct heard heard;

	(void)state;
	options.binding = HG_COOKIE_BIND_PARAMETERS;
	listening_open(&listening, &options);
	parts[0].suites = much;
	parts[0].suites_len = sizeof(much);
	parts[1].session_id = much;
	parts[1].session_id_len = 33;
	for (unsigned int i = 0; i < 3; i++) {
		size_t len = hello_build(datagram, &parts[i]);

		if (i == 2)
			datagram[HELLO_AT_SESSION_ID + 2] = 0xff; /* suites past the end */
		heard = listening_hear(listening.ssl, &flow, datagram, len);
		assert_memory_equal(heard_cookie(&heard), zeroes, HG_COOKIE_LEN);
		len = second(datagram, parts[i], zeroes);
		if (i == 2)
			datagram[HELLO_AT_SESSION_ID + 2 + HG_COOKIE_LEN] = 0xff;
		heard = listening_hear(listening.ssl, &flow, datagram, len);
		assert_memory_equal(heard_cookie(&heard), zeroes, HG_COOKIE_LEN);
	}
	hg_tls_cookies_count(listening.cookies, &counts);
	assert_int_equal(counts.unbound, 6);
	/* With another binding they are hellos like others. */
	for (unsigned int i = 0; i < 2; i++) {
		options.binding = i == 0 ? HG_COOKIE_BIND_ADDRESS : HG_COOKIE_BIND_HELLO;
		assert_int_equal(hg_tls_cookies_change(listening.cookies, &options, NULL), 0);
		heard = listening_hear(
			listening.ssl, &flow, datagram, hello_build(datagram, &parts[0]));
		assert_int_equal(heard_cookie(&heard)[0] >> 5, 2);
	}
	listening_close(&listening);
}

/* The first fragment of a hello may end anywhere behind its cookie. The second hello's ends elsewhere. */
static void
test_first_fragments(void **state)
{
	static const uint8_t zeroes[HG_COOKIE_LEN];
	struct hello_parts usual = hello_usual;
	struct listening listening;
	struct hg_tls_cookies_options options = listening_options(&listening);
	struct flow flow = flow_make(4, 40000);
	uint8_t datagram[HELLO_MAX], cookie[HG_COOKIE_LEN];
	size_t whole = hello_build(datagram, &usual), offer_end = 61 + 2 + usual.suites_len + 2;

	(void)state;
	for (unsigned int binding = 0; binding < 3; binding++) {
		options.binding = (enum hg_cookie_binding)binding;
		listening_open(&listening, &options);
		for (size_t end = 61; end <= whole; end++) {
			bool bound = binding != HG_COOKIE_BIND_PARAMETERS || end >= offer_end;
			size_t longer = end < 61 + HG_COOKIE_LEN ? 61 + HG_COOKIE_LEN : end;
			struct heard heard;

			hello_build(datagram, &usual);
			hello_cut(datagram, end);
			heard = listening_hear(listening.ssl, &flow, datagram, end);
			memcpy(cookie, heard_cookie(&heard), HG_COOKIE_LEN);
			assert_int_equal(memcmp(cookie, zeroes, HG_COOKIE_LEN) != 0, bound);
			second(datagram, usual, cookie);
			hello_cut(datagram, end + HG_COOKIE_LEN);
			heard = listening_hear(listening.ssl, &flow, datagram, end + HG_COOKIE_LEN);
			assert_int_equal(heard.result, bound);
			second(datagram, usual, cookie); /* as long as the first */
			hello_cut(datagram, longer);
			heard = listening_hear(listening.ssl, &flow, datagram, longer);
			assert_int_equal(
				heard.result, bound && (binding != HG_COOKIE_BIND_PARAMETERS ||
							       end >= offer_end + HG_COOKIE_LEN));
		}
		listening_close(&listening);
	}
}

static void
own_message_callback(int write_p, int version, int content_type, const void *message, size_t len,
	SSL *ssl, void *arg)
{
	bool *forward = arg;

	if (*forward)
		hg_tls_cookies_message(write_p, version, content_type, message, len, ssl, NULL);
}

static void
test_program_with_a_message_callback_of_its_own(void **state)
{
	struct listening listening;
	struct hg_tls_cookies_options options = listening_options(&listening);
	struct flow flow = flow_make(4, 40000);
	uint8_t datagram[HELLO_MAX];
	size_t len = hello_build(datagram, &hello_usual);
	bool forward = false;
	struct heard heard;

	(void)state;
	listening_open(&listening, &options);
	SSL_set_msg_callback(listening.ssl, own_message_callback);
	SSL_set_msg_callback_arg(listening.ssl, &forward);
	assert_int_equal(listening_hear(listening.ssl, &flow, datagram, len).result, -1);
	assert_true(was_told("hg_tls_cookies_message()"));
	forward = true;
	heard = listening_hear(listening.ssl, &flow, datagram, len);
	heard_cookie(&heard);
	listening_close(&listening);
}

static void
test_peer_that_nobody_has_told(void **state)
{
	struct listening listening;
	struct hg_tls_cookies_options options = listening_options(&listening);
	struct flow flow = flow_make(4, 40000);
	uint8_t datagram[HELLO_MAX];
	size_t len = hello_build(datagram, &hello_usual);
	struct heard heard;

	(void)state;
	listening_open(&listening, &options);
	assert_int_equal(listening_hear(listening.ssl, NULL, datagram, len).result, -1);
	assert_true(was_told("hg_tls_cookies_set_peer()"));
	heard = listening_hear(listening.ssl, &flow, datagram, len);
	heard_cookie(&heard);
	assert_int_equal(hg_tls_cookies_set_peer(listening.ssl, NULL, NULL), 0);
	assert_int_equal(listening_hear(listening.ssl, NULL, datagram, len).result, -1);
	ERR_clear_error();
	listening_close(&listening);
}

static void
test_wrong_arguments(void **state)
{
	struct listening listening;
	const struct hg_tls_cookies_options good = listening_options(&listening);
	struct hg_tls_cookies_options bad[8] = { good, good, good, good, good, good, good, good };
	static const char *const setting[8] = { "secret", "secret", "previous", "previous",
		"rotation", "lifetime", "binding", "rotation" };
	struct hg_tls_cookies *none = NULL;
	struct hg_tls_error error;
	struct flow four = flow_make(4, 1), six = flow_make(6, 1);
	const struct sockaddr *peer = (const struct sockaddr *)&four.peer;
	struct sockaddr local = { .sa_family = AF_UNIX };

	(void)state;
	bad[0].secret = NULL;
	bad[1].secret_len = 31;
	bad[2].previous = other_secret;
	bad[3].previous_len = HG_COOKIE_SECRET_LEN;
	bad[4].rotation = COOKIE_LIFETIME - 1;
	bad[5].lifetime = HG_COOKIE_LIFETIME_MAX + 1;
	bad[6].binding = (enum hg_cookie_binding)3;
	bad[7].lifetime = HG_TLS_COOKIES_ROTATION + 1;
	bad[7].rotation = 0;
	for (unsigned int i = 0; i < 8; i++) {
		assert_int_equal(hg_tls_cookies_new(&none, &bad[i], &error), -EINVAL);
		assert_string_equal(error.setting, setting[i]);
		assert_true(strlen(error.text) > 10);
		assert_int_equal(hg_tls_cookies_new(&none, &bad[i], NULL), -EINVAL);
		assert_null(none);
	}
	assert_int_equal(hg_tls_cookies_new(&none, NULL, &error), -EINVAL);
	assert_int_equal(hg_tls_cookies_new(NULL, &good, &error), -EINVAL);
	assert_int_equal(hg_tls_cookies_change(NULL, &good, &error), -EINVAL);
	hg_tls_cookies_free(NULL);

	listening_open(&listening, &good);
	assert_int_equal(hg_tls_cookies_install(NULL, listening.ctx, &error), -EINVAL);
	assert_string_equal(error.setting, "cookies");
	assert_int_equal(hg_tls_cookies_install(listening.cookies, NULL, &error), -EINVAL);
	assert_string_equal(error.setting, "ctx");
	assert_int_equal(hg_tls_cookies_set_peer(NULL, peer, peer), -EINVAL);
	assert_int_equal(hg_tls_cookies_set_peer(listening.ssl, peer, NULL), -EINVAL);
	assert_int_equal(hg_tls_cookies_set_peer(listening.ssl, NULL, peer), -EINVAL);
	assert_int_equal(hg_tls_cookies_set_peer(listening.ssl, peer, &local), -EAFNOSUPPORT);
	assert_int_equal(
		hg_tls_cookies_set_peer(listening.ssl, peer, (const struct sockaddr *)&six.local),
		-EINVAL);
	listening_close(&listening);
}

/* References: the caller's, each context's; the same context twice; a context with other cookies. */
static void
test_lifetimes(void **state)
{
	struct listening listening;
	struct hg_tls_cookies_options options = listening_options(&listening);
	struct flow flow = flow_make(4, 40000);
	uint8_t datagram[HELLO_MAX];
	size_t len = hello_build(datagram, &hello_usual);
	struct hg_tls_cookies *others;
	struct heard heard;
	SSL_CTX *second_ctx = SSL_CTX_new(DTLS_server_method());
	SSL *copy;

	(void)state;
	listening_open(&listening, &options);
	assert_int_equal(hg_tls_cookies_install(listening.cookies, listening.ctx, NULL), 0);
	assert_int_equal(hg_tls_cookies_install(listening.cookies, second_ctx, NULL), 0);
	heard = listening_hear(listening.ssl, &flow, datagram, len);
	heard_cookie(&heard);
	copy = SSL_dup(listening.ssl); /* must not share what is freed with each */
	assert_non_null(copy);
	assert_int_equal(hg_tls_cookies_new(&others, &options, NULL), 0);
	assert_int_equal(hg_tls_cookies_install(others, listening.ctx, NULL), 0);
	hg_tls_cookies_free(others);
	heard = listening_hear(listening.ssl, &flow, datagram, len);
	heard_cookie(&heard);
	listening_close(&listening);
	SSL_free(copy);
	SSL_CTX_free(second_ctx);
}

/* Moves what one side has written to where the other reads. */
static void
carry(SSL *from, SSL *to)
{
	BIO *out = SSL_get_wbio(from);
	char *bytes;
	long n = BIO_get_mem_data(out, &bytes);

	if (n > 0)
		assert_int_equal(BIO_write(SSL_get_rbio(to), bytes, (int)n), n);
	assert_int_equal(BIO_reset(out), 1);
}

static void
use_identity(SSL_CTX *ctx)
{
	struct scratch scratch;
	struct identity identity;

	scratch_open(&scratch);
	identity_make(&identity, &scratch, "server", "EC", "gw.test", NULL, NULL);
	assert_int_equal(SSL_CTX_use_certificate(ctx, identity.certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, identity.key), 1);
	identity_free(&identity);
	scratch_close(&scratch);
}

/*
 * SSL_accept() asks for the cookie that DTLSv1_listen() has accepted once more. By then it may be too
 * old, and a server may have told another local address, that of a connected socket.
 */
static void
test_accept_after_listen(void **state)
{
	struct listening listening;
	struct hg_tls_cookies_options options = listening_options(&listening);
	struct flow flow = flow_make(4, 40000), elsewhere = flow_make(4, 40001);
	SSL_CTX *client_ctx = SSL_CTX_new(DTLS_client_method());
	struct hg_tls_cookies_counts counts;
	struct heard heard;
	SSL *client = listening_ssl(client_ctx);
	char *hello;
	long n;

	(void)state;
	listening_open(&listening, &options);
	SSL_free(listening.ssl);
	use_identity(listening.ctx);
	listening.ssl = listening_ssl(listening.ctx);
	SSL_set_options(client, SSL_OP_NO_QUERY_MTU);
	SSL_set_mtu(
		client, 8000); /* a flight is a datagram: a memory BIO does not keep them apart */
	SSL_set_options(listening.ssl, SSL_OP_NO_QUERY_MTU);
	SSL_set_mtu(listening.ssl, 8000);
	SSL_set_connect_state(client);
	for (int expected = 0; expected < 2; expected++) {
		SSL_do_handshake(client);
		n = BIO_get_mem_data(SSL_get_wbio(client), &hello);
		heard = listening_hear(listening.ssl, &flow, (const uint8_t *)hello, (size_t)n);
		assert_int_equal(heard.result, expected);
		assert_int_equal(BIO_reset(SSL_get_wbio(client)), 1);
		if (heard.len != 0)
			assert_int_equal(
				BIO_write(SSL_get_rbio(client), heard.answer, (int)heard.len),
				heard.len);
	}
	listening.now += 2 * COOKIE_LIFETIME;
	assert_int_equal(
		hg_tls_cookies_set_peer(listening.ssl, (const struct sockaddr *)&elsewhere.peer,
			(const struct sockaddr *)&elsewhere.local),
		0);
	for (unsigned int round = 0; round < 4; round++) {
		SSL_accept(listening.ssl);
		carry(listening.ssl, client);
		SSL_do_handshake(client);
		carry(client, listening.ssl);
	}
	assert_int_equal(SSL_is_init_finished(client), 1);
	assert_int_equal(SSL_is_init_finished(listening.ssl), 1);
	hg_tls_cookies_count(listening.cookies, &counts);
	assert_int_equal(counts.verdict[HG_COOKIE_VALID], 1);
	assert_int_equal(counts.verdict[HG_COOKIE_EXPIRED], 0);
	SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(client);
	SSL_CTX_free(client_ctx);
	ERR_clear_error();
	listening_close(&listening);
}

/* Hands the next hello of a TLS client to an SSL that has seen none before. */
static int
stateless(SSL_CTX *ctx, const struct flow *flow, SSL *client)
{
	SSL *ssl = listening_ssl(ctx);
	int result;

	assert_int_equal(hg_tls_cookies_set_peer(ssl, (const struct sockaddr *)&flow->peer,
				 (const struct sockaddr *)&flow->local),
		0);
	carry(client, ssl);
	result = SSL_stateless(ssl);
	if (result == 0)
		carry(ssl, client);
	SSL_free(ssl);
	ERR_clear_error();
	return result;
}

/* TLS 1.3: what SSL_stateless() makes of the second hello, from the same port or another. */
static int
second_hello(struct listening *listening, uint16_t port, unsigned int later)
{
	SSL_CTX *client_ctx = SSL_CTX_new(TLS_client_method());
	struct flow first = flow_make(4, 40000), then = flow_make(4, port);
	SSL *client;
	int result;

	SSL_CTX_clear_options(client_ctx, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
	client = listening_ssl(client_ctx);
	SSL_set_connect_state(client);
	SSL_do_handshake(client);
	assert_int_equal(stateless(listening->ctx, &first, client), 0);
	SSL_do_handshake(client);
	listening->now += later;
	result = stateless(listening->ctx, &then, client);
	listening->now -= later;
	SSL_free(client);
	SSL_CTX_free(client_ctx);
	ERR_clear_error();
	return result;
}

static void
test_stateless(void **state)
{
	struct listening listening;
	struct hg_tls_cookies_options options = listening_options(&listening);
	struct hg_tls_cookies_counts counts;

	(void)state;
	listening.ctx = SSL_CTX_new(TLS_server_method());
	assert_int_equal(hg_tls_cookies_new(&listening.cookies, &options, NULL), 0);
	assert_int_equal(hg_tls_cookies_install(listening.cookies, listening.ctx, NULL), 0);
	use_identity(listening.ctx);
	assert_int_equal(second_hello(&listening, 40000, 0), 1);
	assert_int_equal(second_hello(&listening, 40001, 0), -1);
	assert_int_equal(second_hello(&listening, 40000, COOKIE_LIFETIME), 1);
	assert_int_equal(second_hello(&listening, 40000, COOKIE_LIFETIME + 1), -1);
	hg_tls_cookies_count(listening.cookies, &counts);
	assert_int_equal(counts.verdict[HG_COOKIE_NONE], 4);
	assert_int_equal(counts.verdict[HG_COOKIE_VALID], 2);
	assert_int_equal(counts.verdict[HG_COOKIE_WRONG_TAG], 1);
	assert_int_equal(counts.verdict[HG_COOKIE_EXPIRED], 1);
	listening.ssl = NULL;
	listening_close(&listening);
}

struct thread {
	pthread_t id;
	struct listening *listening;
	uint16_t port;
	unsigned int accepted;
	unsigned int refused;
};

/* A client and its server, over and over; the keys change meanwhile. */
static void *
converse(void *arg)
{
	struct thread *thread = arg;
	struct flow flow = flow_make(thread->port % 2 != 0 ? 4 : 6, thread->port);
	SSL *ssl = listening_ssl(thread->listening->ctx);
	uint8_t datagram[HELLO_MAX];

	for (unsigned int i = 0; i < N_TURNS; i++) {
		size_t len = hello_build(datagram, &hello_usual);
		struct heard heard = listening_hear(ssl, &flow, datagram, len);

		len = second(datagram, hello_usual, heard_cookie(&heard));
		heard = listening_hear(ssl, &flow, datagram, len);
		thread->accepted += heard.result == 1;
		thread->refused += heard.result == 0;
	}
	SSL_free(ssl);
	return NULL;
}

static void
test_threads(void **state)
{
	struct listening listening;
	struct hg_tls_cookies_options options = listening_options(&listening);
	struct thread thread[N_THREADS] = { 0 };
	struct hg_tls_cookies_counts counts;
	unsigned int accepted = 0, changes = 0;

	(void)state;
	listening_open(&listening, &options);
	for (unsigned int i = 0; i < N_THREADS; i++) {
		thread[i].listening = &listening;
		thread[i].port = (uint16_t)(41000 + i);
		assert_int_equal(pthread_create(&thread[i].id, NULL, converse, &thread[i]), 0);
	}
	/*
	 * Time runs so that epochs pass, but no cookie gets too old on its way; and the secret is
	 * exchanged for another and back, with the former one as the previous.
	 */
	do {
		const uint8_t *former = options.secret;

		listening.now += 7;
		options.secret = former == cookie_secret ? other_secret : cookie_secret;
		options.previous = former;
		options.previous_len = HG_COOKIE_SECRET_LEN;
		assert_int_equal(hg_tls_cookies_change(listening.cookies, &options, NULL), 0);
		hg_tls_cookies_count(listening.cookies, &counts);
		changes++;
	} while (counts.verdict[HG_COOKIE_NONE] < N_THREADS * N_TURNS);
	for (unsigned int i = 0; i < N_THREADS; i++) {
		assert_int_equal(pthread_join(thread[i].id, NULL), 0);
		assert_int_equal(thread[i].accepted + thread[i].refused, N_TURNS);
		accepted += thread[i].accepted;
	}
	hg_tls_cookies_count(listening.cookies, &counts);
	assert_true(changes > 1);
	assert_int_equal(counts.verdict[HG_COOKIE_NONE], N_THREADS * N_TURNS);
	assert_int_equal(counts.verdict[HG_COOKIE_VALID], accepted);
	/* Both secrets are always good, so only one that time has run away from can be refused. */
	assert_int_equal(counts.verdict[HG_COOKIE_WRONG_TAG], 0);
	assert_int_equal(counts.verdict[HG_COOKIE_MALFORMED], 0);
	assert_true(accepted > 0);
	listening_close(&listening);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_cookie_as_the_gateway),
		cmocka_unit_test(test_mapped_addresses),
		cmocka_unit_test(test_bound_to_addresses_and_hello),
		cmocka_unit_test(test_times_and_keys),
		cmocka_unit_test(test_another_secret),
		cmocka_unit_test(test_hellos_that_lead_nowhere),
		cmocka_unit_test(test_hellos_that_nothing_is_bound_to),
		cmocka_unit_test(test_first_fragments),
		cmocka_unit_test(test_program_with_a_message_callback_of_its_own),
		cmocka_unit_test(test_peer_that_nobody_has_told),
		cmocka_unit_test(test_wrong_arguments),
		cmocka_unit_test(test_lifetimes),
		cmocka_unit_test(test_accept_after_listen),
		cmocka_unit_test(test_stateless),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
