/* SPDX-License-Identifier: BSD-3-Clause */
#include "used.h"

#include <rte_jhash.h>

#include <string.h>

#define COOKIE_LEN 20u
#define RANDOM_LEN 32u
/* A word: the mark, and the tick at whose beginning it is free again. 0 has never been used. */
#define TICK_BITS 20u
#define TICK_MASK ((UINT64_C(1) << TICK_BITS) - 1)

size_t
used_size(uint32_t n)
{
	return (size_t)(n + USED_SET - 1) / USED_SET * USED_SET * sizeof(uint64_t);
}

void
used_init(struct used *used, void *memory, uint32_t n, uint32_t seconds, uint64_t hz, uint64_t seed)
{
	used->table = memory;
	used->n_sets = (n + USED_SET - 1) / USED_SET;
	used->seed[0] = (uint32_t)seed;
	used->seed[1] = (uint32_t)(seed >> 32);
	used->shift = (uint8_t)(63 - __builtin_clzll(hz));
	/* One more, as the present tick has begun already. */
	used->ticks = (uint32_t)((seconds * hz >> used->shift) + 2);
}

struct used_mark
used_mark(const struct used *used, const uint8_t *cookie, const uint8_t *random)
{
	uint32_t hash[2] = { used->seed[0], used->seed[1] };
	uint8_t hello[COOKIE_LEN + RANDOM_LEN];
	uint32_t a = hash[1], b = hash[0];

	memcpy(hello, cookie, COOKIE_LEN);
	memcpy(hello + COOKIE_LEN, random, RANDOM_LEN);
	rte_jhash_2hashes(hello, sizeof(hello), &hash[0], &hash[1]);
	/* Hashed again, so that words of one set do not agree in part of their marks. */
	rte_jhash_32b_2hashes(hash, 2, &a, &b);
	return (struct used_mark){
		.mark = ((uint64_t)hash[0] << 32 | hash[1]) & ~TICK_MASK,
		.set = { (uint32_t)((uint64_t)a * used->n_sets >> 32),
			(uint32_t)((uint64_t)b * used->n_sets >> 32) },
	};
}

/* For how many ticks the word is not free yet: 0 for one that is. */
static uint32_t
left(const struct used *used, uint64_t word, uint64_t now)
{
	uint64_t ticks = (word - (now >> used->shift)) & TICK_MASK;

	return word != 0 && ticks <= used->ticks ? (uint32_t)ticks : 0;
}

static _Atomic uint64_t *
set_of(const struct used *used, const struct used_mark *mark, unsigned int s)
{
	return used->table + (size_t)mark->set[s] * USED_SET;
}

bool
used_has(const struct used *used, const struct used_mark *mark, uint64_t now)
{
	for (unsigned int s = 0; s < 2; s++) {
		_Atomic uint64_t *set = set_of(used, mark, s);

		for (unsigned int i = 0; i < USED_SET; i++) {
			uint64_t word = atomic_load_explicit(&set[i], memory_order_relaxed);

			if (((word ^ mark->mark) & ~TICK_MASK) == 0 && left(used, word, now) != 0)
				return true;
		}
	}
	return false;
}

bool
used_add(const struct used *used, const struct used_mark *mark, uint64_t now)
{
	uint64_t tick = (now >> used->shift) + used->ticks;
	_Atomic uint64_t *place[2];
	uint32_t soonest[2];
	unsigned int n[2], s;

	/* Of each set the word that is free, or will be first, and how many are free. */
	for (s = 0; s < 2; s++) {
		_Atomic uint64_t *set = set_of(used, mark, s);

		soonest[s] = UINT32_MAX;
		place[s] = set;
		n[s] = 0;
		for (unsigned int i = 0; i < USED_SET; i++) {
			uint64_t word = atomic_load_explicit(&set[i], memory_order_relaxed);
			uint32_t ticks = left(used, word, now);

			n[s] += ticks == 0;
			if (ticks < soonest[s]) {
				soonest[s] = ticks;
				place[s] = &set[i];
			}
		}
	}
	s = n[1] > n[0] || soonest[1] < soonest[0];
	atomic_store_explicit(place[s], mark->mark | (tick & TICK_MASK), memory_order_relaxed);
	return soonest[s] == 0;
}
