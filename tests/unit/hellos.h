/* SPDX-License-Identifier: BSD-3-Clause */
/* ClientHellos built field by field, so that each field can be wrong. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HELLO_MAX 66000u

/* Where the fields are that every ClientHello has, counted from the datagram's start. */
#define HELLO_AT_LENGTH 11u /* of the record */
#define HELLO_AT_TYPE 13u
#define HELLO_AT_MESSAGE_LEN 14u
#define HELLO_AT_SEQ 17u
#define HELLO_AT_FRAG_OFFSET 19u
#define HELLO_AT_FRAG_LEN 22u
#define HELLO_AT_BODY 25u
#define HELLO_AT_SESSION_ID 59u /* its length */

struct hello_parts {
	uint16_t client_version;
	uint16_t message_seq;
	uint64_t record_seq;
	const uint8_t *session_id;
	const uint8_t *cookie;
	const uint8_t *suites;
	const uint8_t *extensions; /* NULL: not even their length */
	uint8_t session_id_len;
	uint8_t cookie_len;
	uint16_t suites_len;
	uint16_t extensions_len;
};

/* DTLS 1.2, no session_id, no cookie, three suites, two extensions. */
extern const struct hello_parts hello_usual;

/* Returns the length of the datagram. random is 32 bytes counted up from 0xa0; one compression method, null. */
size_t hello_build(uint8_t *datagram, const struct hello_parts *parts);

/*
 * Makes the first record len bytes long, header included, as one that ends there: record and fragment
 * length say so, the message length still says what it said.
 */
void hello_cut(uint8_t *datagram, size_t len);
