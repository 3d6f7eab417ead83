/* SPDX-License-Identifier: BSD-3-Clause */
/* AVX2: eight messages, one in each 32-bit lane. For CPUs that have neither SHA-NI nor AVX-512. */
#include "hmac/kernels.h"
#include "hmac/wide.h"

#include <immintrin.h>

#include "base/secret.h"

#define LANES 8u
#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))

#define ADD(x, y) _mm256_add_epi32(x, y)
#define AND(x, y) _mm256_and_si256(x, y)
#define XOR(x, y) _mm256_xor_si256(x, y)
#define SHR(x, n) _mm256_srli_epi32(x, n)
/* Both halves of a rotation, to be combined with XOR like the rest. */
#define ROR(x, n) XOR(SHR(x, n), _mm256_slli_epi32(x, 32 - (n)))
#define XOR3(x, y, z) XOR(XOR(x, y), z)

INLINE __m256i
swap_bytes(__m256i words)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);

	return _mm256_shuffle_epi8(words, _mm256_broadcastsi128_si256(swap));
}

/* In each 128-bit half, word i of r[j] changes places with word j of r[i]. */
INLINE void
transpose_halves(__m256i r[4])
{
	__m256i t0 = _mm256_unpacklo_epi32(r[0], r[1]);
	__m256i t1 = _mm256_unpackhi_epi32(r[0], r[1]);
	__m256i t2 = _mm256_unpacklo_epi32(r[2], r[3]);
	__m256i t3 = _mm256_unpackhi_epi32(r[2], r[3]);

	r[0] = _mm256_unpacklo_epi64(t0, t2);
	r[1] = _mm256_unpackhi_epi64(t0, t2);
	r[2] = _mm256_unpacklo_epi64(t1, t3);
	r[3] = _mm256_unpackhi_epi64(t1, t3);
}

INLINE __m256i
load_pair(const void *low, const void *high)
{
	__m128i l = _mm_loadu_si128(low);
	__m128i h = _mm_loadu_si128(high);

	return _mm256_inserti128_si256(_mm256_castsi128_si256(l), h, 1);
}

/* Lane l of w[i] becomes word i of the four at lane l's `offset`. */
INLINE void
load_four(__m256i w[4], const uint8_t *const blocks[LANES], size_t offset)
{
	__m256i r[4];

#define LOAD(l) r[l] = swap_bytes(load_pair(blocks[l] + offset, blocks[4 + (l)] + offset))
	TIMES4(LOAD);
#undef LOAD
	transpose_halves(r);
#define STORE(i) w[i] = r[i]
	TIMES4(STORE);
#undef STORE
}

/* Lane l of chain[i] becomes word `first` + i of key[l]'s inner or outer midstate. */
INLINE void
load_half_midstates(__m256i chain[4], const struct hg_hmac_key *const key[LANES], bool outer,
	unsigned int first)
{
	__m256i r[4];

#define MIDSTATE(l) ((outer ? key[l]->outer : key[l]->inner) + first)
#define LOAD(l) r[l] = load_pair(MIDSTATE(l), MIDSTATE(4 + (l)))
	TIMES4(LOAD);
#undef LOAD
#undef MIDSTATE
	transpose_halves(r);
#define STORE(i) chain[i] = r[i]
	TIMES4(STORE);
#undef STORE
}

INLINE void
load_midstates(__m256i chain[8], const struct hg_hmac_key *const key[LANES], bool outer)
{
	load_half_midstates(chain, key, outer, 0);
	load_half_midstates(chain + 4, key, outer, 4);
}

INLINE void
store_half_tags(const __m256i chain[4], uint8_t *const tag[LANES], size_t offset)
{
	__m256i r[4];

#define LOAD(i) r[i] = swap_bytes(chain[i])
	TIMES4(LOAD);
#undef LOAD
	transpose_halves(r);
#define STORE(l)                                                                             \
	do {                                                                                 \
		_mm_storeu_si128((void *)(tag[l] + offset), _mm256_castsi256_si128(r[l]));   \
		_mm_storeu_si128(                                                            \
			(void *)(tag[4 + (l)] + offset), _mm256_extracti128_si256(r[l], 1)); \
	} while (0)
	TIMES4(STORE);
#undef STORE
}

/*
 * Round i of sixteen on the working variables v, which change roles rather than places. `more`: makes
 * w[i] ready for the round sixteen further on. *bc is b ^ c, and becomes that of the next round.
 */
INLINE void
one_round(__m256i v[8], __m256i *bc, __m256i w[16], const uint32_t k[16], unsigned int i, bool more)
{
#define V(role) (v[((role) + 16 - i) % 8])
	__m256i a = V(0), b = V(1), e = V(4), f = V(5), g = V(6);
	__m256i t, u, ab;

	t = ADD(V(7), ADD(w[i], _mm256_set1_epi32((int)k[i])));
	t = ADD(t, XOR(AND(XOR(f, g), e), g));
	u = XOR3(ROR(e, 6), ROR(e, 11), ROR(e, 25));
	/* The chains through a and e are the longest: what they wait for comes last. */
	V(3) = ADD(ADD(V(3), t), u);
	ab = XOR(a, b);
	t = ADD(ADD(t, XOR(AND(ab, *bc), b)), u);
	*bc = ab;
	V(7) = ADD(t, XOR3(ROR(a, 2), ROR(a, 13), ROR(a, 22)));
#undef V
	if (more) {
		__m256i w15 = w[(i + 1) % 16], w2 = w[(i + 14) % 16];

		t = XOR3(ROR(w15, 7), ROR(w15, 18), SHR(w15, 3));
		u = XOR3(ROR(w2, 17), ROR(w2, 19), SHR(w2, 10));
		w[i] = ADD(ADD(ADD(w[i], w[(i + 9) % 16]), t), u);
	}
}

/* The barrier keeps the schedule in memory, where it is an operand: there are registers for v alone. */
#define ROUND(i)                                   \
	do {                                       \
		one_round(v, &bc, w, k, i, more);  \
		__asm__ volatile("" ::: "memory"); \
	} while (0)

INLINE __m256i
sixteen_rounds(__m256i v[8], __m256i bc, __m256i w[16], const uint32_t k[16], bool more)
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
	return bc;
}

/* Adds 64 rounds on w to the chaining values of the lanes in `active`. */
NOINLINE void
compress(__m256i chain[8], __m256i w[16], uint32_t active)
{
	const __m256i bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
	const uint32_t *k = hg_sha256_k;
	__m256i v[8], bc, keep;

#define TAKE(i) v[i] = chain[i]
	TIMES8(TAKE);
#undef TAKE
	bc = XOR(v[1], v[2]);
	for (; k < hg_sha256_k + 48; k += 16)
		bc = sixteen_rounds(v, bc, w, k, true);
	sixteen_rounds(v, bc, w, k, false);
	keep = _mm256_cmpeq_epi32(AND(_mm256_set1_epi32((int)active), bits), bits);
#define FEED_FORWARD(i) chain[i] = ADD(chain[i], AND(v[i], keep))
	TIMES8(FEED_FORWARD);
#undef FEED_FORWARD
}

static void
begin(struct hg_wide_group *g, unsigned int used)
{
	(void)used;
	load_midstates((void *)g->chain, g->key, false);
}

static void
blocks(struct hg_wide_group *g, size_t first, size_t n, unsigned int active)
{
	__m256i *w = (void *)g->w;

	for (size_t i = first; i < first + n; i++) {
		load_four(w, g->blocks, i * HG_SHA256_BLOCK);
		load_four(w + 4, g->blocks, i * HG_SHA256_BLOCK + 16);
		load_four(w + 8, g->blocks, i * HG_SHA256_BLOCK + 32);
		load_four(w + 12, g->blocks, i * HG_SHA256_BLOCK + 48);
		compress((void *)g->chain, w, UINT32_MAX >> (32 - active));
	}
}

static void
finish(struct hg_wide_group *g, unsigned int used)
{
	__m256i *chain = (void *)g->chain;
	__m256i *w = (void *)g->w;

	(void)used;
	/* The inner digest becomes the message: with the opad block before it, 96 bytes or 768 bits. */
	for (unsigned int i = 0; i < 8; i++)
		w[i] = chain[i];
	w[8] = _mm256_set1_epi32((int)0x80000000);
	for (unsigned int i = 9; i < 15; i++)
		w[i] = _mm256_setzero_si256();
	w[15] = _mm256_set1_epi32(768);
	load_midstates(chain, g->key, true);
	compress(chain, w, UINT32_MAX);
	store_half_tags(chain, g->tag, 0);
	store_half_tags(chain + 4, g->tag, 16);
}

static const struct hg_wide wide = {
	.lanes = LANES,
	.begin = begin,
	.blocks = blocks,
	.finish = finish,
};

static void
run(struct hg_hmac_job *jobs, size_t n)
{
	struct hg_wide_group g;

	hg_wide_mac(&wide, &g, jobs, n);
	/* All of it that eight lanes use; the chaining values have become the tags. */
	hg_secret_wipe(g.w, 16 * LANES * sizeof(g.w[0]));
	hg_hmac_wipe_traces();
}

const struct hg_hmac_kernel hg_hmac_avx2 = {
	.name = "avx2",
	.lanes = LANES,
	.usable = hg_hmac_cpu_avx2,
	.run = run,
};
