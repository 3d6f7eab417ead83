/* SPDX-License-Identifier: BSD-3-Clause */
/* What a session of lib/tls does with records that it should not have got, and at its limits. */
#include <openssl/ssl.h>

#include <errno.h>
#include <string.h>

#include "conversation.h"
#include "serving.h"
#include "tls/internal.h"
#include "unit.h"

static const struct client_options plain;

static const uint8_t epoch0_data[] = { 23, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 5, 'h', 'e', 'l',
	'l', 'o' };
static const uint8_t epoch0_close[] = { 21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0 };
static const uint8_t epoch0_fatal[] = { 21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40 };
static const uint8_t epoch1_data[] = { 23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 5, 'h', 'e', 'l',
	'l', 'o' };
static const uint8_t epoch1_fatal[] = { 21, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40 };
static const uint8_t epoch2_data[] = { 23, 0xfe, 0xfd, 0, 2, 0, 0, 0, 0, 0, 9, 0, 5, 'h', 'e', 'l',
	'l', 'o' };

static const struct forged {
	const uint8_t *bytes;
	size_t len;
} forged[] = {
	{ epoch0_data, sizeof(epoch0_data) },
	{ epoch0_close, sizeof(epoch0_close) },
	{ epoch0_fatal, sizeof(epoch0_fatal) },
	{ epoch1_data, sizeof(epoch1_data) },
	{ epoch1_fatal, sizeof(epoch1_fatal) },
	{ epoch2_data, sizeof(epoch2_data) },
};

#define N_FORGED (sizeof(forged) / sizeof(forged[0]))

static struct conversation *
established(void)
{
	struct conversation *talk = conversation_new(&plain);

	assert_int_equal(conversation_handshake(talk, serving.context), HG_TLS_ESTABLISHED);
	assert_true(SSL_is_init_finished(talk->client));
	talk->received_len = 0;
	return talk;
}

static void
test_forged_records(void **state)
{
	struct conversation *talk = established();

	(void)state;
	for (unsigned int round = 0; round < 50; round++)
		for (unsigned int i = 0; i < N_FORGED; i++)
			conversation_ignored(talk, forged[i].bytes, forged[i].len);
	conversation_echo(talk, 100);
	conversation_free(talk);
}

/* RFC 6347 4.1.2.7: a record whose MAC is wrong is dropped in silence, however many there are. */
static void
test_bad_macs(void **state)
{
	struct conversation *talk = established();
	uint8_t datagram[WIRE_DATAGRAM_MAX];
	size_t len = conversation_seal(talk, "message", 7, datagram);

	(void)state;
	for (size_t at = 13; at < len; at++)
		for (unsigned int bit = 0; bit < 8; bit++) {
			datagram[at] ^= (uint8_t)(1 << bit);
			conversation_ignored(talk, datagram, len);
			datagram[at] ^= (uint8_t)(1 << bit);
		}
	for (size_t n = 1; n < len; n++)
		conversation_ignored(talk, datagram, n);
	for (unsigned int round = 0; round < 2000; round++) {
		datagram[len - 1] ^= 1;
		datagram[9] = (uint8_t)round;
		conversation_ignored(talk, datagram, len);
		datagram[len - 1] ^= 1;
	}
	conversation_echo(talk, 100);
	conversation_free(talk);
}

/* The genuine record is still taken after all its forgeries; and it is taken once (RFC 6347 4.1.2.6). */
static void
test_replay(void **state)
{
	struct conversation *talk = established();
	uint8_t datagram[WIRE_DATAGRAM_MAX], bad[WIRE_DATAGRAM_MAX];
	size_t len = conversation_seal(talk, "message", 7, datagram);

	(void)state;
	memcpy(bad, datagram, len);
	bad[len - 1] ^= 1;
	conversation_ignored(talk, bad, len);
	assert_int_equal(conversation_feed(talk, datagram, len), HG_TLS_ESTABLISHED);
	assert_int_equal(talk->received_len, 7);
	talk->received_len = 0;
	for (unsigned int i = 0; i < 10; i++)
		conversation_ignored(talk, datagram, len);
	conversation_echo(talk, 100);
	conversation_free(talk);
}

static void
test_garbage(void **state)
{
	struct conversation *talk = established();
	uint8_t datagram[1500];
	uint64_t x = 88172645463325252;

	(void)state;
	for (unsigned int round = 0; round < 20000; round++) {
		for (size_t i = 0; i < 53; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			datagram[i] = (uint8_t)(x >> 24);
		}
		if (round % 2 == 0) { /* a header that is nearly right */
			memcpy(datagram, epoch1_data, 10);
			datagram[0] = (uint8_t)(20 + (x >> 40) % 5);
			datagram[11] = 0;
			datagram[12] = (uint8_t)((x >> 48) % 40);
		}
		conversation_ignored(talk, datagram, 1 + (x >> 32) % 53);
	}
	memset(datagram, 0, sizeof(datagram));
	conversation_ignored(talk, datagram, sizeof(datagram));
	memset(datagram, 0xff, sizeof(datagram));
	conversation_ignored(talk, datagram, sizeof(datagram));
	conversation_echo(talk, 100);
	conversation_free(talk);
}

/* CVE-2020-24585: plaintext that arrives during the handshake is never application data. */
static void
test_plaintext_during_handshake(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		struct conversation *talk = conversation_new(&plain);
		const uint8_t *data = i == 0 ? epoch0_data : epoch1_data;

		conversation_get_cookie(talk);
		conversation_enter(talk, serving.context, 1200);
		conversation_feed(talk, data, sizeof(epoch0_data));
		conversation_run(talk);
		assert_int_equal(talk->received_len, 0);
		conversation_free(talk);
	}
}

/* A record that cannot be authenticated must not end the handshake of whoever it pretends to be. */
static void
assert_handshake_survives(const struct forged *record)
{
	struct conversation *talk = conversation_new(&plain);

	conversation_get_cookie(talk);
	conversation_enter(talk, serving.context, 1200);
	assert_int_equal(conversation_feed(talk, record->bytes, record->len), HG_TLS_HANDSHAKE);
	conversation_run(talk);
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
	conversation_echo(talk, 100);
	conversation_free(talk);
}

static void
test_later_epochs_do_not_end_handshake(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < N_FORGED; i++)
		if (forged[i].bytes[4] != 0)
			assert_handshake_survives(&forged[i]);
}

/* Application data is never legitimate in epoch 0, where alerts and handshake messages are. */
static void
test_plaintext_does_not_end_handshake(void **state)
{
	(void)state;
	assert_handshake_survives(&forged[0]);
}

static void
test_empty_datagram(void **state)
{
	const struct forged empty = { epoch0_data, 0 };
	struct conversation *talk = established();

	(void)state;
	conversation_ignored(talk, epoch0_data, 0);
	conversation_echo(talk, 100);
	conversation_free(talk);
	assert_handshake_survives(&empty);
}

/* A Finished that was changed on its way is no Finished; the one sent again completes. */
static void
test_bad_finished(void **state)
{
	struct conversation *talk = conversation_new(&plain);
	uint8_t datagram[8][WIRE_DATAGRAM_MAX];
	unsigned int n = 0;
	size_t len[8];

	(void)state;
	conversation_get_cookie(talk);
	conversation_enter(talk, serving.context, 1200);
	conversation_client(talk);
	while (n < 8 && (len[n] = wire_pop(&talk->to_server, datagram[n])) != 0)
		n++;
	assert_uint_in_range(n, 1, 7);
	datagram[n - 1][len[n - 1] - 1] ^= 1;
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(conversation_feed(talk, datagram[i], len[i]), HG_TLS_HANDSHAKE);
	datagram[n - 1][len[n - 1] - 1] ^= 1;
	assert_int_equal(conversation_feed(talk, datagram[n - 1], len[n - 1]), HG_TLS_ESTABLISHED);
	conversation_client(talk);
	conversation_echo(talk, 100);
	conversation_free(talk);
}

static void
test_renegotiation_refused(void **state)
{
	struct conversation *talk = established();
	uint8_t datagram[WIRE_DATAGRAM_MAX];
	size_t len;

	(void)state;
	assert_int_equal(SSL_renegotiate(talk->client), 1);
	conversation_client(talk);
	assert_true(talk->to_server.n > 0);
	while ((len = wire_pop(&talk->to_server, datagram)) != 0) {
		unsigned int before = talk->sent;

		conversation_feed(talk, datagram, len);
		assert_uint_in_range(talk->sent - before, 0, 1);
	}
	for (unsigned int i = 0; i < talk->to_client.n; i++) /* no_renegotiation, no flight */
		assert_int_equal(talk->to_client.datagram[i].bytes[0], 21);
	assert_int_equal(talk->received_len, 0);
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
	assert_int_equal(hg_tls_session_write(talk->server, (const uint8_t *)"on", 2, SIZE_MAX), 0);
	conversation_free(talk);
}

/* OpenSSL has 127 numbers for kinds of BIOs; what it gives out then means "has a descriptor". */
static void
test_hundreds_of_contexts(void **state)
{
	const struct hg_tls_settings settings = { .pairs = &serving.identity.files, .n_pairs = 1 };

	(void)state;
	for (unsigned int i = 0; i < 300; i++) {
		struct hg_tls_context *one = conversation_context(&settings);
		struct conversation *talk = conversation_new(&plain);

		conversation_get_cookie(talk);
		conversation_enter(talk, one, 1200);
		if (i < 130)
			BIO_get_new_index(); /* others use them up */
		assert_int_equal(conversation_bio_type(talk) & BIO_TYPE_DESCRIPTOR, 0);
		if (i % 100 == 99) {
			conversation_run(talk);
			conversation_echo(talk, 10);
		}
		conversation_free(talk);
		hg_tls_context_free(one);
	}
}

/* What no worker hands over is refused, and nothing is written past an end. */
static void
test_enter_with_anything(void **state)
{
	uint8_t cookie[HG_TLS_COOKIE_MAX + 1] = { 0 };
	uint8_t datagram[WIRE_DATAGRAM_MAX];
	struct conversation *talk = conversation_new(&plain);
	size_t len;

	(void)state;
	conversation_get_cookie(talk);
	len = wire_pop(&talk->to_server, datagram);
	for (unsigned int i = 0; i < 6; i++) {
		struct hg_tls_session *session =
			hg_tls_session_new(serving.context, 1200, NULL, NULL, NULL);
		uint8_t changed[WIRE_DATAGRAM_MAX];

		memcpy(changed, datagram, len);
		if (i == 2)
			changed[0] = 23;
		if (i == 3)
			changed[13] = 2; /* another message */
		if (i == 4)
			changed[18] = 0; /* message_seq */
		assert_int_equal(hg_tls_session_enter(session, changed, len,
					 i == 1 ? 12 : (i == 5 ? len - 1 : len), cookie,
					 i == 0 ? sizeof(cookie) : 20),
			HG_TLS_FAILED);
		assert_int_equal(hg_tls_session_feed(session, datagram, len), HG_TLS_FAILED);
		hg_tls_session_free(session);
	}
	conversation_free(talk);
}

/* A fragment of 100 bytes that declares 100000 reserves no room for them (coturn#2003). */
static void
test_huge_message(void **state)
{
	const struct hg_tls_settings settings = {
		.pairs = &serving.identity.files,
		.n_pairs = 1,
		.client_ca = serving.identity.files.certificate,
	};
	struct hg_tls_context *verifying = NULL;
	struct hg_tls_error error;

	(void)state;
	assert_int_equal(hg_tls_context_new(&verifying, &settings, &error), 0);
	for (unsigned int i = 0; i < 2; i++) {
		struct conversation *talk = conversation_new(&plain);
		uint8_t record[13 + 12 + 100] = { 22, 0xfe, 0xfd, [9] = 9, 0, 0, 112, 11 };

		record[14] = i == 0 ? 0 : 0x01; /* 16000 or 100000 bytes of certificates */
		record[15] = i == 0 ? 0x3e : 0x86;
		record[16] = i == 0 ? 0x80 : 0xa0;
		record[18] = 2; /* message_seq */
		record[24] = 100;
		conversation_get_cookie(talk);
		conversation_enter(talk, verifying, 1200);
		assert_int_equal(conversation_feed(talk, record, sizeof(record)), HG_TLS_HANDSHAKE);
		assert_int_equal(talk->ignored[HG_TLS_IGNORE_MESSAGE], i);
		conversation_free(talk);
	}
	hg_tls_context_free(verifying);
}

static void
test_several_records_in_one_datagram(void **state)
{
	struct conversation *talk = established();
	uint8_t whole[WIRE_DATAGRAM_MAX], datagram[WIRE_DATAGRAM_MAX], buffer[100];
	size_t whole_len = 0, len;

	(void)state;
	for (unsigned int i = 1; i <= 3; i++) {
		len = conversation_seal(talk, "abc", i, datagram);
		memcpy(whole + whole_len, datagram, len);
		whole_len += len;
	}
	assert_int_equal(hg_tls_session_feed(talk->server, whole, whole_len), HG_TLS_ESTABLISHED);
	for (unsigned int i = 1; i <= 3; i++) {
		assert_int_equal(hg_tls_session_read(talk->server, buffer, sizeof(buffer)), i);
		assert_memory_equal(buffer, "abc", i);
	}
	assert_int_equal(hg_tls_session_read(talk->server, buffer, sizeof(buffer)), 0);
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
	conversation_free(talk);
}

/* A forged record in front of a genuine one in the same datagram hides nothing. */
static void
test_forged_before_genuine(void **state)
{
	struct conversation *talk = established();
	uint8_t whole[64 + WIRE_DATAGRAM_MAX];

	(void)state;
	for (unsigned int i = 0; i < N_FORGED; i++) {
		size_t len;

		memcpy(whole, forged[i].bytes, forged[i].len);
		len = conversation_seal(talk, "message", 7, whole + forged[i].len);
		assert_int_equal(
			conversation_feed(talk, whole, forged[i].len + len), HG_TLS_ESTABLISHED);
		assert_int_equal(talk->received_len, 7);
		talk->received_len = 0;
	}
	conversation_free(talk);
}

static void
test_read_into_small_buffer(void **state)
{
	struct conversation *talk = established();
	uint8_t datagram[WIRE_DATAGRAM_MAX], buffer[8];
	size_t len = conversation_seal(talk, "0123456789", 10, datagram);

	(void)state;
	assert_int_equal(hg_tls_session_feed(talk->server, datagram, len), HG_TLS_ESTABLISHED);
	assert_int_equal(hg_tls_session_read(talk->server, buffer, 8), 8);
	assert_memory_equal(buffer, "01234567", 8);
	assert_int_equal(hg_tls_session_read(talk->server, buffer, 8), 2);
	assert_memory_equal(buffer, "89", 2);
	assert_int_equal(hg_tls_session_read(talk->server, buffer, 8), 0);
	conversation_free(talk);
}

static void
test_read_without_datagram(void **state)
{
	struct conversation *talk = conversation_new(&plain);
	uint8_t buffer[8];

	(void)state;
	conversation_get_cookie(talk);
	conversation_enter(talk, serving.context, 1200);
	assert_int_equal(hg_tls_session_read(talk->server, buffer, sizeof(buffer)), 0);
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_HANDSHAKE);
	conversation_run(talk);
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(hg_tls_session_read(talk->server, buffer, sizeof(buffer)), 0);
	assert_int_equal(hg_tls_session_state(talk->server), HG_TLS_ESTABLISHED);
	conversation_echo(talk, 10);
	conversation_free(talk);
}

static void
test_write_limits(void **state)
{
	static const uint8_t message[16385];
	struct conversation *talk = conversation_new(&plain);
	unsigned int sent;

	(void)state;
	conversation_get_cookie(talk);
	conversation_enter(talk, serving.context, 1200);
	assert_int_equal(hg_tls_session_write(talk->server, message, 1, SIZE_MAX), -EPIPE);
	conversation_run(talk);
	sent = talk->sent;
	assert_int_equal(hg_tls_session_write(talk->server, message, 16385, SIZE_MAX), -EMSGSIZE);
	assert_int_equal(
		hg_tls_session_write(talk->server, message, SIZE_MAX, SIZE_MAX), -EMSGSIZE);
	assert_int_equal(hg_tls_session_write(talk->server, message, 0, SIZE_MAX), -ENODATA);
	assert_int_equal(talk->sent, sent);
	assert_int_equal(hg_tls_session_write(talk->server, message, 16384, SIZE_MAX), 0);
	assert_int_equal(talk->sent, sent + 1); /* one record, whatever the size */
	conversation_free(talk);
}

/* An alert that the client really sent ends the session, and the session stays ended. */
static void
test_fatal_alert(void **state)
{
	struct conversation *talk = established();
	uint8_t datagram[WIRE_DATAGRAM_MAX], good[WIRE_DATAGRAM_MAX];
	size_t len, good_len = conversation_seal(talk, "message", 7, good);

	(void)state;
	/* The client gets a handshake message that it cannot make sense of, and says so. */
	assert_int_equal(hg_tls_session_write(talk->server, (const uint8_t *)"x", 1, SIZE_MAX), 0);
	talk->to_client.n = 0;
	SSL_renegotiate(talk->client);
	conversation_client(talk);
	len = wire_pop(&talk->to_server, datagram);
	conversation_feed(talk, datagram, len); /* is refused with no_renegotiation, */
	conversation_client(talk);              /* upon which OpenSSL's client gives up */
	len = wire_pop(&talk->to_server, datagram);
	assert_true(len > 0);
	assert_int_equal(datagram[0], 21);
	assert_int_equal(conversation_feed(talk, datagram, len), HG_TLS_FAILED);
	assert_int_equal(conversation_feed(talk, good, good_len), HG_TLS_FAILED);
	assert_int_equal(talk->received_len, 0);
	assert_int_equal(hg_tls_session_write(talk->server, good, 1, SIZE_MAX), -EPIPE);
	conversation_free(talk);
}

/* close_notify behind data in one datagram: the data first, then the end. */
static void
test_data_then_close(void **state)
{
	struct conversation *talk = established();
	uint8_t whole[WIRE_DATAGRAM_MAX], datagram[WIRE_DATAGRAM_MAX];
	size_t len = conversation_seal(talk, "last", 4, whole), more;

	(void)state;
	SSL_shutdown(talk->client);
	more = wire_pop(&talk->to_server, datagram);
	assert_true(more > 0);
	memcpy(whole + len, datagram, more);
	assert_int_equal(conversation_feed(talk, whole, len + more), HG_TLS_CLOSED);
	assert_int_equal(talk->received_len, 4);
	assert_memory_equal(talk->received, "last", 4);
	assert_int_equal(conversation_feed(talk, whole, len), HG_TLS_CLOSED);
	assert_int_equal(talk->received_len, 4);
	conversation_free(talk);
}

static void
test_free_in_every_state(void **state)
{
	struct hg_tls_session *session = hg_tls_session_new(serving.context, 256, NULL, NULL, NULL);
	struct conversation *talk = conversation_new(&plain);

	(void)state;
	hg_tls_session_free(NULL);
	assert_non_null(session);
	assert_int_equal(hg_tls_session_state(session), HG_TLS_HANDSHAKE);
	assert_true(hg_tls_session_timeout(session) == -1);
	hg_tls_session_close(session);
	hg_tls_session_free(session);
	conversation_get_cookie(talk);
	conversation_enter(talk, serving.context, 1200);
	conversation_free(talk);
	conversation_free(established());
	hg_tls_context_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forged_records),
		cmocka_unit_test(test_bad_macs),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_plaintext_during_handshake),
		cmocka_unit_test(test_later_epochs_do_not_end_handshake),
		cmocka_unit_test(test_plaintext_does_not_end_handshake),
		cmocka_unit_test(test_empty_datagram),
		cmocka_unit_test(test_bad_finished),
		cmocka_unit_test(test_renegotiation_refused),
		cmocka_unit_test(test_hundreds_of_contexts),
		cmocka_unit_test(test_enter_with_anything),
		cmocka_unit_test(test_huge_message),
		cmocka_unit_test(test_several_records_in_one_datagram),
		cmocka_unit_test(test_forged_before_genuine),
		cmocka_unit_test(test_read_into_small_buffer),
		cmocka_unit_test(test_read_without_datagram),
		cmocka_unit_test(test_write_limits),
		cmocka_unit_test(test_fatal_alert),
		cmocka_unit_test(test_data_then_close),
		cmocka_unit_test(test_free_in_every_state),
	};

	return cmocka_run_group_tests(tests, serving_open, serving_close);
}
