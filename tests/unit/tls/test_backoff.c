/* SPDX-License-Identifier: BSD-3-Clause */
/* Flights that bring no answer are sent again in smaller datagrams (RFC 6347 4.1.1.1). */
#include <openssl/ssl.h>

#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "conversation.h"
#include "serving.h"
#include "tls/internal.h"
#include "unit.h"

/* Bytes of the longest datagram of a flight of 1232, by the number of times that it was sent before. */
static const size_t sizes[] = { 1232, 1232, 508, 508, 256, 256, 256 };

#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))

static unsigned int
short_timer(SSL *ssl, unsigned int microseconds)
{
	(void)ssl;
	(void)microseconds;
	return 20000; /* OpenSSL takes one of less than 15 ms for expired already */
}

static void
await_timeout(SSL *ssl)
{
	struct timeval left;

	while (DTLSv1_get_timeout(ssl, &left) == 1 && (left.tv_sec | left.tv_usec) != 0) {
		struct timespec rest = { .tv_sec = left.tv_sec, .tv_nsec = left.tv_usec * 1000 };

		assert_uint_in_range(left.tv_sec, 0, 1);
		nanosleep(&rest, NULL);
	}
	assert_int_equal(DTLSv1_get_timeout(ssl, &left), 1);
}

static struct conversation *
begin(const struct client_options *options, size_t flight_max)
{
	struct conversation *talk = conversation_new(options);

	conversation_get_cookie(talk);
	assert_int_equal(conversation_enter(talk, serving.context, flight_max), HG_TLS_HANDSHAKE);
	DTLS_set_timer_cb(talk->server->ssl, short_timer);
	return talk;
}

/* The longest datagram on its way to the client. */
static size_t
longest(const struct conversation *talk)
{
	size_t most = 0;

	for (unsigned int i = 0; i < talk->to_client.n; i++)
		if (talk->to_client.datagram[i].len > most)
			most = talk->to_client.datagram[i].len;
	return most;
}

/* Lets the client answer with all its flight; the server works on it. */
static void
answer(struct conversation *talk)
{
	uint8_t datagram[WIRE_DATAGRAM_MAX];
	size_t len;

	conversation_client(talk);
	assert_true(talk->to_server.n > 0);
	while ((len = wire_pop(&talk->to_server, datagram)) != 0)
		conversation_feed(talk, datagram, len);
}

/*
 * The first flight, lost so often: what comes then completes the handshake. Its sizes are those of the table, and
 * the last flight keeps to what was learned; data does not, as all of this is a guess.
 */
static void
test_first_flight(void **state)
{
	const struct client_options options = { .identity = &serving.client };

	(void)state;
	for (unsigned int lost = 0; lost < N_SIZES; lost += lost < 2 ? 2 : 1) {
		struct conversation *talk = begin(&options, 1232);

		for (unsigned int i = 0; i < lost; i++) {
			talk->to_client.n = 0;
			await_timeout(talk->server->ssl);
			assert_int_equal(hg_tls_session_expire(talk->server), HG_TLS_HANDSHAKE);
			assert_uint_in_range(longest(talk), sizes[i + 1] / 2, sizes[i + 1]);
		}
		assert_int_equal(
			hg_tls_session_reductions(talk->server), lost < 2 ? 0 : 1 + (lost >= 4));
		answer(talk);
		assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
		assert_uint_in_range(longest(talk), sizes[lost] / 2, sizes[lost]);
		conversation_client(talk);
		assert_true(SSL_is_init_finished(talk->client));
		talk->to_client.n = 0; /* a slow machine has sent it again meanwhile */
		conversation_echo(talk, 1400);
		conversation_free(talk);
	}
}

/* A client that is merely slow gets all of them, in whatever order, and goes on. */
static void
test_slow_client(void **state)
{
	const struct client_options options = { .identity = &serving.client };

	(void)state;
	for (unsigned int backwards = 0; backwards < 2; backwards++) {
		struct conversation *talk = begin(&options, 1232);

		for (unsigned int i = 0; i < 4; i++) {
			await_timeout(talk->server->ssl);
			assert_int_equal(hg_tls_session_expire(talk->server), HG_TLS_HANDSHAKE);
		}
		for (unsigned int i = 0, n = talk->to_client.n; backwards && i < n / 2; i++) {
			struct wire *wire = &talk->to_client;
			uint8_t bytes[WIRE_DATAGRAM_MAX];
			size_t len = wire->datagram[i].len;

			memcpy(bytes, wire->datagram[i].bytes, len);
			wire->datagram[i] = wire->datagram[n - 1 - i];
			memcpy(wire->datagram[n - 1 - i].bytes, bytes, len);
			wire->datagram[n - 1 - i].len = len;
		}
		conversation_run(talk);
		assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
		assert_true(SSL_is_init_finished(talk->client));
		talk->to_client.n = 0; /* a slow machine has sent it again meanwhile */
		conversation_echo(talk, 1400);
		conversation_free(talk);
	}
}

/* A timer that is not due sends nothing and changes nothing. */
static void
test_not_due(void **state)
{
	const struct client_options options = { .identity = &serving.client };
	struct conversation *talk = begin(&options, 1232);

	(void)state;
	talk->to_client.n = 0;
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(hg_tls_session_expire(talk->server), HG_TLS_HANDSHAKE);
	assert_int_equal(talk->to_client.n, 0);
	assert_int_equal(hg_tls_session_reductions(talk->server), 0);
	conversation_free(talk);
}

/* What was small from the beginning does not become larger, nor count. */
static void
test_small_from_the_beginning(void **state)
{
	const struct client_options options = { .identity = &serving.client, .max_fragment = 1 };
	struct conversation *talk = begin(&options, 400);

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		assert_uint_in_range(longest(talk), 200, 400);
		assert_int_equal(hg_tls_session_reductions(talk->server), 0);
		talk->to_client.n = 0;
		await_timeout(talk->server->ssl);
		hg_tls_session_expire(talk->server);
	}
	talk->to_client.n = 0;
	await_timeout(talk->server->ssl);
	hg_tls_session_expire(talk->server);
	assert_int_equal(hg_tls_session_reductions(talk->server), 1);
	assert_uint_in_range(longest(talk), 128, 256);
	conversation_free(talk);
}

/* Records of epoch 1 that may be a Finished, but are not authentic. */
static void
forge_finished(struct conversation *talk)
{
	const struct hg_tls_shape *shape = &talk->server->protection.shape;
	uint8_t record[13 + 256] = { 22, 0xfe, 0xfd, 0, 1 };
	size_t n = shape->least + 24u;

	for (unsigned int i = 0; i < 20; i++) {
		hg_store_be48(record + HG_RECORD_SEQ, 100 + i);
		hg_store_be16(record + HG_RECORD_LENGTH, (uint16_t)n);
		conversation_feed(talk, record, HG_RECORD_LEN + n);
	}
}

/*
 * The last flight, with a ticket that is as long as the client's certificates, lost so often: the client sends
 * its own again, and each time it is answered. Nobody else makes datagrams smaller.
 */
static void
test_last_flight(void **state)
{
	const struct client_options options = { .identity = &serving.client };
	struct conversation *talk = begin(&options, 1232);

	(void)state;
	DTLS_set_timer_cb(talk->client, short_timer);
	answer(talk);
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
	for (unsigned int i = 0; i < N_SIZES; i++) {
		unsigned int reductions = i < 2 ? 0 : 1 + (i >= 4);

		assert_uint_in_range(longest(talk), sizes[i] / 2, sizes[i]);
		assert_int_equal(hg_tls_session_reductions(talk->server), reductions);
		talk->to_client.n = 0;
		if (i == 0) {
			forge_finished(talk);
			assert_int_equal(talk->to_client.n, 0);
		}
		await_timeout(talk->client);
		assert_int_equal(DTLSv1_handle_timeout(talk->client), 1);
		answer(talk);
	}
	conversation_client(talk);
	assert_true(SSL_is_init_finished(talk->client));
	talk->to_client.n = 0; /* a slow machine has sent it again meanwhile */
	conversation_echo(talk, 1400);
	conversation_free(talk);
}

/* A resumption: it is the server's timer that sends its Finished again, and the client's has the last word. */
static void
test_resumption(void **state)
{
	struct client_options options = { .identity = &serving.client };
	struct conversation *talk = begin(&options, 1232);

	(void)state;
	conversation_run(talk);
	options.session = SSL_get1_session(talk->client);
	conversation_free(talk);
	assert_int_equal(
		hg_tls_context_renew_tickets(serving.context), 0); /* so that there is a new one */
	talk = begin(&options, 1232);
	for (unsigned int i = 0; i + 1 < N_SIZES; i++) {
		assert_uint_in_range(longest(talk), sizes[i] / 2, sizes[i]);
		talk->to_client.n = 0;
		await_timeout(talk->server->ssl);
		assert_int_equal(hg_tls_session_expire(talk->server), HG_TLS_HANDSHAKE);
	}
	conversation_run(talk);
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
	assert_true(hg_tls_session_resumed(talk->server));
	talk->to_client.n = 0; /* a slow machine has sent it again meanwhile */
	conversation_echo(talk, 1400);
	conversation_free(talk);
	SSL_SESSION_free(options.session);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_flight),
		cmocka_unit_test(test_slow_client),
		cmocka_unit_test(test_not_due),
		cmocka_unit_test(test_small_from_the_beginning),
		cmocka_unit_test(test_last_flight),
		cmocka_unit_test(test_resumption),
	};

	return cmocka_run_group_tests(tests, serving_open_mutual_rsa, serving_close);
}
