/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * 4-tuples that have shown a valid cookie to a guard, for as long as their clients go on sending. A
 * worker has a table for itself, as all packets of one 4-tuple come to one worker.
 *
 * The table is bounded: one word a 4-tuple, in one of two sets that a keyed hash says. A word is free
 * again when its time is over. If both sets are full of words whose time is not, a new 4-tuple is
 * refused: nobody who has a place is driven out of it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session.h"

#define PROVED_SET 8u /* words in a set: a cache line */

struct proved {
	uint64_t *table;
	uint32_t n_sets;
	uint32_t seed[2];
	uint32_t ticks; /* for which a 4-tuple is known */
	uint8_t shift;  /* TSC cycles to ticks of a second at most */
};

/* Bytes for a table of n 4-tuples, rounded up to whole sets. */
size_t proved_size(uint32_t n);

/*
 * memory is zeroed, has that size and stays the caller's. A 4-tuple is known for so many seconds,
 * 100000 at most, and for up to two more, from its last packet on; hz is that of the TSC.
 */
void proved_init(struct proved *proved, void *memory, uint32_t n, uint32_t seconds, uint64_t hz,
	uint64_t seed);

/* Its cookie is valid. Returns false if there is no place for it. now in TSC cycles. */
bool proved_add(struct proved *proved, const struct session_key *key, uint64_t now);

/* Is it known? If so, its time begins again. */
bool proved_renew(struct proved *proved, const struct session_key *key, uint64_t now);
