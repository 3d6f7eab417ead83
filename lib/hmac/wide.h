/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernels with one message in each lane of their vectors have in common: a burst becomes
 * groups of messages of like length, and the lanes of a group move in step. Not installed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "hmac/hmac.h"

#pragma GCC visibility push(hidden)

#define HG_WIDE_LANES 32u /* of the widest kernel */

/*
 * No kernel loops over the elements of a local array: where an index is no constant, the
 * compiler keeps the vectors in memory.
 */
#define TIMES4(DO)     \
	do {           \
		DO(0); \
		DO(1); \
		DO(2); \
		DO(3); \
	} while (0)

#define TIMES8(DO)          \
	do {                \
		TIMES4(DO); \
		DO(4);      \
		DO(5);      \
		DO(6);      \
		DO(7);      \
	} while (0)

/*
 * A group under way, longest message first; a lane without a message of its own reads lane 0's. The
 * first two hold secrets: chaining values and message schedules, ordered as the instruction set wants
 * them.
 */
struct hg_wide_group {
	_Alignas(64) uint32_t chain[8 * HG_WIDE_LANES];
	_Alignas(64) uint32_t w[16 * HG_WIDE_LANES];
	const uint8_t *blocks[HG_WIDE_LANES];
	const struct hg_hmac_key *key[HG_WIDE_LANES];
	uint8_t *tag[HG_WIDE_LANES];
};

/* How one instruction set moves a group. */
struct hg_wide {
	unsigned int lanes;
	/* Sets the first `used` chaining values to their keys' inner midstates. */
	void (*begin)(struct hg_wide_group *g, unsigned int used);
	/* Compresses n blocks, from the one at `first` on, into the first `active` lanes alone. */
	void (*blocks)(struct hg_wide_group *g, size_t first, size_t n, unsigned int active);
	/* Compresses the inner digests into the outer midstates; writes the tags. */
	void (*finish)(struct hg_wide_group *g, unsigned int used);
	/*
	 * Another kernel, for messages that would leave most lanes idle, or NULL. One step of the
	 * group costs about as much as narrow_blocks blocks of it.
	 */
	const struct hg_hmac_kernel *narrow;
	unsigned int narrow_blocks;
};

/*
 * Computes all tags, with *g to work in. Leaves secrets there, below the caller's frame (and so must
 * not be inlined) and in vector registers.
 */
__attribute__((noinline)) void hg_wide_mac(
	const struct hg_wide *wide, struct hg_wide_group *g, struct hg_hmac_job *jobs, size_t n);

#pragma GCC visibility pop
