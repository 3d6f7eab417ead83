/* SPDX-License-Identifier: BSD-3-Clause */
#include "proved.h"

#include <rte_jhash.h>

/* A word: the mark of a 4-tuple, and the tick at whose beginning it is free again. */
#define TICK_BITS 20u
#define TICK_MASK ((UINT64_C(1) << TICK_BITS) - 1)

/* What is kept of a 4-tuple, and where. */
struct place {
	uint64_t mark; /* in the upper bits, never 0 there */
	uint64_t *set[2];
};

size_t
proved_size(uint32_t n)
{
	return (size_t)(n + PROVED_SET - 1) / PROVED_SET * PROVED_SET * sizeof(uint64_t);
}

void
proved_init(struct proved *proved, void *memory, uint32_t n, uint32_t seconds, uint64_t hz,
	uint64_t seed)
{
	proved->table = memory;
	proved->n_sets = (n + PROVED_SET - 1) / PROVED_SET;
	proved->seed[0] = (uint32_t)seed;
	proved->seed[1] = (uint32_t)(seed >> 32);
	proved->shift = (uint8_t)(63 - __builtin_clzll(hz));
	/* One more, as the present tick has begun already. */
	proved->ticks = (uint32_t)((seconds * hz >> proved->shift) + 2);
}

static struct place
find(const struct proved *proved, const struct session_key *key)
{
	uint32_t hash[2] = { proved->seed[0], proved->seed[1] };
	uint32_t a = hash[1], b = hash[0];

	rte_jhash_2hashes(key, sizeof(*key), &hash[0], &hash[1]);
	/* Hashed again, so that words of one set do not agree in part of their marks. */
	rte_jhash_32b_2hashes(hash, 2, &a, &b);
	return (struct place){
		.mark = (((uint64_t)hash[0] << 32 | hash[1]) & ~TICK_MASK) | UINT64_C(1) << 63,
		.set = { proved->table + ((uint64_t)a * proved->n_sets >> 32) * PROVED_SET,
			proved->table + ((uint64_t)b * proved->n_sets >> 32) * PROVED_SET },
	};
}

static bool
is_free(const struct proved *proved, uint64_t word, uint64_t now)
{
	uint64_t left = (word - (now >> proved->shift)) & TICK_MASK;

	return word == 0 || left == 0 || left > proved->ticks;
}

static uint64_t
word_of(const struct proved *proved, const struct place *place, uint64_t now)
{
	return place->mark | (((now >> proved->shift) + proved->ticks) & TICK_MASK);
}

static bool
renew(struct proved *proved, const struct place *place, uint64_t now)
{
	for (unsigned int s = 0; s < 2; s++)
		for (unsigned int i = 0; i < PROVED_SET; i++) {
			uint64_t *word = &place->set[s][i];

			if (((*word ^ place->mark) & ~TICK_MASK) == 0 &&
				!is_free(proved, *word, now)) {
				*word = word_of(proved, place, now);
				return true;
			}
		}
	return false;
}

bool
proved_add(struct proved *proved, const struct session_key *key, uint64_t now)
{
	struct place place = find(proved, key);
	uint64_t *chosen[2] = { NULL, NULL };
	unsigned int n[2] = { 0, 0 }, s;

	if (renew(proved, &place, now))
		return true;
	/* A free word in the set that has more of them, so that both fill up evenly. */
	for (s = 0; s < 2; s++)
		for (unsigned int i = 0; i < PROVED_SET; i++)
			if (is_free(proved, place.set[s][i], now)) {
				chosen[s] = &place.set[s][i];
				n[s]++;
			}
	s = n[1] > n[0];
	if (chosen[s] == NULL)
		return false;
	*chosen[s] = word_of(proved, &place, now);
	return true;
}

bool
proved_renew(struct proved *proved, const struct session_key *key, uint64_t now)
{
	struct place place = find(proved, key);

	return renew(proved, &place, now);
}
