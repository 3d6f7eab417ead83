/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hellos that have begun a handshake on one core, for as long as their cookies are good: whoever sends
 * one again gets no second handshake, whatever has become of the first. What identifies a hello is its
 * cookie and its random; with cookie-binding = address the cookie alone would not.
 *
 * The table is bounded (marks.h). If there is no room, the hello that would be forgotten next is
 * forgotten at once: it could be used again, and nobody is locked out.
 *
 * The core alone writes. Workers may look, and what they see may be a moment old.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "marks.h"

/* What is kept of a hello. cookie has 20 bytes, random 32. */
struct mark used_mark(const struct marks *used, const uint8_t *cookie, const uint8_t *random);

/* Has it been used? now in TSC cycles. */
bool used_has(const struct marks *used, struct mark mark, uint64_t now);

/*
 * Remembers one that has not been used. Returns false if another one had to be forgotten before its
 * time.
 */
bool used_add(const struct marks *used, struct mark mark, uint64_t now);
