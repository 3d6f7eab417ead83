/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a session of lib/tls may send and take: max_fragment_length (RFC 6066 4), the room in a datagram, and
 * what becomes of a session that cannot write.
 */
#include <openssl/ssl.h>

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "conversation.h"
#include "serving.h"
#include "suites.h"
#include "tls/internal.h"
#include "unit.h"

#define CODES 4u /* of max_fragment_length: 512, 1024, 2048 and 4096 bytes */

static struct identity ec;
static const char *psk_file;
static const uint8_t message[HG_RECORD_PLAINTEXT_MAX + 1];

static size_t
limit_of(unsigned int code)
{
	return (size_t)256 << code;
}

/* The i-th of all suites with the MAC behind the encrypted content and within it; NULL: not in this OpenSSL. */
static struct conversation *
connect_with(unsigned int i, uint8_t code, size_t flight_max, struct hg_tls_context **ret_context)
{
	const struct suite_wish wish = {
		.pair = &ec.files,
		.psk_file = psk_file,
		.no_etm = i % 2 == 1,
		.max_fragment = code,
		.flight_max = flight_max,
	};

	return suite_connect(i / 2, &wish, ret_context);
}

/* What is refused is not sent, and ends nothing. */
static void
assert_refused(struct conversation *talk, size_t len, size_t datagram_max)
{
	unsigned int sent = talk->sent;

	assert_int_equal(hg_tls_session_write(talk->server, message, len, datagram_max), -EMSGSIZE);
	assert_int_equal(talk->sent, sent);
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
}

/* Of every suite: how long a record is, is known before it is made. */
static void
test_lengths_of_records(void **state)
{
	unsigned int seen = 0;

	(void)state;
	for (unsigned int i = 0; i < 2 * N_SUITES; i++) {
		struct hg_tls_context *own = NULL;
		struct conversation *talk = connect_with(i, 0, 0, &own);

		if (talk == NULL)
			continue;
		seen++;
		for (size_t n = 1; n <= 1400; n += n < 70 ? 1 : 97) {
			size_t len;

			talk->to_client.n = 0;
			assert_int_equal(
				hg_tls_session_write(talk->server, message, n, SIZE_MAX), 0);
			assert_int_equal(talk->to_client.n, 1);
			len = talk->to_client.datagram[0].len;
			assert_int_equal(hg_tls_protection_len(&talk->server->protection, n), len);
			assert_int_equal(hg_tls_session_write(talk->server, message, n, len), 0);
			assert_refused(talk, n, len - 1);
		}
		conversation_free(talk);
		hg_tls_context_free(own);
	}
	assert_uint_in_range(seen, 20, 2 * N_SUITES);
}

/* A record that is longer than the client may send is ignored, whether it is the client's or forged. */
static void
assert_longer_is_ignored(struct conversation *talk, size_t limit)
{
	const struct hg_tls_shape *shape = &talk->server->protection.shape;
	uint8_t datagram[WIRE_DATAGRAM_MAX + 16];
	size_t len = conversation_seal(talk, message, limit, datagram);
	unsigned int before = talk->ignored[HG_TLS_IGNORE_LONG];

	assert_int_equal(len, HG_RECORD_LEN + shape->most);
	talk->received_len = 0;
	assert_int_equal(conversation_feed(talk, datagram, len), HG_TLS_ESTABLISHED);
	assert_int_equal(talk->received_len, limit);
	assert_int_equal(talk->ignored[HG_TLS_IGNORE_LONG], before);
	len += shape->block > 1 ? shape->block : 1;
	hg_store_be16(datagram + HG_RECORD_LENGTH, (uint16_t)(len - HG_RECORD_LEN));
	hg_store_be48(datagram + HG_RECORD_SEQ, 1000);
	assert_int_equal(conversation_feed(talk, datagram, len), HG_TLS_ESTABLISHED);
	assert_int_equal(talk->ignored[HG_TLS_IGNORE_LONG], before + 1);
}

/* Every suite, every length that can be agreed upon: as many bytes as that go both ways, one more does not. */
static void
test_agreed_lengths(void **state)
{
	unsigned int seen = 0;

	(void)state;
	for (unsigned int i = 0; i < 2 * N_SUITES * CODES; i++) {
		uint8_t code = (uint8_t)(1 + i % CODES);
		struct hg_tls_context *own = NULL;
		struct conversation *talk = connect_with(i / CODES, code, 0, &own);

		if (talk == NULL)
			continue;
		seen++;
		conversation_echo(talk, limit_of(code));
		assert_refused(talk, limit_of(code) + 1, SIZE_MAX);
		assert_refused(talk, HG_RECORD_PLAINTEXT_MAX, SIZE_MAX);
		assert_longer_is_ignored(talk, limit_of(code));
		conversation_echo(talk, 100);
		conversation_free(talk);
		hg_tls_context_free(own);
	}
	assert_uint_in_range(seen, 20 * CODES, 2 * N_SUITES * CODES);
}

/* Nothing but MTU and TLS itself limits a session in which no length was agreed upon. */
static void
test_no_agreement(void **state)
{
	struct hg_tls_context *own = NULL;
	struct conversation *talk = connect_with(0, 0, 0, &own);

	(void)state;
	conversation_echo(talk, HG_RECORD_PLAINTEXT_MAX);
	assert_refused(talk, HG_RECORD_PLAINTEXT_MAX + 1, SIZE_MAX);
	assert_longer_is_ignored(talk, HG_RECORD_PLAINTEXT_MAX);
	assert_refused(talk, 1, 0);
	conversation_free(talk);
	hg_tls_context_free(own);
}

/* Connects with a certificate that is longer than 512 bytes, and with what *session holds. */
static struct conversation *
connect_big(struct client_options *options, SSL_SESSION **session, size_t flight_max)
{
	struct conversation *talk;

	options->identity = &serving.client;
	options->session = *session;
	talk = conversation_new(options);
	conversation_get_cookie(talk);
	conversation_enter(talk, serving.context, flight_max);
	conversation_run(talk);
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
	assert_int_equal(hg_tls_session_resumed(talk->server), SSL_session_reused(talk->client));
	SSL_SESSION_free(*session);
	*session = SSL_get1_session(talk->client);
	return talk;
}

/*
 * With any length, datagrams of flights are no longer than one record of epoch 0, nor than they may be
 * anyhow; client certificates come in pieces of that length. Resumed sessions keep to it as well.
 */
static void
test_flights_keep_to_agreed_length(void **state)
{
	static const size_t flights[] = { 256, 524, 525, 526, 1232, 4048 };

	(void)state;
	for (unsigned int i = 0; i < CODES * sizeof(flights) / sizeof(flights[0]); i++) {
		size_t most = limit_of(1 + i % CODES) + HG_RECORD_LEN;
		struct client_options options = { .max_fragment = (uint8_t)(1 + i % CODES) };
		SSL_SESSION *session = NULL;

		if (most > flights[i / CODES])
			most = flights[i / CODES];
		for (unsigned int resumed = 0; resumed < 2; resumed++) {
			struct conversation *talk =
				connect_big(&options, &session, flights[i / CODES]);

			assert_int_equal(hg_tls_session_resumed(talk->server), resumed == 1);
			assert_uint_in_range(talk->largest, 100, most);
			conversation_echo(talk, limit_of(1 + i % CODES));
			assert_refused(talk, limit_of(1 + i % CODES) + 1, SIZE_MAX);
			conversation_free(talk);
		}
		SSL_SESSION_free(session);
	}
}

/*
 * A client that asks for another length than its session has gets a full handshake, and what it asks for. Not
 * every one is led to its end: OpenSSL 3.0 has room for records of the former length alone, as a client.
 */
static void
test_other_length_resumes_nothing(void **state)
{
	(void)state;
	for (uint8_t before = 0; before <= CODES; before++)
		for (uint8_t now = 0; now <= CODES; now++) {
			struct client_options options = { .max_fragment = before };
			size_t limit = now != 0 ? limit_of(now) : HG_RECORD_PLAINTEXT_MAX;
			SSL_SESSION *session = NULL;
			struct conversation *talk = connect_big(&options, &session, 1232);

			conversation_free(talk);
			options.max_fragment = now;
			options.session = session;
			talk = conversation_new(&options);
			conversation_get_cookie(talk);
			conversation_enter(talk, serving.context, 1232);
			assert_int_equal(hg_tls_session_resumed(talk->server), before == now);
			assert_int_equal(talk->server->fragment_max, limit);
			if (before == 0 || (now != 0 && now <= before)) {
				conversation_run(talk);
				conversation_echo(talk, limit);
				assert_refused(talk, limit + 1, SIZE_MAX);
			}
			conversation_free(talk);
			SSL_SESSION_free(session);
		}
}

/* No datagram of a flight is longer than flight_max, of whatever suite Finished is. */
static void
test_flight_max(void **state)
{
	(void)state;
	for (size_t max = 256; max < 560; max += 3)
		for (unsigned int i = max % 2; i < 2 * N_SUITES; i += 5) {
			struct hg_tls_context *own = NULL;
			struct conversation *talk = connect_with(i, 0, max, &own);

			if (talk == NULL)
				continue;
			assert_uint_in_range(talk->largest, 100, max);
			conversation_free(talk);
			hg_tls_context_free(own);
		}
}

/* What cannot be is brought into range. */
static void
test_flight_max_range(void **state)
{
	static const size_t asked[] = { 0, 255, 4049, SIZE_MAX }, got[] = { 256, 256, 4048, 4048 };

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		struct client_options options = { 0 };
		SSL_SESSION *session = NULL;
		struct conversation *talk = connect_big(&options, &session, asked[i]);

		assert_int_equal(talk->server->flight_max, got[i]);
		assert_uint_in_range(talk->largest, 256, got[i]);
		conversation_free(talk);
		SSL_SESSION_free(session);
	}
}

/* A write that OpenSSL will not do again either ends the session: nobody else would. */
static void
test_write_that_fails_for_good(void **state)
{
	struct hg_tls_context *own = NULL;
	struct conversation *talk = connect_with(0, 0, 0, &own);

	(void)state;
	SSL_set_shutdown(talk->server->ssl, SSL_SENT_SHUTDOWN);
	assert_int_equal(hg_tls_session_write(talk->server, message, 10, SIZE_MAX), -EPIPE);
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_FAILED);
	assert_int_equal(hg_tls_session_write(talk->server, message, 10, SIZE_MAX), -EPIPE);
	conversation_free(talk);
	hg_tls_context_free(own);
}

/* A datagram that cannot be sent now is lost, and nothing else. */
static void
test_write_that_is_lost(void **state)
{
	struct hg_tls_context *own = NULL;
	struct conversation *talk = connect_with(0, 0, 0, &own);

	(void)state;
	talk->deaf = true;
	assert_int_equal(hg_tls_session_write(talk->server, message, 10, SIZE_MAX), -ENOBUFS);
	talk->deaf = false;
	conversation_echo(talk, 10);
	assert_int_equal(hg_tls_session_write(talk->server, message, 0, SIZE_MAX), -ENODATA);
	conversation_echo(talk, 10);
	conversation_free(talk);
	hg_tls_context_free(own);
}

static int
set_up(void **state)
{
	int err = serving_open_mutual_rsa(state);

	identity_make(&ec, &serving.scratch, "ec", "EC", "server", NULL, NULL);
	psk_file = scratch_text(&serving.scratch, "psk", "one:01020300000000000000000000000000\n");
	return err;
}

static int
tear_down(void **state)
{
	identity_free(&ec);
	return serving_close(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths_of_records),
		cmocka_unit_test(test_agreed_lengths),
		cmocka_unit_test(test_no_agreement),
		cmocka_unit_test(test_flights_keep_to_agreed_length),
		cmocka_unit_test(test_other_length_resumes_nothing),
		cmocka_unit_test(test_flight_max),
		cmocka_unit_test(test_flight_max_range),
		cmocka_unit_test(test_write_that_fails_for_good),
		cmocka_unit_test(test_write_that_is_lost),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
