/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Telling ClientHellos from other datagrams, and taking them apart (RFC 6347 4.2, RFC
 * 5246 7.4.1.2). Only the first record of a datagram is looked at.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/verdict.h"
#include "wire/record.h"

/* The smallest datagram that is answered: it ends right after an empty cookie. */
#define HG_HELLO_MIN_LEN (HG_RECORD_LEN + HG_HANDSHAKE_LEN + 36u)
#define HG_HELLO_SESSION_ID_MAX 32u
#define HG_HELLO_RANDOM 2u /* offset of the random in client_version, random, session_id */
#define HG_HELLO_RANDOM_LEN 32u
/* Bytes of a message that may begin a handshake: OpenSSL reserves room for what the message declares. */
#define HG_HELLO_MESSAGE_MAX 16384u

/* A ClientHello; the pointers go into the datagram. */
struct hg_hello {
	const uint8_t *client; /* client_version, random, session_id with its length */
	const uint8_t *cookie;
	const uint8_t *offer; /* cipher suites and compression methods with their lengths */
	uint16_t client_len;  /* 35 to 67 */
	uint16_t offer_len;   /* 0: the fragment ends before all of it is there */
	uint8_t cookie_len;
	uint8_t message_seq;  /* 0 or 1 */
	uint16_t record_len;  /* bytes of the first record, header included */
	uint32_t message_len; /* what the handshake header declares; this fragment may hold less */
	uint64_t record_seq;
};

/*
 * Parses a datagram of len bytes. Returns HG_PASS with *ret_is_hello = true and *ret_hello filled
 * for a ClientHello that deserves an answer; HG_PASS with *ret_is_hello = false for any other
 * well-formed record, which only a session can make sense of; or the reason to drop the datagram.
 */
enum hg_verdict hg_hello_parse(
	const uint8_t *datagram, size_t len, bool *ret_is_hello, struct hg_hello *ret_hello);

/*
 * The same for the body of a ClientHello alone, or the len bytes of it in its first fragment; message_len
 * is that of the whole, at least len. Fills client, cookie and offer of *ret_hello. Returns HG_PASS,
 * HG_DROP_HELLO_DTLS13, also with them filled, or HG_DROP_HELLO_BODY.
 */
enum hg_verdict hg_hello_parse_body(
	const uint8_t *body, size_t len, size_t message_len, struct hg_hello *ret_hello);

/* Is all of the message in the datagram's first record? */
static inline bool
hg_hello_is_whole(const struct hg_hello *hello)
{
	return hello->record_len == HG_RECORD_LEN + HG_HANDSHAKE_LEN + hello->message_len;
}

/*
 * Is the first record a later fragment of a ClientHello (RFC 6347 4.2.3)? For datagrams that
 * hg_hello_parse() has passed with *ret_is_hello = false.
 */
bool hg_hello_is_fragment(const uint8_t *datagram, size_t len);

/* What a server can find of a ClientHello in a datagram: more than one thing counts as the greatest. */
enum hg_hello_part {
	HG_HELLO_NONE,
	HG_HELLO_REST,      /* later fragments */
	HG_HELLO_BEGINNING, /* or what may be one together with the next datagram */
};

/*
 * Looks for a ClientHello in all of a datagram, as servers do that read on behind the first record, or behind
 * what is none: docs/guard.md has what was measured. For datagrams that are no ClientHello themselves.
 */
enum hg_hello_part hg_hello_find(const uint8_t *datagram, size_t len);
