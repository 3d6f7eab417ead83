/* SPDX-License-Identifier: BSD-3-Clause */
#include <openssl/err.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conversation.h"
#include "tls/internal.h"
#include "unit.h"
#include "wire/hvr.h"

void
wire_push(struct wire *wire, const uint8_t *datagram, size_t len)
{
	assert_true(wire->n < WIRE_MAX);
	assert_true(len <= WIRE_DATAGRAM_MAX);
	memcpy(wire->datagram[wire->n].bytes, datagram, len);
	wire->datagram[wire->n++].len = len;
}

size_t
wire_pop(struct wire *wire, uint8_t datagram[WIRE_DATAGRAM_MAX])
{
	size_t len;

	if (wire->n == 0)
		return 0;
	len = wire->datagram[0].len;
	memcpy(datagram, wire->datagram[0].bytes, len);
	wire->n--;
	memmove(&wire->datagram[0], &wire->datagram[1], wire->n * sizeof(wire->datagram[0]));
	return len;
}

size_t
wire_join(struct wire *wire, uint8_t whole[WIRE_DATAGRAM_MAX])
{
	uint8_t datagram[WIRE_DATAGRAM_MAX];
	size_t len, whole_len = 0;

	while ((len = wire_pop(wire, datagram)) != 0) {
		assert_true(whole_len + len <= WIRE_DATAGRAM_MAX);
		memcpy(whole + whole_len, datagram, len);
		whole_len += len;
	}
	return whole_len;
}

static int
bio_read(BIO *bio, char *buffer, int size)
{
	struct conversation *talk = BIO_get_data(bio);
	uint8_t datagram[WIRE_DATAGRAM_MAX];
	size_t len = wire_pop(&talk->to_client, datagram);

	BIO_clear_retry_flags(bio);
	if (len == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	if (len > (size_t)size)
		len = (size_t)size;
	memcpy(buffer, datagram, len);
	return (int)len;
}

static int
bio_write(BIO *bio, const char *data, int len)
{
	struct conversation *talk = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	wire_push(&talk->to_server, (const uint8_t *)data, (size_t)len);
	return len;
}

static long
bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	struct conversation *talk = BIO_get_data(bio);

	(void)number;
	(void)pointer;
	if (command == BIO_CTRL_FLUSH || command == BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT)
		return 1;
	return command == BIO_CTRL_DGRAM_QUERY_MTU ? talk->mtu : 0;
}

static unsigned int
give_psk(SSL *ssl, const char *hint, char *identity, unsigned int max_identity, unsigned char *psk,
	unsigned int max_psk)
{
	struct conversation *talk = SSL_get_app_data(ssl);

	snprintf(talk->psk_hint, sizeof(talk->psk_hint), "%s", hint != NULL ? hint : "");
	snprintf(identity, max_identity, "%s", talk->options->psk_identity);
	assert_true(talk->options->psk_len <= max_psk);
	memcpy(psk, talk->options->psk, talk->options->psk_len);
	return (unsigned int)talk->options->psk_len;
}

/* OpenSSL's macros take a constant string's const away, which strict compilers mind. */
static void
set_texts(SSL *ssl, const struct client_options *options)
{
	char text[256];

	if (options->server_name != NULL) {
		snprintf(text, sizeof(text), "%s", options->server_name);
		assert_int_equal(SSL_set_tlsext_host_name(ssl, text), 1);
	}
	if (options->signatures != NULL) {
		snprintf(text, sizeof(text), "%s", options->signatures);
		assert_int_equal(SSL_set1_sigalgs_list(ssl, text), 1);
	}
	if (options->groups != NULL) {
		snprintf(text, sizeof(text), "%s", options->groups);
		assert_int_equal(SSL_set1_groups_list(ssl, text), 1);
	}
}

static void
set_options(struct conversation *talk)
{
	const struct client_options *options = talk->options;
	SSL *ssl = talk->client;

	SSL_set_min_proto_version(ssl, DTLS1_VERSION);
	SSL_set_max_proto_version(
		ssl, options->max_version != 0 ? options->max_version : DTLS1_2_VERSION);
	SSL_set_options(
		ssl, SSL_OP_NO_QUERY_MTU | (options->no_etm ? SSL_OP_NO_ENCRYPT_THEN_MAC : 0));
	SSL_set_mtu(ssl, talk->mtu);
	SSL_set_security_level(ssl, 0); /* a client that offers DTLS 1.0 needs SHA-1 */
	set_texts(ssl, options);
	if (options->ciphers != NULL)
		assert_int_equal(SSL_set_cipher_list(ssl, options->ciphers), 1);
	if (options->psk != NULL)
		SSL_set_psk_client_callback(ssl, give_psk);
	if (options->identity != NULL) {
		assert_int_equal(SSL_use_certificate(ssl, options->identity->certificate), 1);
		assert_int_equal(SSL_use_PrivateKey(ssl, options->identity->key), 1);
	}
	if (options->max_fragment != 0)
		assert_int_equal(SSL_set_tlsext_max_fragment_length(ssl, options->max_fragment), 1);
	if (options->session != NULL)
		assert_int_equal(SSL_set_session(ssl, options->session), 1);
	if (options->protocols != 0) {
		unsigned char protocols[1024];

		/* Names of 9 bytes, each behind its length. */
		assert_true(options->protocols % 10 == 0 && options->protocols <= 1024);
		memset(protocols, 'x', sizeof(protocols));
		for (size_t i = 0; i < options->protocols; i += 10)
			protocols[i] = 9;
		assert_int_equal(
			SSL_set_alpn_protos(ssl, protocols, (unsigned int)options->protocols), 0);
	}
}

struct hg_tls_context *
conversation_context(const struct hg_tls_settings *settings)
{
	struct hg_tls_context *context = NULL;
	struct hg_tls_error error;

	if (hg_tls_context_new(&context, settings, &error) != 0)
		fail_msg("%s: %s", error.setting, error.text);
	return context;
}

struct conversation *
conversation_new(const struct client_options *options)
{
	struct conversation *talk = calloc(1, sizeof(*talk));
	BIO *bio;

	assert_non_null(talk);
	talk->options = options;
	talk->mtu = options->mtu != 0 ? options->mtu : 1400;
	talk->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "test client");
	assert_non_null(talk->method);
	BIO_meth_set_read(talk->method, bio_read);
	BIO_meth_set_write(talk->method, bio_write);
	BIO_meth_set_ctrl(talk->method, bio_ctrl);
	talk->client_context = SSL_CTX_new(DTLS_client_method());
	talk->client = SSL_new(talk->client_context);
	bio = BIO_new(talk->method);
	assert_non_null(talk->client);
	assert_non_null(bio);
	BIO_set_init(bio, 1);
	BIO_set_data(bio, talk);
	SSL_set_bio(talk->client, bio, bio);
	SSL_set_app_data(talk->client, talk);
	SSL_set_connect_state(talk->client);
	set_options(talk);
	for (unsigned int i = 0; i < sizeof(talk->cookie); i++)
		talk->cookie[i] = (uint8_t)(0x30 + i);
	return talk;
}

void
conversation_free(struct conversation *talk)
{
	hg_tls_session_free(talk->server);
	/* Or OpenSSL takes the session for broken off, and does not resume it. */
	SSL_set_shutdown(talk->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(talk->client);
	SSL_CTX_free(talk->client_context);
	BIO_meth_free(talk->method);
	ERR_clear_error();
	free(talk);
}

void
conversation_get_cookie(struct conversation *talk)
{
	uint8_t datagram[WIRE_DATAGRAM_MAX];
	struct hg_hello hello;
	bool is_hello = false;
	size_t len;

	conversation_client(talk);
	len = wire_pop(&talk->to_server, datagram);
	assert_int_equal(hg_hello_parse(datagram, len, &is_hello, &hello), HG_PASS);
	assert_true(is_hello);
	assert_int_equal(hello.cookie_len, 0);
	talk->to_server.n = 0; /* later fragments */
	hg_hvr_write(datagram, talk->cookie);
	wire_push(&talk->to_client, datagram, HG_HVR_LEN);
	conversation_client(talk);
	assert_true(talk->to_server.n > 0);
}

static bool
on_send(void *arg, const uint8_t *datagram, size_t len)
{
	struct conversation *talk = arg;

	if (talk->deaf)
		return false;
	wire_push(&talk->to_client, datagram, len);
	talk->sent++;
	if (len > talk->largest)
		talk->largest = len;
	return true;
}

static void
on_ignored(void *arg, enum hg_tls_verdict why)
{
	struct conversation *talk = arg;

	talk->ignored[why]++;
}

static void
take(struct conversation *talk)
{
	size_t n;

	while ((n = hg_tls_session_read(talk->server, talk->received + talk->received_len,
			sizeof(talk->received) - talk->received_len)) != 0) {
		assert_true(n <= sizeof(talk->received) - talk->received_len);
		talk->received_len += n;
	}
}

enum hg_tls_state
conversation_enter(
	struct conversation *talk, const struct hg_tls_context *context, size_t flight_max)
{
	uint8_t datagram[WIRE_DATAGRAM_MAX];
	size_t len = wire_pop(&talk->to_server, datagram);
	struct hg_hello hello;
	bool is_hello = false;

	assert_int_equal(hg_hello_parse(datagram, len, &is_hello, &hello), HG_PASS);
	assert_true(is_hello);
	assert_int_equal(hello.message_seq, 1);
	assert_int_equal(hello.cookie_len, sizeof(talk->cookie));
	talk->server = hg_tls_session_new(context, flight_max, on_send, on_ignored, talk);
	assert_non_null(talk->server);
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_HANDSHAKE);
	hg_tls_session_enter(
		talk->server, datagram, len, hello.record_len, talk->cookie, sizeof(talk->cookie));
	take(talk);
	return hg_tls_session_state(talk->server);
}

enum hg_tls_state
conversation_feed(struct conversation *talk, const uint8_t *datagram, size_t len)
{
	/* Of its own size, so that reading past its end shows. */
	uint8_t *copy = malloc(len);
	enum hg_tls_state state;

	assert_true(copy != NULL || len == 0);
	if (len != 0)
		memcpy(copy, datagram, len);
	state = hg_tls_session_feed(talk->server, copy, len);
	assert_int_equal(hg_tls_session_state(talk->server), state);
	take(talk);
	free(copy);
	return hg_tls_session_state(talk->server);
}

void
conversation_ignored(struct conversation *talk, const uint8_t *datagram, size_t len)
{
	unsigned int sent = talk->sent;

	assert_int_equal(conversation_feed(talk, datagram, len), HG_TLS_ESTABLISHED);
	assert_int_equal(talk->sent, sent);
	assert_int_equal(talk->received_len, 0);
}

void
conversation_client(struct conversation *talk)
{
	ERR_clear_error();
	SSL_do_handshake(talk->client);
	ERR_clear_error();
}

void
conversation_run(struct conversation *talk)
{
	uint8_t datagram[WIRE_DATAGRAM_MAX];
	unsigned int rounds = 0, before;
	size_t len;

	while (talk->to_server.n != 0 || talk->to_client.n != 0) {
		assert_true(rounds++ < 100); /* or they talk for ever */
		while ((len = wire_pop(&talk->to_server, datagram)) != 0)
			conversation_feed(talk, datagram, len);
		before = talk->to_client.n;
		conversation_client(talk);
		if (talk->to_client.n == before && talk->to_server.n == 0)
			break;
	}
}

enum hg_tls_state
conversation_handshake(struct conversation *talk, const struct hg_tls_context *context)
{
	conversation_get_cookie(talk);
	conversation_enter(talk, context, 1200);
	conversation_run(talk);
	return hg_tls_session_state(talk->server);
}

size_t
conversation_seal(struct conversation *talk, const void *message, size_t len,
	uint8_t datagram[WIRE_DATAGRAM_MAX])
{
	assert_int_equal(talk->to_server.n, 0);
	assert_int_equal(SSL_write(talk->client, message, (int)len), len);
	return wire_pop(&talk->to_server, datagram);
}

int
conversation_bio_type(const struct conversation *talk)
{
	return BIO_method_type(SSL_get_rbio(talk->server->ssl));
}

void
conversation_echo(struct conversation *talk, size_t len)
{
	uint8_t datagram[WIRE_DATAGRAM_MAX], message[WIRE_DATAGRAM_MAX], back[WIRE_DATAGRAM_MAX];
	size_t n;

	for (size_t i = 0; i < len; i++)
		message[i] = (uint8_t)(i * 31 + len);
	talk->received_len = 0;
	n = conversation_seal(talk, message, len, datagram);
	assert_int_equal(conversation_feed(talk, datagram, n), HG_TLS_ESTABLISHED);
	assert_int_equal(talk->received_len, len);
	assert_memory_equal(talk->received, message, len);
	talk->received_len = 0;
	assert_int_equal(hg_tls_session_write(talk->server, message, len, SIZE_MAX), 0);
	assert_int_equal(talk->to_client.n, 1);
	assert_int_equal(SSL_read(talk->client, back, sizeof(back)), len);
	assert_memory_equal(back, message, len);
}
