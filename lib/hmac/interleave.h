/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernels with instructions for SHA-256 rounds have in common. One message is a chain of such
 * instructions, each waiting for the one before, while the unit could have begun another: so up to four
 * messages run interleaved. A lane that is done with its message takes the next one, whatever the
 * lengths of its neighbours. Not installed.
 *
 * The steps of a lane have to be inlined, so a kernel includes this file behind its own
 *
 *   INLINE               how to say so
 *   LANES_IN_REGISTERS   how many lanes' message schedules fit beside their working variables
 *   struct vars          the working variables, or a chaining value, as the instructions want them
 *   struct schedule      the last sixteen words of a message schedule
 *   quad(vars, schedule, block, i)   rounds 4i to 4i + 3
 *   feed_forward(vars, chain)        adds the chaining value; the sum becomes both
 *   set_chain(chain, words)          from the eight words of a midstate
 *   put_digest(chain, to)            writes it as the 32 bytes of a digest
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hmac/kernels.h"

#define LANES 4u
#define NOINLINE static __attribute__((noinline))

/* A message under way. Its inner digest, padded, is one more block behind those it came with. */
struct lane {
	struct vars chain;
	struct schedule schedule;
	_Alignas(16) uint8_t outer_block[HG_SHA256_BLOCK];
	const uint8_t *next;
	size_t left; /* blocks up to the inner digest, or up to the tag */
	bool outer;
	struct hg_hmac_job *job;
};

/* Does something for each of the first `count` lanes, with a constant index. */
#define EACH_LANE(DO)          \
	do {                   \
		DO(0);         \
		if (count > 1) \
			DO(1); \
		if (count > 2) \
			DO(2); \
		if (count > 3) \
			DO(3); \
	} while (0)

/*
 * The barrier keeps the message schedules in memory, where they are operands: a compiler left to
 * choose, without registers for all of them, spills the working variables instead.
 */
#define QUAD(i)                                                          \
	do {                                                             \
		quad(&v0, &lanes[0].schedule, lanes[0].next, i);         \
		if (count > 1)                                           \
			quad(&v1, &lanes[1].schedule, lanes[1].next, i); \
		if (count > 2)                                           \
			quad(&v2, &lanes[2].schedule, lanes[2].next, i); \
		if (count > 3)                                           \
			quad(&v3, &lanes[3].schedule, lanes[3].next, i); \
		if (count > LANES_IN_REGISTERS)                          \
			__asm__ volatile("" ::: "memory");               \
	} while (0)

/* Compresses the next n blocks of each of the first `count` lanes; count is a constant. */
INLINE void
compress(struct lane *lanes, unsigned int count, size_t n)
{
	struct vars v0, v1, v2, v3;

#define TAKE(l) v##l = lanes[l].chain
	EACH_LANE(TAKE);
#undef TAKE
	for (; n > 0; n--) {
		QUAD(0);
		QUAD(1);
		QUAD(2);
		QUAD(3);
		QUAD(4);
		QUAD(5);
		QUAD(6);
		QUAD(7);
		QUAD(8);
		QUAD(9);
		QUAD(10);
		QUAD(11);
		QUAD(12);
		QUAD(13);
		QUAD(14);
		QUAD(15);
#define FEED_FORWARD(l)                               \
	do {                                          \
		feed_forward(&v##l, &lanes[l].chain); \
		lanes[l].next += HG_SHA256_BLOCK;     \
	} while (0)
		EACH_LANE(FEED_FORWARD);
#undef FEED_FORWARD
	}
}

NOINLINE void
compress1(struct lane *lanes, size_t n)
{
	compress(lanes, 1, n);
}

NOINLINE void
compress2(struct lane *lanes, size_t n)
{
	compress(lanes, 2, n);
}

NOINLINE void
compress3(struct lane *lanes, size_t n)
{
	compress(lanes, 3, n);
}

NOINLINE void
compress4(struct lane *lanes, size_t n)
{
	compress(lanes, 4, n);
}

INLINE void
start(struct lane *lane, struct hg_hmac_job *job)
{
	set_chain(&lane->chain, job->key->inner);
	lane->next = job->blocks;
	lane->left = job->n_blocks;
	lane->outer = false;
	lane->job = job;
}

/* Goes on after the last block that the lane had. Returns false when that has given the tag. */
INLINE bool
go_on(struct lane *lane)
{
	if (lane->outer) {
		put_digest(&lane->chain, lane->job->tag);
		return false;
	}
	put_digest(&lane->chain, lane->outer_block);
	set_chain(&lane->chain, lane->job->key->outer);
	lane->next = lane->outer_block;
	lane->left = 1;
	lane->outer = true;
	return true;
}

/* Moves all lanes on by as many blocks as the shortest has left. */
static void
advance(struct lane *lanes, unsigned int active)
{
	size_t n = lanes[0].left;

	for (unsigned int l = 1; l < active; l++)
		n = lanes[l].left < n ? lanes[l].left : n;
	for (unsigned int l = 0; l < active; l++)
		lanes[l].left -= n;

	switch (active) {
	case 1:
		compress1(lanes, n);
		break;
	case 2:
		compress2(lanes, n);
		break;
	case 3:
		compress3(lanes, n);
		break;
	default:
		compress4(lanes, n);
	}
}

NOINLINE void
mac(struct hg_hmac_job *jobs, size_t n)
{
	struct lane lanes[LANES];
	unsigned int active = 0;
	size_t taken = 0;

	/* The outer block's padding: 96 bytes with the opad block before it, 768 bits. */
	for (unsigned int l = 0; l < LANES; l++) {
		memset(lanes[l].outer_block, 0, HG_SHA256_BLOCK);
		lanes[l].outer_block[HG_HMAC_LEN] = 0x80;
		lanes[l].outer_block[HG_SHA256_BLOCK - 2] = 768 >> 8;
	}
	while (active < LANES && taken < n)
		start(&lanes[active++], &jobs[taken++]);
	while (active > 0) {
		advance(lanes, active);
		for (unsigned int l = 0; l < active;) {
			if (lanes[l].left > 0 || go_on(&lanes[l]))
				l++;
			else if (taken < n)
				start(&lanes[l++], &jobs[taken++]);
			else
				lanes[l] = lanes[--active];
		}
	}
}
