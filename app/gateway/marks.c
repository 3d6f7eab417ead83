/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/marks.h"

#include <rte_jhash.h>

size_t
marks_size(uint32_t n)
{
	return (size_t)(n + MARKS_SET - 1) / MARKS_SET * MARKS_SET * sizeof(struct marks_word);
}

void
marks_init(
	struct marks *marks, void *memory, uint32_t n, uint32_t seconds, uint64_t hz, uint64_t seed)
{
	marks->table = memory;
	marks->n_sets = (n + MARKS_SET - 1) / MARKS_SET;
	marks->seed[0] = (uint32_t)seed;
	marks->seed[1] = (uint32_t)(seed >> 32);
	marks->shift = (uint8_t)(63 - __builtin_clzll(hz));
	/* One more, as the present tick has begun already. */
	marks->ticks = (uint32_t)((seconds * hz >> marks->shift) + 2);
}

struct mark
marks_of(const struct marks *marks, const void *bytes, uint32_t len)
{
	uint32_t hash[2] = { marks->seed[0], marks->seed[1] };
	uint32_t a = hash[1], b = hash[0];

	rte_jhash_2hashes(bytes, len, &hash[0], &hash[1]);
	/* Hashed again, so that words of one set do not agree in part of their marks. */
	rte_jhash_32b_2hashes(hash, 2, &a, &b);
	return (struct mark){
		/* Not 0, which is a word that has never been used. */
		.value = hash[0] != 0 ? hash[0] : 1,
		.set = { (uint32_t)((uint64_t)a * marks->n_sets >> 32),
			(uint32_t)((uint64_t)b * marks->n_sets >> 32) },
	};
}

static uint32_t
get(const _Atomic uint32_t *half)
{
	return atomic_load_explicit(half, memory_order_relaxed);
}

/* For how many ticks the word is not free yet: 0 for one that is. */
static uint32_t
left(const struct marks *marks, const struct marks_word *word, uint64_t now)
{
	uint32_t ticks = get(&word->end) - (uint32_t)(now >> marks->shift);

	return ticks <= marks->ticks && get(&word->mark) != 0 ? ticks : 0;
}

static struct marks_word *
set_of(const struct marks *marks, uint32_t number)
{
	return marks->table + (size_t)number * MARKS_SET;
}

/* The word of a mark in one of its sets, or NULL. */
static inline struct marks_word *
find_in(const struct marks *marks, struct marks_word *set, uint32_t value, uint64_t now)
{
#pragma GCC unroll 8
	for (unsigned int i = 0; i < MARKS_SET; i++)
		if (__builtin_expect(get(&set[i].mark) == value, 0) &&
			left(marks, &set[i], now) != 0)
			return &set[i];
	return NULL;
}

struct marks_word *
marks_find(const struct marks *marks, struct mark mark, uint64_t now)
{
	struct marks_word *word = find_in(marks, set_of(marks, mark.set[0]), mark.value, now);

	if (word != NULL)
		return word;
	return find_in(marks, set_of(marks, mark.set[1]), mark.value, now);
}

struct marks_room
marks_choose(const struct marks *marks, struct mark mark, uint64_t now)
{
	struct marks_word *word[2];
	uint32_t soonest[2];
	unsigned int n[2], s;

	/* Of each set the word that is free, or will be first, and how many are free. */
	for (s = 0; s < 2; s++) {
		struct marks_word *set = set_of(marks, mark.set[s]);

		soonest[s] = UINT32_MAX;
		word[s] = set;
		n[s] = 0;
		for (unsigned int i = 0; i < MARKS_SET; i++) {
			uint32_t ticks = left(marks, &set[i], now);

			n[s] += ticks == 0;
			if (ticks < soonest[s]) {
				soonest[s] = ticks;
				word[s] = &set[i];
			}
		}
	}
	/* In the set that has more free words, so that both fill up evenly. */
	s = n[1] > n[0] || soonest[1] < soonest[0];
	return (struct marks_room){ .word = word[s], .taken = soonest[s] != 0 };
}

void
marks_store(const struct marks *marks, struct mark mark, struct marks_word *word, uint64_t now)
{
	uint32_t end = (uint32_t)(now >> marks->shift) + marks->ticks;

	atomic_store_explicit(&word->mark, mark.value, memory_order_relaxed);
	atomic_store_explicit(&word->end, end, memory_order_relaxed);
}

void
marks_move(const struct marks *marks, struct marks_word *word, struct mark mark, uint64_t now)
{
	struct marks_room room = marks_choose(marks, mark, now);
	uint32_t end = get(&word->end);

	atomic_store_explicit(&room.word->mark, mark.value, memory_order_relaxed);
	atomic_store_explicit(&room.word->end, end, memory_order_relaxed);
	if (room.word != word)
		atomic_store_explicit(&word->mark, 0, memory_order_relaxed);
}
