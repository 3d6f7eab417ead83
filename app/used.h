/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hellos that have begun a handshake on one core, for as long as their cookies are good: whoever sends
 * one again gets no second handshake, whatever has become of the first. What identifies a hello is its
 * cookie and its random; with cookie-binding = address the cookie alone would not.
 *
 * The table is bounded: one word a hello, in one of two sets that a keyed hash says. A word is free
 * again when its time is over. If both sets are full of words whose time is not, the one that would be
 * free next is forgotten: that hello could be used again, and nobody is locked out.
 *
 * The core alone writes. Workers may look, and what they see may be a moment old.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define USED_SET 8u /* words in a set: a cache line */

struct used {
	/* written before the start, read by the core and the workers */
	_Atomic uint64_t *table;
	uint32_t n_sets;
	uint32_t seed[2];
	uint32_t ticks; /* for which a hello is remembered */
	uint8_t shift;  /* TSC cycles to ticks of a second at most */
};

/* What is kept of a hello. */
struct used_mark {
	uint64_t mark;   /* in the upper bits */
	uint32_t set[2]; /* numbers */
};

/* Bytes for a table of n hellos, rounded up to whole sets. */
size_t used_size(uint32_t n);

/*
 * memory is zeroed, has that size and stays the caller's. A hello is remembered for so many seconds,
 * 100000 at most, and for up to two more; hz is that of the TSC.
 */
void used_init(
	struct used *used, void *memory, uint32_t n, uint32_t seconds, uint64_t hz, uint64_t seed);

/* cookie has 20 bytes, random 32. */
struct used_mark used_mark(const struct used *used, const uint8_t *cookie, const uint8_t *random);

/* Has it been used? now in TSC cycles. */
bool used_has(const struct used *used, const struct used_mark *mark, uint64_t now);

/* Remembers it. Returns false if another one had to be forgotten before its time. */
bool used_add(const struct used *used, const struct used_mark *mark, uint64_t now);
