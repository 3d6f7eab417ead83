/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A table of marks that expire. What has a mark is known by a keyed hash of it: one word, in one of two
 * sets of words (sets.h), a cache line each. A word is free again when its time is over. What becomes of a
 * mark for which both sets have no free word is the user's decision.
 *
 * A word has the mark in one half, and in the other the tick at whose beginning it is free again: ticks
 * of half a second to a second since the TSC began, of which there are enough for 68 years. So a word
 * that is over stays over, however long nobody looks at it, and nobody has to come and clear it.
 *
 * One thread writes. Others may look, and what they see may be a moment old: while a word changes
 * hands, the mark that had it before may still be found.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/sets.h"

struct marks_word {
	_Atomic uint32_t mark; /* 0: never used */
	_Atomic uint32_t end;  /* tick */
};

struct marks {
	/* written before the start, read by all */
	struct marks_word *table;
	struct sets sets;
	uint32_t ticks; /* for which a mark is kept */
	uint8_t shift;  /* TSC cycles to ticks */
};

struct mark {
	uint32_t value;  /* never 0 */
	uint32_t set[2]; /* their first words */
};

/* Where a mark may be stored. */
struct marks_room {
	struct marks_word *word;
	bool taken; /* by another mark, whose time is not over: the one whose time is over first */
};

/* Bytes for a table of n marks, rounded up to whole sets. */
size_t marks_size(uint32_t n);

/*
 * memory is zeroed, has that size and stays the caller's. A mark is kept for so many seconds, and for up to
 * two more; hz are TSC cycles a second.
 */
void marks_init(struct marks *marks, void *memory, uint32_t n, uint32_t seconds, uint64_t hz,
	uint64_t seed);

/* The mark of len bytes. */
struct mark marks_of(const struct marks *marks, const void *bytes, uint32_t len);

/* The word of a mark whose time is not over, or NULL; now in TSC cycles. */
struct marks_word *marks_find(const struct marks *marks, struct mark mark, uint64_t now);

/* Where a mark that marks_find() does not find may be stored. */
struct marks_room marks_choose(const struct marks *marks, struct mark mark, uint64_t now);

/* For the one that writes: stores a mark there; its time begins. */
void marks_store(
	const struct marks *marks, struct mark mark, struct marks_word *word, uint64_t now);

/* The same: puts a mark that is not stored in the place of one that is, for the time that it had left. */
void marks_move(const struct marks *marks, struct marks_word *word, struct mark mark, uint64_t now);
