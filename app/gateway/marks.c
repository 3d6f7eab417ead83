/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/marks.h"

#include <rte_jhash.h>

size_t
marks_size(uint32_t n)
{
	return sets_places(n) * sizeof(struct marks_word);
}

void
marks_init(
	struct marks *marks, void *memory, uint32_t n, uint32_t seconds, uint64_t hz, uint64_t seed)
{
	marks->table = memory;
	sets_init(&marks->sets, n, seed);
	marks->shift = (uint8_t)(63 - __builtin_clzll(hz));
	/* One more, as the present tick has begun already. */
	marks->ticks = (uint32_t)((seconds * hz >> marks->shift) + 2);
}

struct mark
marks_of(const struct marks *marks, const void *bytes, uint32_t len)
{
	uint32_t hash[2] = { marks->sets.seed[1], marks->sets.seed[0] };
	struct mark mark;

	rte_jhash_2hashes(bytes, len, &hash[0], &hash[1]);
	mark.value =
		hash[0] != 0 ? hash[0] : 1; /* not 0, which is a word that has never been used */
	/* Hashed again, so that words of one set do not agree in part of their marks. */
	sets_find(&marks->sets, hash, mark.set);
	return mark;
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

/* The word of a mark in one of its sets, or NULL. */
static inline struct marks_word *
find_in(const struct marks *marks, struct marks_word *set, uint32_t value, uint64_t now)
{
#pragma GCC unroll 8
	for (unsigned int i = 0; i < SETS_PLACES; i++)
		if (__builtin_expect(get(&set[i].mark) == value, 0) &&
			left(marks, &set[i], now) != 0)
			return &set[i];
	return NULL;
}

struct marks_word *
marks_find(const struct marks *marks, struct mark mark, uint64_t now)
{
	struct marks_word *word = find_in(marks, marks->table + mark.set[0], mark.value, now);

	if (word != NULL)
		return word;
	return find_in(marks, marks->table + mark.set[1], mark.value, now);
}

struct marks_room
marks_choose(const struct marks *marks, struct mark mark, uint64_t now)
{
	uint32_t ticks[2][SETS_PLACES];
	struct sets_place chosen;

	for (unsigned int s = 0; s < 2; s++)
		for (unsigned int i = 0; i < SETS_PLACES; i++)
			ticks[s][i] = left(marks, &marks->table[mark.set[s] + i], now);
	chosen = sets_choose(ticks);
	return (struct marks_room){
		.word = &marks->table[mark.set[chosen.set] + chosen.place],
		.taken = ticks[chosen.set][chosen.place] != 0,
	};
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
