/* SPDX-License-Identifier: BSD-3-Clause */
/* ClientHellos to send, as captured from a client or as a file has them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/error.h"

#define TEMPLATE_DATAGRAMS_MAX 4u
#define TEMPLATE_BYTES_MAX 1200u /* of a datagram: with a cookie of 255 it still fits an MTU */
#define TEMPLATE_COOKIE_MAX 255u
#define TEMPLATES_MAX 32u

/* Offsets in a datagram (RFC 6347 4.1, 4.2.2, 4.3.2). */
#define RECORD_EPOCH 3u
#define RECORD_SEQ 5u
#define RECORD_LENGTH 11u
#define RECORD_HEADER 13u
#define MESSAGE_LENGTH (RECORD_HEADER + 1u)
#define MESSAGE_SEQ (RECORD_HEADER + 4u)
#define FRAGMENT_OFFSET (RECORD_HEADER + 6u)
#define FRAGMENT_LENGTH (RECORD_HEADER + 9u)
#define MESSAGE_HEADER 12u
#define HELLO_BODY (RECORD_HEADER + MESSAGE_HEADER)
#define HELLO_RANDOM (HELLO_BODY + 2u)
#define HELLO_RANDOM_LEN 32u
#define HELLO_SESSION_ID (HELLO_RANDOM + HELLO_RANDOM_LEN) /* its length */

/* A datagram of a hello: one record with one fragment of the message. */
struct template_datagram {
	uint16_t len;
	uint8_t bytes[TEMPLATE_BYTES_MAX];
};

struct template
{
	char name[32];
	const char *origin; /* what sent it; NULL if it is from a file */
	unsigned int n;     /* datagrams; the first one holds all up to the cookie */
	struct template_datagram datagram[TEMPLATE_DATAGRAMS_MAX];
	uint16_t cookie_at; /* offset in the first one of the cookie's length, which is 0 */
	uint16_t len;       /* of all datagrams */
	bool complete;      /* they are the whole message; without that no handshake follows */
};

/*
 * Reads hex digits, one datagram a line; blanks, empty lines and what follows a # are ignored.
 * Returns 0 or -EINVAL.
 */
int template_parse(
	struct template *ret_template, const char *name, const char *text, struct error *error);

/* The same from a file; the template has the file's name. */
int template_load(struct template *ret_template, const char *path, struct error *error);

/* One of those that are built in. Returns 0 or -EINVAL. */
int template_find(struct template *ret_template, const char *name, struct error *error);

/* The names and origins of those that are built in, by number; NULL behind the last. */
const char *template_name(unsigned int number);
const char *template_origin(unsigned int number);

/*
 * The datagram number i of the second hello (RFC 6347 4.2.1): the same with the cookie in it and
 * message_seq 1. Returns its length, at most TEMPLATE_BYTES_MAX + cookie_len.
 */
uint16_t template_second(const struct template *template, unsigned int i, const uint8_t *cookie,
	uint8_t cookie_len, uint8_t *ret_datagram);
