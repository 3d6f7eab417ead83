/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables that are bounded: what is kept in one has its place in one of two sets of places, which a keyed
 * hash says, so that nobody can aim at one. With a choice of two sets of eight a table is nearly full before
 * there is no place for somebody.
 */
#pragma once

#include <rte_jhash.h>

#include <stddef.h>
#include <stdint.h>

#define SETS_PLACES 8u /* in a set */

/* Of one table; written before the start. */
struct sets {
	uint32_t n;
	uint32_t seed[2];
};

/* Where in its two sets something is put. */
struct sets_place {
	unsigned int set; /* 0 or 1: which of the two */
	unsigned int place;
};

/* Places in a table of at least n, which is at most 2^31: whole sets. */
static inline size_t
sets_places(uint32_t n)
{
	return ((size_t)n + SETS_PLACES - 1) / SETS_PLACES * SETS_PLACES;
}

static inline void
sets_init(struct sets *sets, uint32_t n, uint64_t seed)
{
	*sets = (struct sets){
		.n = (uint32_t)(sets_places(n) / SETS_PLACES),
		.seed = { (uint32_t)seed, (uint32_t)(seed >> 32) },
	};
}

/* Fills in the first places of the two sets of what those words are the name of. */
static inline void
sets_find(const struct sets *sets, const uint32_t word[2], uint32_t ret_first[2])
{
	uint32_t a = sets->seed[0], b = sets->seed[1];

	rte_jhash_32b_2hashes(word, 2, &a, &b);
	ret_first[0] = (uint32_t)((uint64_t)a * sets->n >> 32) * SETS_PLACES;
	ret_first[1] = (uint32_t)((uint64_t)b * sets->n >> 32) * SETS_PLACES;
}

/*
 * Of two sets, with the time until each place is free, 0 for one that is: a free place, in the set that has
 * more of them, so that both fill up evenly; or the one that is free first.
 */
static inline struct sets_place
sets_choose(const uint32_t left[2][SETS_PLACES])
{
	struct sets_place first[2];
	unsigned int n[2], s;

	for (s = 0; s < 2; s++) {
		first[s] = (struct sets_place){ .set = s };
		n[s] = 0;
		for (unsigned int i = 0; i < SETS_PLACES; i++) {
			n[s] += left[s][i] == 0;
			if (left[s][i] < left[s][first[s].place])
				first[s].place = i;
		}
	}
	s = n[1] > n[0] || left[1][first[1].place] < left[0][first[0].place];
	return first[s];
}
