/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hellos that have begun a handshake on one core, for as long as their cookies are good: whoever sends
 * one again gets no second handshake. What identifies a hello is its cookie and its random; with
 * cookie-binding = address the cookie alone would not.
 *
 * There is one exception: a handshake that was given up because its time was over. A client that was out of
 * reach for so long sends its hello again, in a record with another sequence number (RFC 6347 4.1). That
 * begins one more handshake. The same record does not.
 *
 * The table is bounded (marks.h). If there is no room, the hello that would be forgotten next is
 * forgotten at once: it could be used again, and nobody is locked out.
 *
 * The core alone writes. Workers may look, and what they see may be a moment old.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/marks.h"

/* What is kept of a hello: while it is used in any record, or in that one alone. */
struct used_mark {
	struct mark hello;
	struct mark record;
};

/* cookie has 20 bytes, random 32; record_seq is the sequence number of the record that they came in. */
struct used_mark used_mark(const struct marks *used, const uint8_t *cookie, const uint8_t *random,
	uint64_t record_seq);

/* Has it been used? now in TSC cycles. */
bool used_has(const struct marks *used, struct used_mark mark, uint64_t now);

/*
 * Remembers one that has not been used. Returns false if another one had to be forgotten before its
 * time.
 */
bool used_add(const struct marks *used, struct used_mark mark, uint64_t now);

/* Its handshake was given up: from now on it has been used in this record alone. */
void used_give_up(const struct marks *used, struct used_mark mark, uint64_t now);
