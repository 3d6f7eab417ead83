/* SPDX-License-Identifier: BSD-3-Clause */
/* Flights of handshake messages: in pieces, out of order, lost, sent again. */
#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "conversation.h"
#include "serving.h"
#include "unit.h"

static struct identity authority, rsa, client;
static const struct client_options plain;
static size_t live_bytes; /* that OpenSSL has */

static void *
count_malloc(size_t size, const char *file, int line)
{
	void *p = malloc(size);

	(void)file;
	(void)line;
	live_bytes += malloc_usable_size(p);
	return p;
}

static void
count_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	live_bytes -= malloc_usable_size(p);
	free(p);
}

static void *
count_realloc(void *p, size_t size, const char *file, int line)
{
	size_t before = malloc_usable_size(p);
	void *grown = realloc(p, size);

	(void)file;
	(void)line;
	if (grown != NULL || size == 0)
		live_bytes += malloc_usable_size(grown) - before;
	return grown;
}

/* Waits until the session's timer is due, as it says itself. */
static void
await_timeout(struct hg_tls_session *session)
{
	int64_t left;

	while ((left = hg_tls_session_timeout(session)) > 0) {
		struct timespec rest = { .tv_sec = left / 1000000,
			.tv_nsec = left % 1000000 * 1000 };

		assert_uint_in_range(left, 0, 2000000);
		nanosleep(&rest, NULL);
	}
	assert_int_equal(left, 0);
}

/* RFC 6347 4.2.1: the ServerHello has the record sequence number of the hello that it answers. */
static void
test_record_sequence_continues(void **state)
{
	static const uint8_t sequences[][6] = {
		{ 0, 0, 0, 0, 0, 1 },
		{ 0, 0, 0, 1, 0, 0 },
		{ 0x7f, 0xff, 0xff, 0xff, 0xff, 0xf0 },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
		struct conversation *talk = conversation_new(&plain);

		conversation_get_cookie(talk);
		memcpy(talk->to_server.datagram[0].bytes + 5, sequences[i], 6);
		assert_int_equal(conversation_enter(talk, serving.context, 1200), HG_TLS_HANDSHAKE);
		assert_memory_equal(talk->to_client.datagram[0].bytes + 5, sequences[i], 6);
		conversation_free(talk);
	}
}

/*
 * Takes note of the numbers of the epoch-0 records that are on their way to the client, and fails the
 * test unless each is one more than the one before.
 */
static void
follow_sequence(const struct conversation *talk, uint64_t *next)
{
	for (unsigned int i = 0; i < talk->to_client.n; i++) {
		const uint8_t *p = talk->to_client.datagram[i].bytes;
		size_t len = talk->to_client.datagram[i].len;

		for (size_t at = 0; at < len; at += 13u + hg_load_be16(p + at + 11)) {
			if (hg_load_be16(p + at + 3) != 0)
				continue;
			assert_true(hg_load_be48(p + at + 5) == *next);
			(*next)++;
		}
	}
}

/*
 * Every record of epoch 0 has the next number, from that of the hello on, however often a flight is sent;
 * so a client with a window for replays takes each of them. Alerts too.
 */
static void
test_record_sequence_of_repeated_flights(void **state)
{
	struct conversation *talk = conversation_new(&plain);
	uint64_t next = 77;

	(void)state;
	conversation_get_cookie(talk);
	hg_store_be48(talk->to_server.datagram[0].bytes + 5, next); /* repeated often */
	assert_int_equal(conversation_enter(talk, serving.context, 300), HG_TLS_HANDSHAKE);
	for (unsigned int i = 0; i < 2; i++) {
		assert_true(talk->to_client.n > 0);
		follow_sequence(talk, &next);
		talk->to_client.n = 0;
		await_timeout(talk->server);
		assert_int_equal(hg_tls_session_expire(talk->server), HG_TLS_HANDSHAKE);
	}
	follow_sequence(talk, &next);
	assert_uint_in_range(next, 77 + 3 * 4, 77 + 3 * 20);
	conversation_client(talk);
	assert_true(talk->to_server.n > 0);
	while (talk->to_server.n != 0) {
		uint8_t datagram[WIRE_DATAGRAM_MAX];
		size_t len = wire_pop(&talk->to_server, datagram);

		conversation_feed(talk, datagram, len);
	}
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
	follow_sequence(talk, &next); /* ChangeCipherSpec */
	conversation_run(talk);
	conversation_echo(talk, 100);
	conversation_free(talk);
}

/* No suite in common: the alert is the first record that leaves. */
static void
test_record_sequence_of_alert(void **state)
{
	static const struct client_options options = { .ciphers = "ECDHE-RSA-AES128-GCM-SHA256" };
	struct conversation *talk = conversation_new(&options);
	uint64_t next = 5;

	(void)state;
	conversation_get_cookie(talk);
	hg_store_be48(talk->to_server.datagram[0].bytes + 5, next);
	assert_int_equal(conversation_enter(talk, serving.context, 1200), HG_TLS_FAILED);
	assert_int_equal(talk->to_client.n, 1);
	assert_int_equal(talk->to_client.datagram[0].bytes[0], 21);
	follow_sequence(talk, &next);
	assert_true(next == 6);
	conversation_free(talk);
}

static void
test_flights_fit(void **state)
{
	static const size_t limits[] = { 256, 300, 512, 1000, 1200, 1472 };
	const struct hg_tls_settings settings = {
		.pairs = &rsa.files,
		.n_pairs = 1,
		.client_ca = authority.files.certificate,
		.tickets = true,
	};
	const struct client_options options = { .identity = &client };
	struct hg_tls_context *large = NULL;
	struct hg_tls_error error;

	(void)state;
	assert_int_equal(hg_tls_context_new(&large, &settings, &error), 0);
	for (unsigned int i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct conversation *talk = conversation_new(&options);

		conversation_get_cookie(talk);
		assert_int_equal(conversation_enter(talk, large, limits[i]), HG_TLS_HANDSHAKE);
		conversation_run(talk);
		assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
		assert_uint_in_range(talk->largest, 1, limits[i]);
		conversation_free(talk);
	}
	hg_tls_context_free(large);
}

/* A second hello of more than one fragment, as a small MTU or a post-quantum key share makes it. */
static struct conversation *
fragmented(void)
{
	static const struct client_options options = { .mtu = 256, .protocols = 400 };
	struct conversation *talk = conversation_new(&options);

	conversation_get_cookie(talk);
	assert_uint_in_range(talk->to_server.n, 2, 4);
	return talk;
}

static void
test_fragmented_hello(void **state)
{
	struct conversation *talk = fragmented();

	(void)state;
	assert_int_equal(conversation_enter(talk, serving.context, 1200), HG_TLS_HANDSHAKE);
	assert_int_equal(talk->sent, 0);
	conversation_run(talk);
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
	conversation_echo(talk, 100);
	conversation_free(talk);
}

/* All fragments as records of one datagram. */
static void
test_fragments_in_one_datagram(void **state)
{
	struct conversation *talk = fragmented();
	uint8_t whole[WIRE_DATAGRAM_MAX];
	size_t whole_len = wire_join(&talk->to_server, whole);

	(void)state;
	wire_push(&talk->to_server, whole, whole_len);
	assert_int_equal(conversation_enter(talk, serving.context, 1200), HG_TLS_HANDSHAKE);
	assert_true(talk->sent > 0);
	conversation_run(talk);
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
	conversation_free(talk);
}

/* Later fragments in another order, each twice. */
static void
test_fragments_out_of_order(void **state)
{
	struct conversation *talk = fragmented();
	uint8_t datagram[4][WIRE_DATAGRAM_MAX];
	unsigned int n = 0;
	size_t len[4];

	(void)state;
	assert_int_equal(conversation_enter(talk, serving.context, 1200), HG_TLS_HANDSHAKE);
	while (n < 4 && (len[n] = wire_pop(&talk->to_server, datagram[n])) != 0)
		n++;
	for (unsigned int i = 0; i < 2 * n; i++)
		wire_push(&talk->to_server, datagram[n - 1 - i / 2], len[n - 1 - i / 2]);
	conversation_run(talk);
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
	conversation_free(talk);
}

/* The server's first flight is lost; what the timer sends again completes the handshake. */
static void
test_lost_flight(void **state)
{
	struct conversation *talk = conversation_new(&plain);
	unsigned int flight;

	(void)state;
	conversation_get_cookie(talk);
	assert_int_equal(conversation_enter(talk, serving.context, 300), HG_TLS_HANDSHAKE);
	flight = talk->to_client.n;
	assert_uint_in_range(flight, 2, 10);
	assert_true(hg_tls_session_timeout(talk->server) >= 0);
	talk->to_client.n = 0;
	await_timeout(talk->server);
	assert_int_equal(hg_tls_session_expire(talk->server), HG_TLS_HANDSHAKE);
	assert_uint_in_range(talk->to_client.n, flight, WIRE_MAX); /* packed less tightly */
	assert_true(hg_tls_session_timeout(talk->server) >= 0);
	conversation_run(talk);
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
	assert_uint_in_range(talk->largest, 1, 300);
	conversation_echo(talk, 100);
	assert_true(hg_tls_session_timeout(talk->server) == -1);
	conversation_free(talk);
}

static unsigned int
short_timer(SSL *ssl, unsigned int microseconds)
{
	(void)ssl;
	(void)microseconds;
	return 50000; /* OpenSSL takes one of less than 15 ms for expired already */
}

/* The server's last flight is lost; the client sends its own again and must get that answered. */
static void
test_lost_last_flight(void **state)
{
	struct conversation *talk = conversation_new(&plain);
	uint8_t datagram[WIRE_DATAGRAM_MAX];
	struct timespec rest = { .tv_nsec = 1000000 };
	struct timeval left;
	size_t len;

	(void)state;
	conversation_get_cookie(talk);
	conversation_enter(talk, serving.context, 1200);
	DTLS_set_timer_cb(talk->client, short_timer);
	conversation_client(talk);
	while ((len = wire_pop(&talk->to_server, datagram)) != 0)
		conversation_feed(talk, datagram, len);
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
	talk->to_client.n = 0;
	assert_int_equal(DTLSv1_get_timeout(talk->client, &left), 1);
	while (DTLSv1_get_timeout(talk->client, &left) == 1 && (left.tv_sec | left.tv_usec) != 0) {
		assert_uint_in_range(left.tv_sec, 0, 1);
		nanosleep(&rest, NULL);
	}
	assert_int_equal(DTLSv1_handle_timeout(talk->client), 1);
	conversation_run(talk);
	assert_true(SSL_is_init_finished(talk->client));
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
	conversation_echo(talk, 100);
	conversation_free(talk);
}

/*
 * Resumed, the client's Finished is the last message: on their way are it and "first" and "second" behind it.
 * The session in options is the caller's.
 */
static struct conversation *
data_behind_finished(struct client_options *options)
{
	struct conversation *talk = conversation_new(&plain);

	assert_int_equal(conversation_handshake(talk, serving.context), HG_TLS_ESTABLISHED);
	options->session = SSL_get1_session(talk->client);
	conversation_free(talk);
	talk = conversation_new(options);
	conversation_get_cookie(talk);
	assert_int_equal(conversation_enter(talk, serving.context, 1200), HG_TLS_HANDSHAKE);
	conversation_client(talk);
	assert_true(SSL_is_init_finished(talk->client));
	assert_int_equal(SSL_write(talk->client, "first", 5), 5);
	assert_int_equal(SSL_write(talk->client, "second", 6), 6);
	return talk;
}

/* Application data in the datagram that completes the handshake. */
static void
test_data_behind_finished(void **state)
{
	struct client_options options = { .session = NULL };
	struct conversation *talk = data_behind_finished(&options);
	uint8_t whole[WIRE_DATAGRAM_MAX];
	size_t whole_len = wire_join(&talk->to_server, whole);

	(void)state;
	assert_int_equal(conversation_feed(talk, whole, whole_len), HG_TLS_ESTABLISHED);
	assert_int_equal(talk->received_len, 11);
	assert_memory_equal(talk->received, "firstsecond", 11);
	conversation_free(talk);
	SSL_SESSION_free(options.session);
}

/* Takes the client's datagrams apart: each record becomes a datagram. Returns how many there are. */
static unsigned int
split_records(struct conversation *talk, struct wire *records)
{
	uint8_t datagram[WIRE_DATAGRAM_MAX];
	size_t len;

	records->n = 0;
	while ((len = wire_pop(&talk->to_server, datagram)) != 0)
		for (size_t at = 0; at + 13 <= len;) {
			size_t n = 13 + ((size_t)datagram[at + 11] << 8 | datagram[at + 12]);

			assert_true(at + n <= len);
			wire_push(records, datagram + at, n);
			at += n;
		}
	return records->n;
}

/* RFC 6347 4.1: the client's Finished overtakes its ChangeCipherSpec. */
static void
test_finished_overtakes(void **state)
{
	struct conversation *talk = conversation_new(&plain);
	struct wire *records = calloc(1, sizeof(*records));
	unsigned int n;

	(void)state;
	assert_non_null(records);
	conversation_get_cookie(talk);
	assert_int_equal(conversation_enter(talk, serving.context, 1200), HG_TLS_HANDSHAKE);
	conversation_client(talk);
	n = split_records(talk, records);
	assert_uint_in_range(n, 3, 8);
	assert_int_equal(records->datagram[n - 2].bytes[0], 20);
	for (unsigned int i = 0; i < n - 2; i++)
		wire_push(&talk->to_server, records->datagram[i].bytes, records->datagram[i].len);
	wire_push(&talk->to_server, records->datagram[n - 1].bytes, records->datagram[n - 1].len);
	wire_push(&talk->to_server, records->datagram[n - 2].bytes, records->datagram[n - 2].len);
	conversation_run(talk);
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
	conversation_echo(talk, 100);
	conversation_free(talk);
	free(records);
}

/* The client's messages in fragments, of a client that shows a certificate: three of epoch 0. */
static struct conversation *
with_certificate(struct hg_tls_context **ret_verifying, size_t mtu)
{
	static struct client_options options;
	const struct hg_tls_settings settings = {
		.pairs = &serving.identity.files,
		.n_pairs = 1,
		.client_ca = authority.files.certificate,
	};
	struct conversation *talk;

	*ret_verifying = conversation_context(&settings);
	options = (struct client_options){ .identity = &client, .mtu = (long)mtu };
	talk = conversation_new(&options);
	conversation_get_cookie(talk);
	assert_int_equal(conversation_enter(talk, *ret_verifying, 1200), HG_TLS_HANDSHAKE);
	conversation_client(talk);
	return talk;
}

/* In any order, each record twice: nothing has to be sent again. */
static void
test_flight_in_any_order(void **state)
{
	struct wire *records = calloc(1, sizeof(*records));

	(void)state;
	assert_non_null(records);
	for (unsigned int turn = 0; turn < 40; turn++) {
		struct hg_tls_context *verifying;
		struct conversation *talk = with_certificate(&verifying, 256);
		unsigned int n = split_records(talk, records), order[2 * WIRE_MAX], x = turn * 7919;

		assert_uint_in_range(n, 6, 20);
		for (unsigned int i = 0; i < 2 * n; i++)
			order[i] = i % n;
		for (unsigned int i = 2 * n - 1; i > 0; i--) {
			unsigned int k, swap = order[i];

			x = x * 1103515245 + 12345;
			k = x / 65536 % (i + 1);
			order[i] = order[k];
			order[k] = swap;
		}
		for (unsigned int i = 0; i < 2 * n; i++)
			conversation_feed(talk, records->datagram[order[i]].bytes,
				records->datagram[order[i]].len);
		assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
		conversation_client(talk);
		conversation_echo(talk, 100);
		conversation_free(talk);
		hg_tls_context_free(verifying);
	}
	free(records);
}

/*
 * Fragments that somebody else has sent before, of other lengths and with other content: what the client
 * sends counts. Records with numbers of the far future push nothing out of a window.
 */
static void
test_forged_fragments(void **state)
{
	struct hg_tls_context *verifying;
	struct conversation *talk = with_certificate(&verifying, 256);
	uint8_t record[13 + 12 + 60] = { 22, 0xfe, 0xfd, [12] = 12 + 60 };
	uint8_t datagram[WIRE_DATAGRAM_MAX];
	size_t len;

	(void)state;
	memset(record + 5, 0xff, 6);
	for (unsigned int i = 0; i < 300; i++) {
		static const uint8_t types[] = { 11, 16, 15 };
		unsigned int declared = 1000 + i % 7, at = i * 13 % 900;

		record[13] = types[i % 3];
		hg_store_be24(record + 14, declared);
		hg_store_be16(record + 17, (uint16_t)(2 + i % 3));
		hg_store_be24(record + 19, at);
		hg_store_be24(record + 22, 60);
		memset(record + 25, (int)i, 60);
		assert_int_equal(conversation_feed(talk, record, sizeof(record)), HG_TLS_HANDSHAKE);
	}
	while ((len = wire_pop(&talk->to_server, datagram)) != 0)
		conversation_feed(talk, datagram, len);
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
	conversation_client(talk);
	conversation_echo(talk, 100);
	conversation_free(talk);
	hg_tls_context_free(verifying);
}

/* RFC 6347 4.1: application data that overtakes the Finished in front of it is not lost. */
static void
test_data_overtakes_finished(void **state)
{
	struct client_options options = { .session = NULL };
	struct conversation *talk = data_behind_finished(&options);
	struct wire *records = calloc(1, sizeof(*records));
	unsigned int n;

	(void)state;
	assert_non_null(records);
	n = split_records(talk, records);
	assert_int_equal(n, 4); /* ChangeCipherSpec, Finished, two of data */
	while (n-- > 0)
		conversation_feed(talk, records->datagram[n].bytes, records->datagram[n].len);
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
	assert_int_equal(talk->received_len, 11);
	assert_memory_equal(talk->received, "secondfirst", 11);
	conversation_free(talk);
	SSL_SESSION_free(options.session);
	free(records);
}

/* What OpenSSL keeps of unauthenticated records is bounded, and none of it ends the handshake. */
static void
test_early_records(void **state)
{
	struct conversation *talk = conversation_new(&plain);
	uint8_t record[13 + 64] = { 22, 0xfe, 0xfd, 0, 1, [12] = 64 };
	size_t before;

	(void)state;
	conversation_get_cookie(talk);
	assert_int_equal(conversation_enter(talk, serving.context, 1200), HG_TLS_HANDSHAKE);
	before = live_bytes;
	for (unsigned int i = 0; i < 5000; i++) {
		record[0] = (uint8_t)(20 + i % 4);
		record[9] = (uint8_t)(i >> 8);
		record[10] = (uint8_t)i;
		assert_int_equal(conversation_feed(talk, record, sizeof(record)), HG_TLS_HANDSHAKE);
	}
	assert_uint_in_range(live_bytes - before, 0, 1024); /* OpenSSL sees none of them */
	assert_true(talk->ignored[HG_TLS_IGNORE_ROOM] > 2000);
	conversation_run(talk);
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
	conversation_echo(talk, 100);
	conversation_free(talk);
}

/* The same for handshake messages of the future, whole and in pieces. */
static void
test_future_messages(void **state)
{
	struct conversation *talk = conversation_new(&plain);
	uint8_t record[13 + 12 + 200] = { 22, 0xfe, 0xfd, [12] = 12 + 200, 16 };
	size_t before;

	(void)state;
	conversation_get_cookie(talk);
	assert_int_equal(conversation_enter(talk, serving.context, 1200), HG_TLS_HANDSHAKE);
	before = live_bytes;
	for (unsigned int i = 0; i < 5000; i++) {
		record[9] = (uint8_t)((i + 100) >> 8);
		record[10] = (uint8_t)(i + 100);
		record[15] =
			i % 2 == 0 ? 0 : 0x3e; /* 200 bytes, or 16072 of which these are some */
		record[16] = 200;
		record[17] = (uint8_t)((i + 3) >> 8); /* message_seq; the next one is 2 */
		record[18] = (uint8_t)(i + 3);
		record[24] = 200;
		conversation_feed(talk, record, sizeof(record));
	}
	assert_uint_in_range(live_bytes - before, 0, 1024);
	assert_int_equal(talk->ignored[HG_TLS_IGNORE_MESSAGE], 5000);
	conversation_free(talk);
}

static int
open_all(void **state)
{
	int result = serving_open(state);

	identity_make(&authority, &serving.scratch, "authority", "EC", "authority", NULL, NULL);
	identity_make(&rsa, &serving.scratch, "rsa", "RSA", "server", NULL, NULL);
	identity_make(&client, &serving.scratch, "client", "EC", "client", NULL, &authority);
	return result;
}

static int
close_all(void **state)
{
	identity_free(&authority);
	identity_free(&rsa);
	identity_free(&client);
	return serving_close(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_record_sequence_continues),
		cmocka_unit_test(test_record_sequence_of_repeated_flights),
		cmocka_unit_test(test_record_sequence_of_alert),
		cmocka_unit_test(test_flights_fit),
		cmocka_unit_test(test_fragmented_hello),
		cmocka_unit_test(test_fragments_in_one_datagram),
		cmocka_unit_test(test_fragments_out_of_order),
		cmocka_unit_test(test_lost_flight),
		cmocka_unit_test(test_lost_last_flight),
		cmocka_unit_test(test_data_behind_finished),
		cmocka_unit_test(test_finished_overtakes),
		cmocka_unit_test(test_flight_in_any_order),
		cmocka_unit_test(test_forged_fragments),
		cmocka_unit_test(test_data_overtakes_finished),
		cmocka_unit_test(test_early_records),
		cmocka_unit_test(test_future_messages),
	};

	/* Before anything else of OpenSSL's. */
	if (CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) != 1)
		return 1;
	return cmocka_run_group_tests(tests, open_all, close_all);
}
