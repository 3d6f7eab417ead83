/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One DTLS association, server side, entered with a ClientHello whose cookie has been proved
 * already. Datagrams go in and come out by function call: no socket, no thread, no clock but
 * OpenSSL's timer. A session belongs to one thread at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tls/context.h"
#include "tls/ignored.h"

struct hg_tls_session;

enum hg_tls_state {
	HG_TLS_HANDSHAKE,   /* waits for the peer */
	HG_TLS_ESTABLISHED, /* Finished verified: application data may flow */
	HG_TLS_CLOSED,      /* the peer said close_notify */
	HG_TLS_FAILED,      /* fatal alert, ours or the peer's; nothing more can be done with it */
};

/*
 * Called for each datagram to the peer, in the middle of any call below that is given the session.
 * Returns false if it is known already that the datagram is lost.
 */
typedef bool hg_tls_send_fn(void *arg, const uint8_t *datagram, size_t len);

/* Called, in the same way, for each record that is ignored before OpenSSL sees it. */
typedef void hg_tls_ignored_fn(void *arg, enum hg_tls_verdict why);

/* Bytes of UDP payload: below the first OpenSSL makes no records, above the other no whole ones. */
#define HG_TLS_FLIGHT_LEAST 256u
#define HG_TLS_FLIGHT_MOST 4048u

/*
 * flight_max is the largest UDP payload that a datagram of a handshake flight may have; it is brought
 * between the two above. ignored may be NULL. Returns NULL without memory. The session is to be freed with
 * hg_tls_session_free() whatever its state.
 */
struct hg_tls_session *hg_tls_session_new(const struct hg_tls_context *context, size_t flight_max,
	hg_tls_send_fn *send, hg_tls_ignored_fn *ignored, void *arg);
void hg_tls_session_free(struct hg_tls_session *session);

/*
 * Begins the handshake. hello is the datagram with the verified ClientHello, or its first fragment,
 * message_seq 1, its first record of record_len bytes; cookie is the one that was proved, at most 32
 * bytes. The state is HG_TLS_FAILED if they are anything else. What follows the first record is handled
 * as if it had come in a datagram of its own. The first record that leaves has the sequence number of
 * the hello (RFC 6347 4.2.1).
 */
enum hg_tls_state hg_tls_session_enter(struct hg_tls_session *session, const uint8_t *hello,
	size_t len, size_t record_len, const uint8_t *cookie, size_t cookie_len);

/*
 * Takes one datagram of the peer. It must stay until hg_tls_session_read() has returned 0 or the
 * state is another than HG_TLS_ESTABLISHED. What cannot be authenticated is ignored (RFC
 * 6347 4.1.2.7). In epoch 0, where nothing can be, it is handshake messages that may come next, and
 * ChangeCipherSpec, that are not.
 */
enum hg_tls_state hg_tls_session_feed(
	struct hg_tls_session *session, const uint8_t *datagram, size_t len);

/*
 * Application data out of the last datagram, one record a call: bytes written to buffer, or 0 when
 * there is no more. The state may have become HG_TLS_CLOSED or HG_TLS_FAILED then.
 */
size_t hg_tls_session_read(struct hg_tls_session *session, uint8_t *buffer, size_t size);

enum hg_tls_state hg_tls_session_state(const struct hg_tls_session *session);

/* Did the client resume an earlier session? Known once established. */
bool hg_tls_session_resumed(const struct hg_tls_session *session);

/*
 * Sends one record with len bytes of application data, in a datagram of at most datagram_max bytes.
 * Returns 0; or nothing has been sent: -EMSGSIZE if that is longer than datagram_max, 16384 bytes or
 * max_fragment_length (RFC 6066 4) allows, -ENODATA for no bytes, for which OpenSSL has no record,
 * -ENOBUFS if the datagram could not be sent, -EPIPE unless established. The session lives on, unless it
 * is HG_TLS_FAILED then: OpenSSL will never write again.
 */
int hg_tls_session_write(
	struct hg_tls_session *session, const uint8_t *data, size_t len, size_t datagram_max);

/* Microseconds until hg_tls_session_expire() is due (RFC 6347 4.2.4), or -1 for never. */
int64_t hg_tls_session_timeout(struct hg_tls_session *session);

/*
 * Sends the last flight again. From the second time on it does so in smaller datagrams, if those were longer
 * than 508 bytes, from the fourth on in such of 256 (RFC 6347 4.1.1.1).
 */
enum hg_tls_state hg_tls_session_expire(struct hg_tls_session *session);

/* How often flights went over to smaller datagrams so far, because there was no answer: 0 to 2. */
unsigned int hg_tls_session_reductions(const struct hg_tls_session *session);

/* Sends close_notify, if established, or in answer to the peer's. */
void hg_tls_session_close(struct hg_tls_session *session);
