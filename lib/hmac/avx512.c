/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AVX-512: a message in each 32-bit lane, where a rotation is one instruction, and so is any
 * function of three operands. A round is one long chain of them, so two vectors of sixteen lanes
 * run interleaved where there are messages enough.
 */
#include "hmac/kernels.h"
#include "hmac/wide.h"

#include <immintrin.h>

#include "base/secret.h"

#define LANES 16u /* of one vector */
#define HALVES 2u
#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))

#define ADD(x, y) _mm512_add_epi32(x, y)
#define ROR(x, n) _mm512_ror_epi32(x, n)
#define XOR3(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0x96)
#define CHOOSE(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0xca) /* x ? y : z */
#define MAJORITY(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0xe8)

INLINE __m512i
swap_bytes(__m512i words)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);

	return _mm512_shuffle_epi8(words, _mm512_broadcast_i32x4(swap));
}

/* In each 128-bit quarter, word i of r[j] changes places with word j of r[i]. */
INLINE void
transpose_quarters(__m512i r[4])
{
	__m512i t0 = _mm512_unpacklo_epi32(r[0], r[1]);
	__m512i t1 = _mm512_unpackhi_epi32(r[0], r[1]);
	__m512i t2 = _mm512_unpacklo_epi32(r[2], r[3]);
	__m512i t3 = _mm512_unpackhi_epi32(r[2], r[3]);

	r[0] = _mm512_unpacklo_epi64(t0, t2);
	r[1] = _mm512_unpackhi_epi64(t0, t2);
	r[2] = _mm512_unpacklo_epi64(t1, t3);
	r[3] = _mm512_unpackhi_epi64(t1, t3);
}

/* Word 4q + i of four lanes becomes quarter q of r[i]. */
INLINE void
load_four(__m512i r[4], const uint8_t *const blocks[4], size_t offset)
{
#define LOAD(l) r[l] = swap_bytes(_mm512_loadu_si512(blocks[l] + offset))
	TIMES4(LOAD);
#undef LOAD
	transpose_quarters(r);
}

/* Lane l of w[i] becomes word i of lane l's block at `offset`. */
INLINE void
load_blocks(__m512i w[16], const uint8_t *const blocks[LANES], size_t offset)
{
	__m512i r0[4], r1[4], r2[4], r3[4];

	load_four(r0, blocks, offset);
	load_four(r1, blocks + 4, offset);
	load_four(r2, blocks + 8, offset);
	load_four(r3, blocks + 12, offset);
#define GATHER(i)                                                         \
	do {                                                              \
		__m512i low0 = _mm512_shuffle_i32x4(r0[i], r1[i], 0x44);  \
		__m512i low1 = _mm512_shuffle_i32x4(r2[i], r3[i], 0x44);  \
		__m512i high0 = _mm512_shuffle_i32x4(r0[i], r1[i], 0xee); \
		__m512i high1 = _mm512_shuffle_i32x4(r2[i], r3[i], 0xee); \
                                                                          \
		w[i] = _mm512_shuffle_i32x4(low0, low1, 0x88);            \
		w[4 + (i)] = _mm512_shuffle_i32x4(low0, low1, 0xdd);      \
		w[8 + (i)] = _mm512_shuffle_i32x4(high0, high1, 0x88);    \
		w[12 + (i)] = _mm512_shuffle_i32x4(high0, high1, 0xdd);   \
	} while (0)
	TIMES4(GATHER);
#undef GATHER
}

INLINE __m512i
load_pair(const uint32_t *low, const uint32_t *high)
{
	__m256i l = _mm256_loadu_si256((const void *)low);
	__m256i h = _mm256_loadu_si256((const void *)high);

	return _mm512_inserti64x4(_mm512_castsi256_si512(l), h, 1);
}

/* Lane l of chain[i] becomes word i of key[l]'s inner or outer midstate. */
INLINE void
load_midstates(__m512i chain[8], const struct hg_hmac_key *const key[LANES], bool outer)
{
	__m512i r0[4], r1[4];

#define MIDSTATE(l) (outer ? key[l]->outer : key[l]->inner)
#define LOAD(l)                                                           \
	do {                                                              \
		r0[l] = load_pair(MIDSTATE(l), MIDSTATE(4 + (l)));        \
		r1[l] = load_pair(MIDSTATE(8 + (l)), MIDSTATE(12 + (l))); \
	} while (0)
	TIMES4(LOAD);
#undef LOAD
#undef MIDSTATE
	transpose_quarters(r0);
	transpose_quarters(r1);
#define GATHER(i)                                                          \
	do {                                                               \
		chain[i] = _mm512_shuffle_i32x4(r0[i], r1[i], 0x88);       \
		chain[4 + (i)] = _mm512_shuffle_i32x4(r0[i], r1[i], 0xdd); \
	} while (0)
	TIMES4(GATHER);
#undef GATHER
}

INLINE void
store_pair(uint8_t *low, uint8_t *high, __m512i quarters)
{
	__m512i pair = _mm512_shuffle_i32x4(quarters, quarters, 0xd8);

	_mm256_storeu_si256((void *)low, _mm512_castsi512_si256(pair));
	_mm256_storeu_si256((void *)high, _mm512_extracti64x4_epi64(pair, 1));
}

INLINE void
store_tags(const __m512i chain[8], uint8_t *const tag[LANES])
{
	__m512i r0[4], r1[4];

#define SPREAD(i)                                                                         \
	do {                                                                              \
		r0[i] = swap_bytes(_mm512_shuffle_i32x4(chain[i], chain[4 + (i)], 0x44)); \
		r1[i] = swap_bytes(_mm512_shuffle_i32x4(chain[i], chain[4 + (i)], 0xee)); \
	} while (0)
	TIMES4(SPREAD);
#undef SPREAD
	transpose_quarters(r0);
	transpose_quarters(r1);
#define STORE(l)                                                \
	do {                                                    \
		store_pair(tag[l], tag[4 + (l)], r0[l]);        \
		store_pair(tag[8 + (l)], tag[12 + (l)], r1[l]); \
	} while (0)
	TIMES4(STORE);
#undef STORE
}

/*
 * Round i of sixteen on the working variables v, which change roles rather than places. `more`: makes
 * w[i] ready for the round sixteen further on.
 */
INLINE void
one_round(__m512i v[8], __m512i w[16], const uint32_t k[16], unsigned int i, bool more)
{
#define V(role) (v[((role) + 16 - i) % 8])
	__m512i a = V(0), b = V(1), c = V(2), e = V(4), f = V(5), g = V(6);
	__m512i t, u;

	t = ADD(V(7), ADD(w[i], _mm512_set1_epi32((int)k[i])));
	t = ADD(t, CHOOSE(e, f, g));
	u = XOR3(ROR(e, 6), ROR(e, 11), ROR(e, 25));
	/* The chains through a and e are the longest: what they wait for comes last. */
	V(3) = ADD(ADD(V(3), t), u);
	t = ADD(ADD(t, MAJORITY(a, b, c)), u);
	V(7) = ADD(t, XOR3(ROR(a, 2), ROR(a, 13), ROR(a, 22)));
#undef V
	if (more) {
		__m512i w15 = w[(i + 1) % 16], w2 = w[(i + 14) % 16];

		t = XOR3(ROR(w15, 7), ROR(w15, 18), _mm512_srli_epi32(w15, 3));
		u = XOR3(ROR(w2, 17), ROR(w2, 19), _mm512_srli_epi32(w2, 10));
		w[i] = ADD(ADD(ADD(w[i], w[(i + 9) % 16]), t), u);
	}
}

/*
 * Round i of one half, or of both. The barrier keeps the schedules in memory, where they are
 * operands, and the rounds of both halves side by side: a compiler left to choose spills v instead.
 */
#define ROUND(i)                                           \
	do {                                               \
		one_round(v0, w, k, i, more);              \
		if (both)                                  \
			one_round(v1, w + 16, k, i, more); \
		__asm__ volatile("" ::: "memory");         \
	} while (0)

INLINE void
sixteen_rounds(__m512i v0[8], __m512i v1[8], __m512i *w, const uint32_t k[16], bool both, bool more)
{
	ROUND(0);
	ROUND(1);
	ROUND(2);
	ROUND(3);
	ROUND(4);
	ROUND(5);
	ROUND(6);
	ROUND(7);
	ROUND(8);
	ROUND(9);
	ROUND(10);
	ROUND(11);
	ROUND(12);
	ROUND(13);
	ROUND(14);
	ROUND(15);
}

INLINE void
take(__m512i v[8], const __m512i chain[8])
{
#define TAKE(i) v[i] = chain[i]
	TIMES8(TAKE);
#undef TAKE
}

INLINE void
feed_forward(__m512i chain[8], const __m512i v[8], uint32_t active)
{
#define ADD_ACTIVE(i) chain[i] = _mm512_mask_add_epi32(chain[i], (__mmask16)active, chain[i], v[i])
	TIMES8(ADD_ACTIVE);
#undef ADD_ACTIVE
}

/* Adds 64 rounds on w to the chaining values of the lanes in `active`. */
INLINE void
compress(__m512i *chain, __m512i *w, bool both, uint32_t active)
{
	const uint32_t *k = hg_sha256_k;
	__m512i v0[8], v1[8];

	take(v0, chain);
	if (both)
		take(v1, chain + 8);
	for (; k < hg_sha256_k + 48; k += 16)
		sixteen_rounds(v0, v1, w, k, both, true);
	sixteen_rounds(v0, v1, w, k, both, false);
	feed_forward(chain, v0, active);
	if (both)
		feed_forward(chain + 8, v1, active >> LANES);
}

NOINLINE void
compress_half(__m512i *chain, __m512i *w, uint32_t active)
{
	compress(chain, w, false, active);
}

NOINLINE void
compress_both(__m512i *chain, __m512i *w, uint32_t active)
{
	compress(chain, w, true, active);
}

static void
begin(struct hg_wide_group *g, unsigned int used)
{
	__m512i *chain = (void *)g->chain;

	load_midstates(chain, g->key, false);
	if (used > LANES)
		load_midstates(chain + 8, g->key + LANES, false);
}

static void
blocks(struct hg_wide_group *g, size_t first, size_t n, unsigned int active)
{
	__m512i *chain = (void *)g->chain;
	__m512i *w = (void *)g->w;

	for (size_t i = first; i < first + n; i++) {
		load_blocks(w, g->blocks, i * HG_SHA256_BLOCK);
		if (active > LANES) {
			load_blocks(w + 16, g->blocks + LANES, i * HG_SHA256_BLOCK);
			compress_both(chain, w, UINT32_MAX >> (32 - active));
		} else {
			compress_half(chain, w, UINT32_MAX >> (32 - active));
		}
	}
}

/* Makes the inner digests the message, and the outer midstates the chaining values. */
INLINE void
turn(__m512i *chain, __m512i *w, const struct hg_hmac_key *const *key)
{
	for (unsigned int i = 0; i < 8; i++)
		w[i] = chain[i];
	/* The padding: 96 bytes with the opad block before the digest, 768 bits. */
	w[8] = _mm512_set1_epi32((int)0x80000000);
	for (unsigned int i = 9; i < 15; i++)
		w[i] = _mm512_setzero_si512();
	w[15] = _mm512_set1_epi32(768);
	load_midstates(chain, key, true);
}

static void
finish(struct hg_wide_group *g, unsigned int used)
{
	__m512i *chain = (void *)g->chain;
	__m512i *w = (void *)g->w;

	turn(chain, w, g->key);
	if (used > LANES) {
		turn(chain + 8, w + 16, g->key + LANES);
		compress_both(chain, w, UINT32_MAX);
		store_tags(chain + 8, g->tag + LANES);
	} else {
		compress_half(chain, w, UINT32_MAX);
	}
	store_tags(chain, g->tag);
}

static const struct hg_wide alone = {
	.lanes = HALVES * LANES,
	.begin = begin,
	.blocks = blocks,
	.finish = finish,
};

/* Zen 5: a step of a half takes 150 ns; a block on SHA-NI 33 ns alone, 17 ns beside three others. */
static const struct hg_wide with_shani = {
	.lanes = HALVES * LANES,
	.begin = begin,
	.blocks = blocks,
	.finish = finish,
	.narrow = &hg_hmac_shani,
	.narrow_blocks = 10,
};

INLINE void
mac(const struct hg_wide *wide, struct hg_hmac_job *jobs, size_t n)
{
	struct hg_wide_group g;

	hg_wide_mac(wide, &g, jobs, n);
	/* The chaining values have become the tags. */
	hg_secret_wipe(g.w, sizeof(g.w));
	hg_hmac_wipe_traces();
}

static void
run_alone(struct hg_hmac_job *jobs, size_t n)
{
	mac(&alone, jobs, n);
}

static void
run_with_shani(struct hg_hmac_job *jobs, size_t n)
{
	mac(&with_shani, jobs, n);
}

static bool
usable_with_shani(void)
{
	return hg_hmac_cpu_avx512() && hg_hmac_cpu_shani();
}

const struct hg_hmac_kernel hg_hmac_avx512 = {
	.name = "avx512",
	.lanes = HALVES * LANES,
	.usable = hg_hmac_cpu_avx512,
	.run = run_alone,
};

const struct hg_hmac_kernel hg_hmac_avx512_shani = {
	.name = "avx512-shani",
	.lanes = HALVES * LANES,
	.usable = usable_with_shani,
	.run = run_with_shani,
};
