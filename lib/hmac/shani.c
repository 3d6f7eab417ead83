/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SHA-NI. One message is a chain of sha256rnds2, each waiting for the one before, while the unit
 * could have begun another: so up to four messages run interleaved. A lane that is done with its
 * message takes the next one, whatever the lengths of its neighbours.
 */
#include "hmac/kernels.h"

#include <immintrin.h>
#include <string.h>

#define LANES 4u
#define INLINE static inline __attribute__((always_inline))
#define NOINLINE static __attribute__((noinline))

/* A message under way. Its inner digest, padded, is one more block behind those it came with. */
struct lane {
	__m128i abef, cdgh; /* the chaining value, ordered as sha256rnds2 wants it */
	__m128i w[4];       /* the last sixteen words of the message schedule */
	_Alignas(16) uint8_t outer_block[HG_SHA256_BLOCK];
	const uint8_t *next;
	size_t left; /* blocks up to the inner digest, or up to the tag */
	bool outer;
	struct hg_hmac_job *job;
};

/* The working variables: locals, so that they stay in registers. */
struct vars {
	__m128i abef, cdgh;
};

INLINE __m128i
swap_bytes(__m128i words)
{
	return _mm_shuffle_epi8(words, _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
}

/* Rounds 4i to 4i + 3. */
INLINE void
quad(struct vars *v, __m128i w[4], const uint8_t *block, unsigned int i)
{
	__m128i t;

	if (i < 4) {
		w[i] = swap_bytes(_mm_loadu_si128((const __m128i_u *)(block + 16 * (size_t)i)));
	} else {
		t = _mm_sha256msg1_epu32(w[i % 4], w[(i + 1) % 4]);
		t = _mm_add_epi32(t, _mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4));
		w[i % 4] = _mm_sha256msg2_epu32(t, w[(i + 3) % 4]);
	}
	t = _mm_load_si128((const void *)&hg_sha256_k[4 * (size_t)i]);
	t = _mm_add_epi32(w[i % 4], t);
	v->cdgh = _mm_sha256rnds2_epu32(v->cdgh, v->abef, t);
	v->abef = _mm_sha256rnds2_epu32(v->abef, v->cdgh, _mm_shuffle_epi32(t, 0x0e));
}

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
 * The barrier keeps the message schedules in memory, where they are operands: beyond two lanes there
 * are no registers for them, and a compiler left to choose spills the working variables instead.
 */
#define QUAD(i)                                                  \
	do {                                                     \
		quad(&v0, lanes[0].w, lanes[0].next, i);         \
		if (count > 1)                                   \
			quad(&v1, lanes[1].w, lanes[1].next, i); \
		if (count > 2)                                   \
			quad(&v2, lanes[2].w, lanes[2].next, i); \
		if (count > 3)                                   \
			quad(&v3, lanes[3].w, lanes[3].next, i); \
		if (count > 2)                                   \
			__asm__ volatile("" ::: "memory");       \
	} while (0)

/* Compresses the next n blocks of each of the first `count` lanes; count is a constant. */
INLINE void
compress(struct lane *lanes, unsigned int count, size_t n)
{
	struct vars v0, v1, v2, v3;

#define TAKE(l)                            \
	do {                               \
		v##l.abef = lanes[l].abef; \
		v##l.cdgh = lanes[l].cdgh; \
	} while (0)
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
#define FEED_FORWARD(l)                                                              \
	do {                                                                         \
		v##l.abef = lanes[l].abef = _mm_add_epi32(lanes[l].abef, v##l.abef); \
		v##l.cdgh = lanes[l].cdgh = _mm_add_epi32(lanes[l].cdgh, v##l.cdgh); \
		lanes[l].next += HG_SHA256_BLOCK;                                    \
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
set_chain(struct lane *lane, const uint32_t words[HG_SHA256_WORDS])
{
	__m128i abcd = _mm_loadu_si128((const __m128i_u *)(const void *)words);
	__m128i efgh = _mm_loadu_si128((const __m128i_u *)(const void *)(words + 4));

	abcd = _mm_shuffle_epi32(abcd, 0xb1); /* b a d c, from the lowest */
	efgh = _mm_shuffle_epi32(efgh, 0x1b); /* h g f e */
	lane->abef = _mm_alignr_epi8(abcd, efgh, 8);
	lane->cdgh = _mm_blend_epi16(efgh, abcd, 0xf0);
}

/* Writes the chaining value as the 32 bytes of a digest. */
INLINE void
put_digest(const struct lane *lane, uint8_t *to)
{
	__m128i feba = _mm_shuffle_epi32(lane->abef, 0x1b);
	__m128i dchg = _mm_shuffle_epi32(lane->cdgh, 0xb1);

	_mm_storeu_si128((__m128i_u *)to, swap_bytes(_mm_blend_epi16(feba, dchg, 0xf0)));
	_mm_storeu_si128((__m128i_u *)(to + 16), swap_bytes(_mm_alignr_epi8(dchg, feba, 8)));
}

INLINE void
start(struct lane *lane, struct hg_hmac_job *job)
{
	set_chain(lane, job->key->inner);
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
		put_digest(lane, lane->job->tag);
		return false;
	}
	put_digest(lane, lane->outer_block);
	set_chain(lane, lane->job->key->outer);
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

static void
run(struct hg_hmac_job *jobs, size_t n)
{
	/* The instructions are legacy SSE: behind dirty upper halves each would pay to keep them. */
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile("vzeroupper");
	mac(jobs, n);
	hg_hmac_wipe_traces();
}

const struct hg_hmac_kernel hg_hmac_shani = {
	.name = "shani",
	.lanes = LANES,
	.usable = hg_hmac_cpu_shani,
	.run = run,
};
