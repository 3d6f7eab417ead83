/* SPDX-License-Identifier: BSD-3-Clause */
/* Handshakes with OpenSSL's client, from the cookie to close_notify. */
#include <openssl/ssl.h>

#include <errno.h>
#include <string.h>

#include "conversation.h"
#include "unit.h"
#include "wire/hello.h"

static struct scratch scratch;
static struct identity authority, ec_a, rsa_a, rsa_b, wildcard, both_ec, both_rsa, client, stranger;
static const struct client_options plain;

static struct hg_tls_context *
context_of(const struct identity *identity)
{
	const struct hg_tls_settings settings = {
		.pairs = &identity->files,
		.n_pairs = 1,
		.tickets = true,
	};

	return conversation_context(&settings);
}

static void
assert_shown(struct conversation *talk, const struct identity *identity)
{
	X509 *shown = SSL_get1_peer_certificate(talk->client);

	assert_non_null(shown);
	assert_int_equal(X509_cmp(shown, identity->certificate), 0);
	X509_free(shown);
}

static void
test_handshake_and_echo(void **state)
{
	struct hg_tls_context *context = context_of(&ec_a);
	struct conversation *talk = conversation_new(&plain);

	(void)state;
	conversation_get_cookie(talk);
	assert_int_equal(conversation_enter(talk, context, 1200), HG_TLS_HANDSHAKE);
	assert_true(talk->sent > 0);
	conversation_run(talk);
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
	assert_true(SSL_is_init_finished(talk->client));
	assert_int_equal(SSL_version(talk->client), DTLS1_2_VERSION);
	assert_false(hg_tls_session_resumed(talk->server));
	assert_shown(talk, &ec_a);
	for (size_t len = 1; len <= 16384; len = len < 4 ? len + 1 : len * 2)
		conversation_echo(talk, len);
	conversation_echo(talk, 16384 - 1);
	conversation_free(talk);
	hg_tls_context_free(context);
}

static void
test_cookie_of_other_lengths(void **state)
{
	static const size_t lens[] = { 1, 20, 32 };
	struct hg_tls_context *context = context_of(&ec_a);

	(void)state;
	/* OpenSSL's client takes a HelloVerifyRequest with any of them; the session compares them. */
	for (unsigned int i = 0; i < 3; i++) {
		struct conversation *talk = conversation_new(&plain);
		uint8_t datagram[WIRE_DATAGRAM_MAX], cookie[32], hvr[80];
		struct hg_hello hello;
		bool is_hello = false;
		size_t len;

		memset(cookie, 0x77, sizeof(cookie));
		conversation_client(talk);
		len = wire_pop(&talk->to_server, datagram);
		assert_true(len > 48);
		memcpy(hvr, datagram, 25);
		hvr[1] = 0xfe;
		hvr[2] = 0xff;
		hvr[11] = 0;
		hvr[12] = (uint8_t)(12 + 3 + lens[i]);
		hvr[13] = 3;
		hvr[14] = hvr[15] = hvr[22] = hvr[23] = 0;
		hvr[16] = hvr[24] = (uint8_t)(3 + lens[i]);
		hvr[25] = 0xfe;
		hvr[26] = 0xff;
		hvr[27] = (uint8_t)lens[i];
		memcpy(hvr + 28, cookie, lens[i]);
		wire_push(&talk->to_client, hvr, 28 + lens[i]);
		conversation_client(talk);
		len = wire_pop(&talk->to_server, datagram);
		assert_int_equal(hg_hello_parse(datagram, len, &is_hello, &hello), HG_PASS);
		assert_true(is_hello);
		assert_int_equal(hello.cookie_len, lens[i]);
		wire_push(&talk->to_server, datagram, len);
		memcpy(talk->cookie, cookie, 20);
		if (lens[i] == 20)
			assert_int_equal(conversation_enter(talk, context, 1200), HG_TLS_HANDSHAKE);
		conversation_free(talk);
	}
	hg_tls_context_free(context);
}

/* A session that was told of another cookie than the hello has fails without a word. */
static void
test_wrong_cookie(void **state)
{
	struct hg_tls_context *context = context_of(&ec_a);

	(void)state;
	for (unsigned int at = 0; at < 20; at++) {
		struct conversation *talk = conversation_new(&plain);

		conversation_get_cookie(talk);
		talk->cookie[at] ^= 1;
		assert_int_equal(conversation_enter(talk, context, 1200), HG_TLS_FAILED);
		assert_int_equal(talk->sent, 0);
		assert_int_equal(conversation_feed(talk, (const uint8_t *)"x", 1), HG_TLS_FAILED);
		assert_int_equal(talk->sent, 0);
		conversation_free(talk);
	}
	hg_tls_context_free(context);
}

static SSL_SESSION *
first_session(const struct hg_tls_context *context, const struct client_options *options)
{
	struct conversation *talk = conversation_new(options);
	SSL_SESSION *session;

	assert_int_equal(conversation_handshake(talk, context), HG_TLS_ESTABLISHED);
	assert_false(hg_tls_session_resumed(talk->server));
	session = SSL_get1_session(talk->client);
	conversation_free(talk);
	return session;
}

static void
assert_resumption(const struct hg_tls_context *context, SSL_SESSION *session,
	const char *server_name, bool resumed)
{
	const struct client_options options = { .session = session, .server_name = server_name };
	struct conversation *talk = conversation_new(&options);

	assert_int_equal(conversation_handshake(talk, context), HG_TLS_ESTABLISHED);
	assert_int_equal(hg_tls_session_resumed(talk->server), resumed);
	assert_int_equal(SSL_session_reused(talk->client), resumed);
	conversation_echo(talk, 100);
	conversation_free(talk);
}

static void
test_resumption(void **state)
{
	struct hg_tls_settings settings = { .pairs = &ec_a.files, .n_pairs = 1, .tickets = true };
	struct hg_tls_context *context = conversation_context(&settings),
			      *other = conversation_context(&settings);
	SSL_SESSION *session = first_session(context, &plain);

	(void)state;
	assert_true(SSL_SESSION_has_ticket(session));
	assert_resumption(context, session, NULL, true);
	assert_resumption(other, session, NULL, false); /* another process: other ticket keys */
	SSL_SESSION_free(session);
	hg_tls_context_free(other);
	hg_tls_context_free(context);

	settings.tickets = false;
	context = conversation_context(&settings);
	session = first_session(context, &plain);
	assert_false(SSL_SESSION_has_ticket(session));
	assert_resumption(context, session, NULL, false);
	SSL_SESSION_free(session);
	hg_tls_context_free(context);
}

static void
test_resumption_by_name(void **state)
{
	const struct hg_tls_pair pairs[] = { ec_a.files, rsa_b.files };
	const struct hg_tls_settings settings = { .pairs = pairs, .n_pairs = 2, .tickets = true };
	const struct client_options options = { .server_name = "b.example" };
	struct hg_tls_context *context = conversation_context(&settings);
	SSL_SESSION *session = first_session(context, &options);

	(void)state;
	assert_resumption(context, session, "b.example", true);
	SSL_SESSION_free(session);
	hg_tls_context_free(context);
}

static void
test_psk(void **state)
{
	static const uint8_t right[16] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88,
		0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
	const struct hg_tls_settings settings = {
		.psk_file = scratch_text(&scratch, "psk",
			"# lights\n\nlamp:00112233445566778899AABBCCDDEEFF\r\n"
			"a:b:c:01\nzebra:02"),
		.psk_hint = "kitchen",
	};
	struct client_options options = { .ciphers = "PSK", .psk_identity = "lamp", .psk = right };
	struct hg_tls_context *context = conversation_context(&settings);
	struct conversation *talk;

	(void)state;
	options.psk_len = sizeof(right);
	talk = conversation_new(&options);
	assert_int_equal(conversation_handshake(talk, context), HG_TLS_ESTABLISHED);
	assert_string_equal(talk->psk_hint, "kitchen");
	conversation_echo(talk, 1000);
	conversation_free(talk);

	options.psk_len = sizeof(right) - 1; /* the wrong key */
	talk = conversation_new(&options);
	assert_int_not_equal(conversation_handshake(talk, context), HG_TLS_ESTABLISHED);
	conversation_free(talk);

	options.psk_len = sizeof(right);
	options.psk_identity = "lamp2";
	talk = conversation_new(&options);
	assert_int_equal(conversation_handshake(talk, context), HG_TLS_FAILED);
	conversation_free(talk);

	options.psk_len = 1;
	options.psk = (const uint8_t *)"\x01";
	options.psk_identity = "a:b:c"; /* the last colon separates */
	talk = conversation_new(&options);
	assert_int_equal(conversation_handshake(talk, context), HG_TLS_ESTABLISHED);
	conversation_free(talk);

	options.psk = (const uint8_t *)"\x02";
	options.psk_identity = "zebra"; /* a last line without its end */
	talk = conversation_new(&options);
	assert_int_equal(conversation_handshake(talk, context), HG_TLS_ESTABLISHED);
	conversation_free(talk);
	hg_tls_context_free(context);
}

/* Certificates and pre-shared keys in one listener. */
static void
test_psk_beside_certificate(void **state)
{
	const struct hg_tls_settings settings = {
		.pairs = &rsa_a.files,
		.n_pairs = 1,
		.psk_file = scratch_text(&scratch, "psk2", "lamp:0102\n"),
	};
	const struct client_options with_psk = {
		.ciphers = "PSK",
		.psk_identity = "lamp",
		.psk = (const uint8_t *)"\x01\x02",
		.psk_len = 2,
	};
	struct hg_tls_context *context = conversation_context(&settings);
	struct conversation *talk = conversation_new(&with_psk);

	(void)state;
	assert_int_equal(conversation_handshake(talk, context), HG_TLS_ESTABLISHED);
	conversation_free(talk);
	talk = conversation_new(&plain);
	assert_int_equal(conversation_handshake(talk, context), HG_TLS_ESTABLISHED);
	assert_shown(talk, &rsa_a);
	conversation_free(talk);
	hg_tls_context_free(context);
}

static void
test_client_certificate(void **state)
{
	const struct hg_tls_settings settings = {
		.pairs = &ec_a.files,
		.n_pairs = 1,
		.client_ca = authority.files.certificate,
	};
	const struct client_options good = { .identity = &client };
	const struct client_options wrong = { .identity = &stranger };
	struct hg_tls_context *context = conversation_context(&settings);
	struct conversation *talk = conversation_new(&good);

	(void)state;
	assert_int_equal(conversation_handshake(talk, context), HG_TLS_ESTABLISHED);
	assert_int_equal(sk_X509_NAME_num(SSL_get_client_CA_list(talk->client)), 1);
	conversation_echo(talk, 10);
	conversation_free(talk);
	talk = conversation_new(&plain);
	assert_int_equal(conversation_handshake(talk, context), HG_TLS_FAILED);
	conversation_free(talk);
	talk = conversation_new(&wrong);
	assert_int_equal(conversation_handshake(talk, context), HG_TLS_FAILED);
	conversation_free(talk);
	hg_tls_context_free(context);
}

/* OpenSSL wants to know whose sessions these are when it has verified a client. */
static void
test_resumption_with_client_certificate(void **state)
{
	const struct hg_tls_settings settings = {
		.pairs = &ec_a.files,
		.n_pairs = 1,
		.client_ca = authority.files.certificate,
		.tickets = true,
	};
	const struct client_options options = { .identity = &client };
	struct hg_tls_context *context = conversation_context(&settings);
	SSL_SESSION *session = first_session(context, &options);

	(void)state;
	assert_resumption(context, session, NULL, true);
	SSL_SESSION_free(session);
	hg_tls_context_free(context);
}

/* With a pair chosen by name, too, a client must show its certificate. */
static void
test_client_certificate_by_name(void **state)
{
	const struct hg_tls_pair pairs[] = { ec_a.files, rsa_b.files };
	const struct hg_tls_settings settings = {
		.pairs = pairs,
		.n_pairs = 2,
		.client_ca = authority.files.certificate,
	};
	const struct client_options none = { .server_name = "b.example" };
	const struct client_options good = { .server_name = "b.example", .identity = &client };
	const struct client_options wrong = { .server_name = "b.example", .identity = &stranger };
	struct hg_tls_context *context = conversation_context(&settings);
	struct conversation *talk = conversation_new(&none);

	(void)state;
	assert_int_equal(conversation_handshake(talk, context), HG_TLS_FAILED);
	conversation_free(talk);
	talk = conversation_new(&wrong);
	assert_int_equal(conversation_handshake(talk, context), HG_TLS_FAILED);
	conversation_free(talk);
	talk = conversation_new(&good);
	assert_int_equal(conversation_handshake(talk, context), HG_TLS_ESTABLISHED);
	assert_shown(talk, &rsa_b);
	conversation_free(talk);
	hg_tls_context_free(context);
}

static void
assert_choice(const struct hg_tls_context *context, const char *server_name, const char *signatures,
	const struct identity *expected)
{
	const struct client_options options = {
		.server_name = server_name,
		.signatures = signatures,
	};
	struct conversation *talk = conversation_new(&options);

	assert_int_equal(conversation_handshake(talk, context), HG_TLS_ESTABLISHED);
	assert_shown(talk, expected);
	conversation_free(talk);
}

static void
test_server_names(void **state)
{
	const struct hg_tls_pair pairs[] = { ec_a.files, rsa_b.files, wildcard.files };
	const struct hg_tls_settings settings = { .pairs = pairs, .n_pairs = 3 };
	struct hg_tls_context *context = conversation_context(&settings);

	(void)state;
	assert_choice(context, "a.example", NULL, &ec_a);
	assert_choice(context, "b.example", NULL, &rsa_b);
	assert_choice(context, "B.Example", NULL, &rsa_b);
	assert_choice(context, "x.wild.example", NULL, &wildcard);
	/* RFC 6066 3: no name, or an unknown one. */
	assert_choice(context, NULL, NULL, &ec_a);
	assert_choice(context, "c.example", NULL, &ec_a);
	assert_choice(context, "wild.example", NULL, &ec_a);
	hg_tls_context_free(context);
}

#define ECDSA_ALONE "ECDSA+SHA256"
#define RSA_ALONE "RSA-PSS+SHA256:RSA+SHA256"

static void
test_key_types(void **state)
{
	const struct hg_tls_pair pairs[] = { ec_a.files, rsa_a.files, rsa_b.files };
	const struct hg_tls_settings settings = { .pairs = pairs, .n_pairs = 3 };
	const struct hg_tls_pair reversed[] = { rsa_b.files, rsa_a.files, ec_a.files };
	const struct hg_tls_settings settings_reversed = { .pairs = reversed, .n_pairs = 3 };
	struct hg_tls_context *context = conversation_context(&settings);

	(void)state;
	assert_choice(context, "a.example", ECDSA_ALONE, &ec_a);
	assert_choice(context, "a.example", RSA_ALONE, &rsa_a);
	assert_choice(context, NULL, RSA_ALONE, &rsa_a);
	assert_choice(context, "b.example", RSA_ALONE, &rsa_b);
	hg_tls_context_free(context);
	context = conversation_context(&settings_reversed);
	assert_choice(context, "a.example", ECDSA_ALONE, &ec_a);
	assert_choice(context, "a.example", RSA_ALONE, &rsa_a);
	assert_choice(context, "b.example", RSA_ALONE, &rsa_b);
	hg_tls_context_free(context);
}

/* The same two names, but the certificates list them in another order. */
static void
test_key_types_with_names_in_any_order(void **state)
{
	const struct hg_tls_pair pairs[] = { both_ec.files, both_rsa.files };
	const struct hg_tls_settings settings = { .pairs = pairs, .n_pairs = 2 };
	struct hg_tls_context *context = conversation_context(&settings);

	(void)state;
	assert_choice(context, "one.example", ECDSA_ALONE, &both_ec);
	assert_choice(context, "two.example", RSA_ALONE, &both_rsa);
	hg_tls_context_free(context);
}

static void
test_ciphers_and_groups(void **state)
{
	const struct hg_tls_settings settings = {
		.pairs = &ec_a.files,
		.n_pairs = 1,
		.ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384",
		.groups = "P-384:X25519",
	};
	const struct client_options options = {
		.ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305",
		.groups = "P-256:P-384",
	};
	const struct client_options other_cipher = { .ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256" };
	const struct client_options other_group = { .groups = "P-256" };
	struct hg_tls_context *context = conversation_context(&settings);
	struct conversation *talk = conversation_new(&options);

	(void)state;
	assert_int_equal(conversation_handshake(talk, context), HG_TLS_ESTABLISHED);
	assert_string_equal(SSL_get_cipher_name(talk->client), "ECDHE-ECDSA-CHACHA20-POLY1305");
	assert_int_equal(SSL_get_negotiated_group(talk->client), NID_secp384r1);
	conversation_free(talk);
	talk = conversation_new(&other_cipher);
	conversation_get_cookie(talk);
	assert_int_equal(conversation_enter(talk, context, 1200), HG_TLS_FAILED);
	assert_int_equal(talk->sent, 1); /* one alert */
	conversation_free(talk);
	talk = conversation_new(&other_group);
	conversation_get_cookie(talk);
	assert_int_equal(conversation_enter(talk, context, 1200), HG_TLS_FAILED);
	assert_int_equal(talk->sent, 1);
	conversation_free(talk);
	hg_tls_context_free(context);
}

static void
test_dtls10_refused(void **state)
{
	const struct client_options options = { .max_version = DTLS1_VERSION };
	/* Ciphers that would leave OpenSSL no reason of its own. */
	const struct hg_tls_settings settings = {
		.pairs = &rsa_a.files,
		.n_pairs = 1,
		.ciphers = "ALL:@SECLEVEL=0",
	};
	struct hg_tls_context *context = conversation_context(&settings);
	struct conversation *talk = conversation_new(&options);

	(void)state;
	conversation_get_cookie(talk);
	assert_int_equal(conversation_enter(talk, context, 1200), HG_TLS_FAILED);
	assert_int_equal(talk->sent, 1);
	assert_int_equal(talk->to_client.datagram[0].bytes[0], 21);
	conversation_free(talk);
	hg_tls_context_free(context);
}

static void
test_close_notify(void **state)
{
	struct hg_tls_context *context = context_of(&ec_a);
	struct conversation *talk = conversation_new(&plain);
	uint8_t datagram[WIRE_DATAGRAM_MAX];
	size_t len;

	(void)state;
	assert_int_equal(conversation_handshake(talk, context), HG_TLS_ESTABLISHED);
	SSL_shutdown(talk->client);
	len = wire_pop(&talk->to_server, datagram);
	assert_true(len > 0);
	assert_int_equal(conversation_feed(talk, datagram, len), HG_TLS_CLOSED);
	assert_int_equal(talk->received_len, 0);
	assert_int_equal(hg_tls_session_write(talk->server, datagram, 1, SIZE_MAX), -EPIPE);
	conversation_free(talk);

	talk = conversation_new(&plain);
	assert_int_equal(conversation_handshake(talk, context), HG_TLS_ESTABLISHED);
	hg_tls_session_close(talk->server);
	assert_int_equal(talk->to_client.n, 1);
	assert_int_equal(SSL_read(talk->client, datagram, sizeof(datagram)), 0);
	assert_int_equal(SSL_get_error(talk->client, 0), SSL_ERROR_ZERO_RETURN);
	assert_int_equal(hg_tls_session_write(talk->server, datagram, 1, SIZE_MAX), -EPIPE);
	conversation_free(talk);

	talk = conversation_new(&plain); /* not established: nothing to close */
	conversation_get_cookie(talk);
	conversation_enter(talk, context, 1200);
	talk->to_client.n = 0;
	hg_tls_session_close(talk->server);
	assert_int_equal(talk->to_client.n, 0);
	conversation_free(talk);
	hg_tls_context_free(context);
}

static int
make_identities(void **state)
{
	(void)state;
	scratch_open(&scratch);
	identity_make(&authority, &scratch, "authority", "EC", "authority", NULL, NULL);
	identity_make(&ec_a, &scratch, "ec_a", "EC", "a.example", "DNS:a.example", NULL);
	identity_make(&rsa_a, &scratch, "rsa_a", "RSA", "a.example", "DNS:a.example", NULL);
	identity_make(&rsa_b, &scratch, "rsa_b", "RSA", "b.example", NULL, NULL);
	identity_make(&wildcard, &scratch, "wild", "EC", "wild", "DNS:*.wild.example", &authority);
	identity_make(&both_ec, &scratch, "both_ec", "EC", "both",
		"DNS:one.example,DNS:two.example", NULL);
	identity_make(&both_rsa, &scratch, "both_rsa", "RSA", "both",
		"DNS:two.example,DNS:one.example", NULL);
	identity_make(&client, &scratch, "client", "EC", "client", NULL, &authority);
	identity_make(&stranger, &scratch, "stranger", "EC", "client", NULL, NULL);
	return 0;
}

static int
free_identities(void **state)
{
	(void)state;
	identity_free(&authority);
	identity_free(&ec_a);
	identity_free(&rsa_a);
	identity_free(&rsa_b);
	identity_free(&wildcard);
	identity_free(&both_ec);
	identity_free(&both_rsa);
	identity_free(&client);
	identity_free(&stranger);
	scratch_close(&scratch);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshake_and_echo),
		cmocka_unit_test(test_cookie_of_other_lengths),
		cmocka_unit_test(test_wrong_cookie),
		cmocka_unit_test(test_resumption),
		cmocka_unit_test(test_resumption_by_name),
		cmocka_unit_test(test_psk),
		cmocka_unit_test(test_psk_beside_certificate),
		cmocka_unit_test(test_client_certificate),
		cmocka_unit_test(test_resumption_with_client_certificate),
		cmocka_unit_test(test_client_certificate_by_name),
		cmocka_unit_test(test_server_names),
		cmocka_unit_test(test_key_types),
		cmocka_unit_test(test_key_types_with_names_in_any_order),
		cmocka_unit_test(test_ciphers_and_groups),
		cmocka_unit_test(test_dtls10_refused),
		cmocka_unit_test(test_close_notify),
	};

	return cmocka_run_group_tests(tests, make_identities, free_identities);
}
