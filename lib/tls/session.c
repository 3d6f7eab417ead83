/* SPDX-License-Identifier: BSD-3-Clause */
#include "tls/session.h"

#include <openssl/err.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "tls/internal.h"
#include "wire/record.h"

/*
 * RFC 6347 4.1.1.1: if repeated retransmissions bring no answer, later ones are to be smaller. 508 bytes go
 * into a packet of 576 with any IPv4 header (RFC 791 3.1); the next is the least that OpenSSL can do.
 */
#define SMALL 508u
#define SMALL_FROM 2u /* the retransmission */
#define SMALLEST HG_TLS_FLIGHT_LEAST
#define SMALLEST_FROM 4u

/* Of records that come before their turn: a Finished, and some application data behind it. */
#define KEPT_MAX 4096u
/* Messages are given to OpenSSL in fragments of this: one record cannot carry the longest. */
#define FRAGMENT_MAX 8192u
/*
 * ChangeCipherSpec has been read (SSL_state_string(3)). The numbers of SSL_get_state() are others in
 * later releases of the same soname.
 */
#define CHANGED "TRCCS"

struct hg_tls_session *
hg_tls_session_new(const struct hg_tls_context *context, size_t flight_max, hg_tls_send_fn *send,
	hg_tls_ignored_fn *ignored, void *arg)
{
	struct hg_tls_session *session = calloc(1, sizeof(*session));
	BIO *bio = NULL;

	if (session == NULL)
		return NULL;
	session->context = context;
	session->fragment_max = HG_RECORD_PLAINTEXT_MAX;
	session->send = send;
	session->ignored = ignored;
	session->arg = arg;
	session->ssl = SSL_new(context->ssl[0]);
	bio = BIO_new(context->bio);
	if (session->ssl == NULL || bio == NULL) {
		BIO_free(bio);
		hg_tls_session_free(session);
		return NULL;
	}
	BIO_set_data(bio, session);
	SSL_set_bio(session->ssl, bio, bio);
	SSL_set_app_data(session->ssl, session);
	SSL_set_msg_callback(session->ssl, hg_tls_said_hear);
	SSL_set_msg_callback_arg(session->ssl, session);
	if (flight_max < HG_TLS_FLIGHT_LEAST)
		flight_max = HG_TLS_FLIGHT_LEAST;
	hg_tls_session_set_flight_max(
		session, flight_max < HG_TLS_FLIGHT_MOST ? flight_max : HG_TLS_FLIGHT_MOST);
	SSL_set_accept_state(session->ssl);
	return session;
}

void
hg_tls_session_set_flight_max(struct hg_tls_session *session, size_t max)
{
	session->flight_max = (uint16_t)max;
	SSL_set_mtu(session->ssl, (long)max);
}

/* What only a session that still talks to its peer needs. */
static void
forget_input(struct hg_tls_session *session)
{
	hg_tls_flight_forget(&session->flight);
	free(session->kept);
	session->kept = NULL;
	session->in = session->rest = NULL;
}

void
hg_tls_session_free(struct hg_tls_session *session)
{
	if (session == NULL)
		return;
	SSL_free(session->ssl);
	forget_input(session);
	hg_tls_protection_free(&session->protection);
	free(session);
}

static enum hg_tls_state
end(struct hg_tls_session *session, enum hg_tls_state state)
{
	forget_input(session);
	session->state = state;
	return state;
}

static void
ignore(struct hg_tls_session *session, enum hg_tls_verdict why)
{
	if (session->ignored != NULL)
		session->ignored(session->arg, why);
}

/* Lets OpenSSL work on what is there and judges how far it got. */
static void
advance(struct hg_tls_session *session)
{
	int result, error;

	ERR_clear_error();
	result = SSL_accept(session->ssl);
	session->in = NULL;
	if (result == 1) {
		session->state = HG_TLS_ESTABLISHED;
		session->phase = HG_TLS_AWAIT_DATA;
		hg_tls_flight_forget(&session->flight);
		return;
	}
	error = SSL_get_error(session->ssl, result);
	if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
		end(session, HG_TLS_FAILED);
	else if (strcmp(SSL_state_string(session->ssl), CHANGED) == 0)
		session->phase = HG_TLS_AWAIT_FINISHED;
	ERR_clear_error();
}

static void
give(struct hg_tls_session *session, const uint8_t *record, size_t len)
{
	session->in = record;
	session->in_len = len;
	advance(session);
}

/* Of epoch 0. OpenSSL's window for replays sees our numbers, which nobody can move. */
static void
fill_record(struct hg_tls_session *session, uint8_t *record, uint8_t type, size_t len)
{
	record[0] = type;
	hg_store_be16(record + HG_RECORD_VERSION, HG_VERSION_DTLS12);
	hg_store_be16(record + HG_RECORD_EPOCH, 0);
	hg_store_be48(record + HG_RECORD_SEQ, session->in_seq++);
	hg_store_be16(record + HG_RECORD_LENGTH, (uint16_t)len);
}

/* Its first fragment begins the handshake. */
static void
listen(struct hg_tls_session *session, const uint8_t *record, size_t len)
{
	BIO_ADDR *peer = BIO_ADDR_new();
	int result = 0;

	session->in = record;
	session->in_len = len;
	ERR_clear_error();
	if (peer != NULL)
		result = DTLSv1_listen(session->ssl, peer);
	BIO_ADDR_free(peer);
	session->in = NULL;
	ERR_clear_error();
	if (result == 1)
		advance(session);
	else
		end(session, HG_TLS_FAILED);
}

/*
 * The message whose turn it is. Headers are written over what has been given already. Fragments are as
 * short as max_fragment_length wants it, which to OpenSSL is binding for them, too.
 */
static void
give_message(struct hg_tls_session *session, const struct hg_tls_message *message)
{
	uint8_t type = session->flight.type[session->flight.turn];
	uint16_t seq = (uint16_t)(session->flight.seq + session->flight.turn);
	size_t most = session->fragment_max - HG_HANDSHAKE_LEN, n;

	if (most > FRAGMENT_MAX)
		most = FRAGMENT_MAX;
	for (size_t at = 0; at < message->len && session->state == HG_TLS_HANDSHAKE; at += n) {
		uint8_t *record = message->bytes + at, *header = record + HG_RECORD_LEN;

		n = message->len - at < most ? message->len - at : most;
		fill_record(session, record, HG_CONTENT_HANDSHAKE, HG_HANDSHAKE_LEN + n);
		header[0] = type;
		hg_store_be24(header + HG_HANDSHAKE_LENGTH, message->len);
		hg_store_be16(header + HG_HANDSHAKE_SEQ, seq);
		hg_store_be24(header + HG_HANDSHAKE_FRAG_OFFSET, (uint32_t)at);
		hg_store_be24(header + HG_HANDSHAKE_FRAG_LENGTH, (uint32_t)n);
		if (session->phase == HG_TLS_AWAIT_HELLO && at == 0)
			listen(session, record, HG_TLS_HEADROOM + n);
		else
			give(session, record, HG_TLS_HEADROOM + n);
	}
}

/* The hello is answered: what is to come now? */
static void
expect_flight(struct hg_tls_session *session)
{
	static const uint8_t types[] = { HG_HANDSHAKE_CERTIFICATE, HG_HANDSHAKE_CLIENT_KEY_EXCHANGE,
		HG_HANDSHAKE_CERTIFICATE_VERIFY };
	const struct hg_tls_said *said = &session->said;

	if (!said->done && !said->finished)
		return;
	session->phase = HG_TLS_AWAIT_FLIGHT;
	hg_tls_protection_learn(
		&session->protection, session->ssl, said->mac_last, session->fragment_max);
	if (!said->done)
		hg_tls_flight_expect(&session->flight, 2, types, 0);
	else if (said->certificate_request)
		hg_tls_flight_expect(&session->flight, 2, types, 3);
	else
		hg_tls_flight_expect(&session->flight, 2, types + 1, 1);
}

/* Keeps a record for later. If there is no room, it is what came before that is forgotten. */
static void
keep(struct hg_tls_session *session, const uint8_t *record, size_t len)
{
	size_t n;

	if (session->kept == NULL) {
		session->kept = malloc(KEPT_MAX);
		session->kept_len = session->kept_at = 0;
	}
	if (session->kept == NULL || len > KEPT_MAX) {
		ignore(session, HG_TLS_IGNORE_ROOM);
		return;
	}
	if (len > KEPT_MAX - session->kept_len) {
		for (size_t at = 0; at < session->kept_len; at += n) {
			n = hg_tls_record_len(session->kept + at, session->kept_len - at);
			ignore(session, HG_TLS_IGNORE_ROOM);
		}
		session->kept_len = 0;
	}
	memcpy(session->kept + session->kept_len, record, len);
	session->kept_len += len;
}

/* A record of epoch 1: is there anything that is known better here than by OpenSSL? */
static enum hg_tls_verdict
judge_protected(struct hg_tls_session *session, const uint8_t *record, size_t len)
{
	uint8_t alert[2];

	if (!hg_tls_protection_admits(&session->protection, session->ssl, record, len))
		return HG_TLS_IGNORE_MAC;
	/*
	 * RFC 5246 7.2: a warning ends nothing, unless it is close_notify. To OpenSSL no_renegotiation
	 * is fatal, and so is the fifth warning in a row.
	 */
	if (record[0] == HG_CONTENT_ALERT && session->phase == HG_TLS_AWAIT_DATA &&
		hg_tls_protection_read_alert(
			&session->protection, session->ssl, record, len, alert) &&
		alert[0] == SSL3_AL_WARNING && alert[1] != SSL_AD_CLOSE_NOTIFY)
		return HG_TLS_IGNORE_WARNING;
	return HG_TLS_TAKE;
}

/* One record during the handshake. */
static void
take(struct hg_tls_session *session, const uint8_t *record, size_t len)
{
	enum hg_tls_verdict verdict =
		hg_tls_record_judge(session->phase, &session->protection.shape, record, len);

	if (verdict == HG_TLS_KEEP ||
		(verdict == HG_TLS_TAKE && session->phase == HG_TLS_AWAIT_DATA)) {
		keep(session, record, len);
		return;
	}
	if (verdict == HG_TLS_TAKE && hg_load_be16(record + HG_RECORD_EPOCH) != 0) {
		verdict = judge_protected(session, record, len);
		if (verdict == HG_TLS_TAKE)
			give(session, record, len);
	} else if (verdict == HG_TLS_TAKE && record[0] == HG_CONTENT_CHANGE_CIPHER_SPEC) {
		session->changed = true;
	} else if (verdict == HG_TLS_TAKE) {
		verdict = hg_tls_flight_add(
			&session->flight, record + HG_RECORD_LEN, len - HG_RECORD_LEN);
	}
	if (verdict != HG_TLS_TAKE)
		ignore(session, verdict);
}

/* ChangeCipherSpec has been read: the turn of a Finished that was here before it has come. */
static void
take_kept(struct hg_tls_session *session)
{
	uint8_t *kept = session->kept;
	size_t len = kept != NULL ? session->kept_len : 0, n;

	session->kept = NULL;
	for (size_t at = 0; at < len; at += n) {
		n = hg_tls_record_len(kept + at, len - at);
		take(session, kept + at, n);
	}
	free(kept);
}

/* Gives OpenSSL whatever has its turn now. */
static void
progress(struct hg_tls_session *session)
{
	uint8_t change[HG_RECORD_LEN + 1] = { [HG_RECORD_LEN] = 1 };
	struct hg_tls_message *message;

	while (session->state == HG_TLS_HANDSHAKE &&
		(message = hg_tls_flight_whole(&session->flight)) != NULL) {
		give_message(session, message);
		if (session->state != HG_TLS_HANDSHAKE)
			return;
		hg_tls_flight_step(&session->flight);
		if (session->phase == HG_TLS_AWAIT_HELLO)
			expect_flight(session);
	}
	if (session->state != HG_TLS_HANDSHAKE || session->phase != HG_TLS_AWAIT_FLIGHT ||
		!session->changed || !hg_tls_flight_over(&session->flight))
		return;
	session->changed = false;
	fill_record(session, change, HG_CONTENT_CHANGE_CIPHER_SPEC, 1);
	give(session, change, sizeof(change));
	if (session->state == HG_TLS_HANDSHAKE && session->phase == HG_TLS_AWAIT_FINISHED)
		take_kept(session);
}

enum hg_tls_state
hg_tls_session_enter(struct hg_tls_session *session, const uint8_t *hello, size_t len,
	size_t record_len, const uint8_t *cookie, size_t cookie_len)
{
	static const uint8_t type = HG_HANDSHAKE_CLIENT_HELLO;
	struct hg_tls_message *message = &session->flight.message[0];

	if (cookie_len > sizeof(session->cookie) || record_len < HG_RECORD_LEN + HG_HANDSHAKE_LEN ||
		record_len != hg_tls_record_len(hello, len) || hello[0] != HG_CONTENT_HANDSHAKE)
		return end(session, HG_TLS_FAILED);
	session->cookie_len = (uint8_t)cookie_len;
	memcpy(session->cookie, cookie, cookie_len);
	session->out_seq = hg_load_be48(hello + HG_RECORD_SEQ);
	hg_tls_flight_expect(&session->flight, 1, &type, 1);
	if (hg_tls_flight_add(&session->flight, hello + HG_RECORD_LEN,
		    record_len - HG_RECORD_LEN) != HG_TLS_TAKE ||
		hg_load_be24(hello + HG_RECORD_LEN + HG_HANDSHAKE_FRAG_OFFSET) != 0)
		return end(session, HG_TLS_FAILED);
	message->fixed = message->have; /* the cookie is for this, and not for what comes later */
	progress(session);
	return hg_tls_session_feed(session, hello + record_len, len - record_len);
}

enum hg_tls_state
hg_tls_session_feed(struct hg_tls_session *session, const uint8_t *datagram, size_t len)
{
	size_t n;

	while (session->state == HG_TLS_HANDSHAKE && len != 0) {
		n = hg_tls_record_len(datagram, len);
		if (n == 0) {
			ignore(session, HG_TLS_IGNORE_FORMAT);
			break;
		}
		take(session, datagram, n);
		progress(session);
		datagram += n;
		len -= n;
	}
	if (session->state == HG_TLS_ESTABLISHED) {
		session->rest = datagram;
		session->rest_len = len;
	}
	return session->state;
}

/* The next record of an established session, of those that are kept or else of the datagram; 0: none. */
static size_t
next_record(struct hg_tls_session *session, const uint8_t **ret_record)
{
	size_t n;

	if (session->kept != NULL && session->kept_at < session->kept_len) {
		*ret_record = session->kept + session->kept_at;
		n = hg_tls_record_len(*ret_record, session->kept_len - session->kept_at);
		session->kept_at += n;
		return n;
	}
	free(session->kept);
	session->kept = NULL;
	if (session->rest == NULL || session->rest_len == 0)
		return 0;
	n = hg_tls_record_len(session->rest, session->rest_len);
	if (n == 0) {
		ignore(session, HG_TLS_IGNORE_FORMAT);
		session->rest = NULL;
		return 0;
	}
	*ret_record = session->rest;
	session->rest += n;
	session->rest_len -= n;
	return n;
}

/* Before a flight is sent again: is it time for smaller datagrams? */
static void
back_off(struct hg_tls_session *session)
{
	unsigned int next = session->repeats + 1u;
	size_t max = session->flight_max;

	if (next >= SMALL_FROM && max > SMALL)
		max = SMALL;
	if (next >= SMALLEST_FROM && max > SMALLEST)
		max = SMALLEST;
	if (max == session->flight_max)
		return;
	session->reductions++;
	hg_tls_session_set_flight_max(session, max);
}

/* Puts the next record that is good in front of OpenSSL. Returns false if there is none. */
static bool
present(struct hg_tls_session *session)
{
	const uint8_t *record = NULL;
	size_t n;

	while ((n = next_record(session, &record)) != 0) {
		enum hg_tls_verdict verdict =
			hg_tls_record_judge(session->phase, &session->protection.shape, record, n);

		if (verdict == HG_TLS_TAKE)
			verdict = judge_protected(session, record, n);
		if (verdict == HG_TLS_TAKE) {
			/* If it is Finished again, our last flight is lost, and OpenSSL repeats it. */
			if (record[0] == HG_CONTENT_HANDSHAKE)
				back_off(session);
			session->in = record;
			session->in_len = n;
			return true;
		}
		ignore(session, verdict);
	}
	return false;
}

size_t
hg_tls_session_read(struct hg_tls_session *session, uint8_t *buffer, size_t size)
{
	bool drained = SSL_has_pending(session->ssl) == 0;
	size_t n = 0;
	int error;

	while (session->state == HG_TLS_ESTABLISHED) {
		if (drained && !present(session))
			return 0;
		if (SSL_read_ex(session->ssl, buffer, size, &n) == 1) {
			if (n != 0) /* an empty record is legal, and no end */
				return n;
			drained = SSL_has_pending(session->ssl) == 0;
			continue;
		}
		error = SSL_get_error(session->ssl, 0);
		if (error == SSL_ERROR_ZERO_RETURN)
			end(session, HG_TLS_CLOSED);
		else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
			end(session, HG_TLS_FAILED);
		ERR_clear_error();
		session->in = NULL;
		drained = true;
	}
	return 0;
}

enum hg_tls_state
hg_tls_session_state(const struct hg_tls_session *session)
{
	return session->state;
}

bool
hg_tls_session_resumed(const struct hg_tls_session *session)
{
	return SSL_session_reused(session->ssl) == 1;
}

int
hg_tls_session_write(
	struct hg_tls_session *session, const uint8_t *data, size_t len, size_t datagram_max)
{
	size_t n;

	if (session->state != HG_TLS_ESTABLISHED)
		return -EPIPE;
	/* Before OpenSSL sees it, to which a record that is too long is a fatal error of ours. */
	if (len > session->fragment_max ||
		hg_tls_protection_len(&session->protection, len) > datagram_max)
		return -EMSGSIZE;
	if (len == 0)
		return -ENODATA;
	session->lost = false;
	if (SSL_write_ex(session->ssl, data, len, &n) == 1)
		return session->lost ? -ENOBUFS : 0;
	/* Our BIO takes everything at once, so this is no matter of waiting. */
	ERR_clear_error();
	end(session, HG_TLS_FAILED);
	return -EPIPE;
}

int64_t
hg_tls_session_timeout(struct hg_tls_session *session)
{
	struct timeval left;

	if (DTLSv1_get_timeout(session->ssl, &left) != 1)
		return -1;
	return (int64_t)left.tv_sec * 1000000 + left.tv_usec;
}

enum hg_tls_state
hg_tls_session_expire(struct hg_tls_session *session)
{
	ERR_clear_error();
	if (hg_tls_session_timeout(session) == 0)
		back_off(session);
	if (DTLSv1_handle_timeout(session->ssl) < 0 && session->state == HG_TLS_HANDSHAKE)
		end(session, HG_TLS_FAILED);
	ERR_clear_error();
	return session->state;
}

unsigned int
hg_tls_session_reductions(const struct hg_tls_session *session)
{
	return session->reductions;
}

void
hg_tls_session_close(struct hg_tls_session *session)
{
	ERR_clear_error();
	if (session->state == HG_TLS_ESTABLISHED || session->state == HG_TLS_CLOSED)
		SSL_shutdown(session->ssl);
	ERR_clear_error();
}
