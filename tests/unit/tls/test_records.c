/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records that cannot be, records that nobody can have sent, and of which suite they are: none of them
 * ends anything, with any release of OpenSSL.
 */
#include <openssl/ssl.h>

#include <string.h>

#include "base/bytes.h"
#include "conversation.h"
#include "serving.h"
#include "suites.h"
#include "tls/internal.h"
#include "unit.h"

static const struct client_options plain;

/* Records that cannot be, of every kind: what OpenSSL thinks of some depends on its release. */
static const struct {
	uint8_t type;
	uint16_t version;
	uint16_t epoch;
	uint8_t len;
	uint8_t content[26];
	enum hg_tls_verdict handshake; /* why it is ignored while the client's flight is awaited */
} impossible[] = {
	{ 20, 0xfefd, 0, 1, { 2 }, HG_TLS_IGNORE_MESSAGE },
	{ 20, 0xfefd, 0, 2, { 1, 1 }, HG_TLS_IGNORE_MESSAGE },
	{ 20, 0xfefd, 1, 1, { 1 }, HG_TLS_IGNORE_MESSAGE },
	{ 20, 0xfefd, 1, 25, { 1 }, HG_TLS_IGNORE_MESSAGE },
	{ 21, 0xfefd, 0, 2, { 1, 0 }, HG_TLS_IGNORE_CLEAR },
	{ 21, 0xfefd, 0, 2, { 2, 40 }, HG_TLS_IGNORE_CLEAR },
	{ 21, 0xfefd, 0, 2, { 3, 40 }, HG_TLS_IGNORE_CLEAR },
	{ 21, 0xfefd, 0, 1, { 2 }, HG_TLS_IGNORE_CLEAR },
	{ 21, 0xfeff, 0, 2, { 2, 70 }, HG_TLS_IGNORE_CLEAR },
	{ 21, 0xfefd, 1, 2, { 2, 40 }, HG_TLS_IGNORE_SHORT },
	{ 22, 0xfefd, 0, 11, { 16 }, HG_TLS_IGNORE_MESSAGE },
	{ 22, 0xfefd, 1, 12, { 20, [5] = 3 }, HG_TLS_IGNORE_SHORT },
	{ 23, 0xfefd, 0, 5, { 'h' }, HG_TLS_IGNORE_CLEAR },
	{ 23, 0xfefd, 1, 0, { 0 }, HG_TLS_IGNORE_FORMAT },
	{ 23, 0xfefd, 1, 1, { 0 }, HG_TLS_IGNORE_SHORT },
	{ 23, 0xfefd, 1, 15, { 0 }, HG_TLS_IGNORE_SHORT },
	{ 23, 0xfeff, 1, 26, { 0 }, HG_TLS_IGNORE_FORMAT },
	{ 23, 0xfefd, 2, 26, { 0 }, HG_TLS_IGNORE_EPOCH },
	{ 22, 0xfefd, 2, 26, { 1 }, HG_TLS_IGNORE_EPOCH },
	{ 23, 0xfefd, 0xffff, 26, { 0 }, HG_TLS_IGNORE_EPOCH },
	{ 19, 0xfefd, 0, 5, { 0 }, HG_TLS_IGNORE_FORMAT },
	{ 24, 0xfefd, 0, 5, { 1, 0, 1 }, HG_TLS_IGNORE_FORMAT },
	{ 25, 0xfefd, 1, 26, { 0 }, HG_TLS_IGNORE_FORMAT },
	{ 26, 0xfefd, 0, 26, { 0 }, HG_TLS_IGNORE_FORMAT },
	{ 0, 0xfefd, 0, 26, { 0 }, HG_TLS_IGNORE_FORMAT },
	{ 22, 0x0303, 0, 26, { 16 }, HG_TLS_IGNORE_FORMAT },
	/* Handshake messages: types that no client sends now, numbers, lengths. */
	{ 22, 0xfefd, 0, 12, { 0, [5] = 2 }, HG_TLS_IGNORE_MESSAGE },
	{ 22, 0xfefd, 0, 13, { 16, 0, 0, 1, 0, 1, [11] = 1 }, HG_TLS_IGNORE_REPEATED },
	{ 22, 0xfefd, 0, 13, { 14, 0, 0, 1, 0, 2, [11] = 1 }, HG_TLS_IGNORE_MESSAGE },
	{ 22, 0xfefd, 0, 13, { 20, 0, 0, 1, 0, 2, [11] = 1 }, HG_TLS_IGNORE_MESSAGE },
	{ 22, 0xfefd, 0, 13, { 15, 0, 0, 1, 0, 3, [11] = 1 }, HG_TLS_IGNORE_MESSAGE },
	{ 22, 0xfefd, 0, 13, { 16, 0, 0, 1, 0, 12, [11] = 1 }, HG_TLS_IGNORE_MESSAGE },
	{ 22, 0xfefd, 0, 12, { 16, 0, 0, 9, 0, 2 }, HG_TLS_IGNORE_MESSAGE },
	{ 22, 0xfefd, 0, 13, { 16, 0, 0, 9, 0, 2, [11] = 2 }, HG_TLS_IGNORE_MESSAGE },
	{ 22, 0xfefd, 0, 13, { 16, 0, 0, 9, 0, 2, 0, 0, 9, 0, 0, 1 }, HG_TLS_IGNORE_MESSAGE },
	{ 22, 0xfefd, 0, 13, { 16, 0xff, 0xff, 0xff, 0, 2, [11] = 1 }, HG_TLS_IGNORE_MESSAGE },
	{ 22, 0xfefd, 0, 13, { 16, 0, 0x40, 0, 0, 2, [11] = 1 }, HG_TLS_IGNORE_MESSAGE },
};

#define N_IMPOSSIBLE (sizeof(impossible) / sizeof(impossible[0]))

static size_t
write_impossible(unsigned int i, uint64_t seq, uint8_t record[13 + 26])
{
	record[0] = impossible[i].type;
	hg_store_be16(record + 1, impossible[i].version);
	hg_store_be16(record + 3, impossible[i].epoch);
	hg_store_be48(record + 5, seq);
	hg_store_be16(record + 11, impossible[i].len);
	memcpy(record + 13, impossible[i].content, impossible[i].len);
	return 13u + impossible[i].len;
}

static void
test_impossible_records(void **state)
{
	uint8_t record[13 + 26];
	size_t len;

	(void)state;
	for (unsigned int i = 0; i < N_IMPOSSIBLE; i++) {
		struct conversation *talk = conversation_new(&plain);
		unsigned int sum = 0;

		conversation_get_cookie(talk);
		assert_int_equal(conversation_enter(talk, serving.context, 1200), HG_TLS_HANDSHAKE);
		/* A number that would push honest ones out of a window, if it was believed. */
		len = write_impossible(i, (1ull << 48) - 1, record);
		for (unsigned int times = 1; times <= 3; times++) {
			assert_int_equal(conversation_feed(talk, record, len), HG_TLS_HANDSHAKE);
			assert_int_equal(talk->ignored[impossible[i].handshake], times);
		}
		conversation_run(talk);
		assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
		conversation_echo(talk, 100);
		conversation_ignored(talk, record, len);
		conversation_echo(talk, 100);
		for (unsigned int why = 0; why < HG_TLS_VERDICT_COUNT; why++)
			sum += talk->ignored[why];
		assert_uint_in_range(sum, 4, 4); /* it was not OpenSSL that ignored it */
		conversation_free(talk);
	}
}

/* All of them in front of each datagram of a client, and behind it. */
static void
test_impossible_records_around_flight(void **state)
{
	struct conversation *talk = conversation_new(&plain);
	uint8_t whole[WIRE_DATAGRAM_MAX], datagram[WIRE_DATAGRAM_MAX];
	size_t len, n;

	(void)state;
	conversation_get_cookie(talk);
	conversation_enter(talk, serving.context, 1200);
	conversation_client(talk);
	while ((n = wire_pop(&talk->to_server, datagram)) != 0) {
		len = 0;
		for (unsigned int i = 0; i < N_IMPOSSIBLE; i++)
			len += write_impossible(i, 1000 + i, whole + len);
		memcpy(whole + len, datagram, n);
		len += n;
		for (unsigned int i = 0; i < N_IMPOSSIBLE; i++)
			len += write_impossible(i, 2000 + i, whole + len);
		conversation_feed(talk, whole, len);
	}
	conversation_run(talk);
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
	conversation_echo(talk, 100);
	conversation_free(talk);
}

/* A session with a suite; NULL: not in this OpenSSL. */
static struct conversation *
with_suite(unsigned int i, bool no_etm, struct hg_tls_context **ret_context)
{
	const struct suite_wish wish = {
		.pair = &serving.identity.files,
		.psk_file = scratch_text(
			&serving.scratch, "psk", "one:01020300000000000000000000000000\n"),
		.no_etm = no_etm,
	};

	return suite_connect(i, &wish, ret_context);
}

/* Of each suite: a record of every length with a wrong MAC; the shortest that it has, and the others. */
static void
test_bad_macs_of_every_suite(void **state)
{
	unsigned int seen = 0;

	(void)state;
	for (unsigned int i = 0; i < 2 * N_SUITES; i++) {
		struct hg_tls_context *own = NULL;
		struct conversation *talk = with_suite(i / 2, i % 2 == 1, &own);
		uint8_t datagram[WIRE_DATAGRAM_MAX], bad[13 + 200] = { 23, 0xfe, 0xfd, 0, 1 };
		size_t len;

		if (talk == NULL)
			continue;
		seen++;
		for (uint8_t n = 1; n < 200; n++)
			for (uint8_t type = 20; type <= 23; type++) {
				bad[0] = type;
				bad[10] = (uint8_t)(n + 5);
				bad[12] = n;
				conversation_ignored(talk, bad, 13u + n);
			}
		len = conversation_seal(talk, "message", 7, datagram);
		for (size_t at = 13; at < len; at++) {
			datagram[at] ^= 1;
			conversation_ignored(talk, datagram, len);
			datagram[at] ^= 1;
		}
		assert_int_equal(conversation_feed(talk, datagram, len), HG_TLS_ESTABLISHED);
		assert_int_equal(talk->received_len, 7);
		conversation_echo(talk, 100);
		conversation_echo(talk, 1);
		conversation_free(talk);
		hg_tls_context_free(own);
	}
	assert_uint_in_range(seen, 20, 2 * N_SUITES);
}

/* Nothing shorter than the least of a suite reaches OpenSSL, and nothing that can be genuine is held. */
static void
test_least_lengths(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < N_SUITES; i++) {
		struct hg_tls_context *own = NULL;
		struct conversation *talk = with_suite(i, false, &own);
		uint8_t bad[13 + 200] = { 23, 0xfe, 0xfd, 0, 1 };
		unsigned int before;

		if (talk == NULL)
			continue;
		bad[12] = (uint8_t)(suites[i].least - 1);
		before = talk->ignored[HG_TLS_IGNORE_SHORT];
		conversation_ignored(talk, bad, 13u + bad[12]);
		assert_int_equal(talk->ignored[HG_TLS_IGNORE_SHORT], before + 1);
		bad[12]++;
		conversation_ignored(talk, bad, 13u + bad[12]);
		assert_int_equal(talk->ignored[HG_TLS_IGNORE_SHORT], before + 1);
		conversation_free(talk);
		hg_tls_context_free(own);
	}
}

/* An alert that a client of each suite really sends is read, and one that it does not is not. */
static void
test_alerts_are_read(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2 * N_SUITES; i++) {
		struct hg_tls_context *own = NULL;
		struct conversation *talk = with_suite(i / 2, i % 2 == 1, &own);
		struct hg_tls_session *server = talk != NULL ? talk->server : NULL;
		uint8_t record[WIRE_DATAGRAM_MAX], alert[2] = { 9, 9 };
		size_t len;

		if (talk == NULL)
			continue;
		len = conversation_seal(talk, "message", 7, record);
		assert_false(hg_tls_protection_read_alert(
			&server->protection, server->ssl, record, len, alert));
		SSL_shutdown(talk->client);
		len = wire_pop(&talk->to_server, record);
		assert_int_equal(record[0], 21);
		for (size_t at = 0; at < len - 1;
			at++) { /* of header and content, all but padding */
			uint8_t changed[WIRE_DATAGRAM_MAX];

			memcpy(changed, record, len);
			changed[at] ^= 1;
			if (at >= 11 && at < 13)
				continue;
			conversation_ignored(talk, changed, len);
		}
		assert_true(hg_tls_protection_read_alert(
			&server->protection, server->ssl, record, len, alert));
		assert_int_equal(alert[0], 1);
		assert_int_equal(alert[1], 0);
		assert_int_equal(conversation_feed(talk, record, len), HG_TLS_CLOSED);
		conversation_free(talk);
		hg_tls_context_free(own);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_impossible_records),
		cmocka_unit_test(test_impossible_records_around_flight),
		cmocka_unit_test(test_bad_macs_of_every_suite),
		cmocka_unit_test(test_least_lengths),
		cmocka_unit_test(test_alerts_are_read),
	};

	return cmocka_run_group_tests(tests, serving_open, serving_close);
}
