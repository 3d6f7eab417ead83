/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * HMAC-SHA256 (RFC 2104, FIPS 180-4) over many short messages at once.
 *
 * A message is given as SHA-256 blocks that hg_hmac_pad() has padded in place, so that a kernel
 * reads whole blocks and copies nothing. A key is given as the two chaining values that follow from
 * its ipad and opad blocks, so that a message of n blocks costs n + 1 compressions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HG_HMAC_LEN 32u      /* bytes of a full tag */
#define HG_SHA256_BLOCK 64u  /* bytes */
#define HG_HMAC_PAD_ROOM 72u /* bytes that hg_hmac_pad() may write behind a message */

/* A key's midstates: SHA-256 chaining values after the ipad and after the opad block. Secret. */
struct hg_hmac_key {
	uint32_t inner[8];
	uint32_t outer[8];
};

/* One message and its tag. Jobs of one burst may differ in key and length. */
struct hg_hmac_job {
	const struct hg_hmac_key *key;
	const uint8_t *blocks;    /* n_blocks * 64 bytes, any alignment, from hg_hmac_pad() */
	uint32_t n_blocks;        /* at least 1 */
	uint8_t tag[HG_HMAC_LEN]; /* written by the kernel */
};

/* One implementation. Kernels are stateless and safe to call from any thread. */
struct hg_hmac_kernel {
	const char *name;
	unsigned int lanes; /* messages that it works on side by side */
	/* Does this CPU, under this operating system, have the instructions? Not cheap. */
	bool (*usable)(void);
	/*
	 * Writes jobs[i].tag for all i < n and nothing else; n may be 0. Wipes what it leaves on the
	 * stack, and the vector registers.
	 */
	void (*run)(struct hg_hmac_job *jobs, size_t n);
};

/* X(symbol, name): every kernel that there is, whichever architecture it is for. */
#define HG_HMAC_KERNELS(X)              \
	X(scalar, "scalar")             \
	X(shani, "shani")               \
	X(avx2, "avx2")                 \
	X(avx512, "avx512")             \
	X(avx512_shani, "avx512-shani") \
	X(armv8, "armv8")

/*
 * All kernels of this build, the reference first, then about as they get better; *ret_n receives how
 * many.
 */
const struct hg_hmac_kernel *const *hg_hmac_kernels(size_t *ret_n);

/*
 * The kernel of that name, or NULL if this build has none. It may be unusable here. Everywhere:
 * "scalar"; on x86-64 also "avx2", "shani", "avx512" and "avx512-shani", which gives what would leave
 * most AVX-512 lanes idle (a small burst, an odd long message) to SHA-NI; on AArch64 also "armv8".
 */
const struct hg_hmac_kernel *hg_hmac_kernel_find(const char *name);

/*
 * Known answers (RFC 4231, and messages around every block boundary) for all batch sizes up to twice
 * the kernel's lanes. Returns true if every tag is right. A gateway must not start on false.
 */
bool hg_hmac_self_test(const struct hg_hmac_kernel *kernel);

#define HG_HMAC_STEPS 6u

/* Which kernel is for bursts of how many: up to 1, 2, 4, 8, 16, and of more messages. */
struct hg_hmac_ladder {
	const struct hg_hmac_kernel *step[HG_HMAC_STEPS];
};

/*
 * Fills a ladder with the fastest usable kernel for each size, found by timing all of them on
 * messages of one block (about a millisecond in all, the clock of the operating system). Of several that
 * are equally fast it is the last one in hg_hmac_kernels().
 */
void hg_hmac_ladder_measure(struct hg_hmac_ladder *ret_ladder);

/* The same kernel for every size. */
void hg_hmac_ladder_force(struct hg_hmac_ladder *ret_ladder, const struct hg_hmac_kernel *kernel);

/*
 * Writes the names of a ladder's kernels, each but the last with the largest burst that it is for:
 * "shani to 8, avx512". Cut to size, which is not 0; HG_HMAC_LADDER_TEXT is enough.
 */
#define HG_HMAC_LADDER_TEXT 160u
void hg_hmac_ladder_describe(const struct hg_hmac_ladder *ladder, char *ret_text, size_t size);

static inline const struct hg_hmac_kernel *
hg_hmac_ladder_pick(const struct hg_hmac_ladder *ladder, size_t n)
{
	unsigned int step = n > 1 ? (unsigned int)(64 - __builtin_clzll(n - 1)) : 0;

	return ladder->step[step < HG_HMAC_STEPS ? step : HG_HMAC_STEPS - 1];
}

/*
 * Derives the midstates from a secret of len bytes (hashed first if longer than 64, RFC 2104), and
 * wipes what it leaves elsewhere. secret may be NULL if len is 0.
 */
void hg_hmac_key_init(struct hg_hmac_key *key, const uint8_t *secret, size_t len);

/*
 * Writes SHA-256 padding behind the len bytes of message, counting the 64-byte ipad block before it.
 * The buffer must have room for len + HG_HMAC_PAD_ROOM bytes. Returns the number of blocks.
 */
uint32_t hg_hmac_pad(uint8_t *message, size_t len);
