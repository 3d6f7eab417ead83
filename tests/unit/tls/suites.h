/* SPDX-License-Identifier: BSD-3-Clause */
/* Sessions with each cipher suite that OpenSSL offers for DTLS 1.2 and a certificate or key here can carry. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "conversation.h"

#define N_SUITES 14u

struct suite {
	const char *name;
	bool psk;
	uint16_t least; /* bytes of a record with nothing in it, but for its header */
};

extern const struct suite suites[N_SUITES];

/* How the two are to talk. */
struct suite_wish {
	const struct hg_tls_pair *pair; /* of the server: a key for ECDSA */
	const char *psk_file;           /* with "one", the key 01 02 03 and 13 zeroes */
	bool no_etm;                    /* the MAC inside, as before RFC 7366 */
	uint8_t max_fragment;           /* code of max_fragment_length, or 0 */
	size_t flight_max;              /* of the server; 0: 1200 */
};

/*
 * An established session with the i-th suite, and its context, which is to be freed after it. NULL: the suite
 * is not in this OpenSSL. One at a time.
 */
struct conversation *suite_connect(
	unsigned int i, const struct suite_wish *wish, struct hg_tls_context **ret_context);
