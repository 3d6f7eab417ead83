/* SPDX-License-Identifier: BSD-3-Clause */
/* SHA-NI: sha256rnds2 makes two rounds. */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "hmac/kernels.h"

#define INLINE static inline __attribute__((always_inline))
#define LANES_IN_REGISTERS 2u

struct vars {
	__m128i abef, cdgh;
};

struct schedule {
	__m128i w[4];
};

INLINE __m128i
swap_bytes(__m128i words)
{
	return _mm_shuffle_epi8(words, _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203));
}

/* Rounds 4i to 4i + 3. */
INLINE void
quad(struct vars *v, struct schedule *s, const uint8_t *block, unsigned int i)
{
	__m128i *w = s->w;
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

INLINE void
feed_forward(struct vars *v, struct vars *chain)
{
	v->abef = chain->abef = _mm_add_epi32(chain->abef, v->abef);
	v->cdgh = chain->cdgh = _mm_add_epi32(chain->cdgh, v->cdgh);
}

INLINE void
set_chain(struct vars *chain, const uint32_t words[HG_SHA256_WORDS])
{
	__m128i abcd = _mm_loadu_si128((const __m128i_u *)(const void *)words);
	__m128i efgh = _mm_loadu_si128((const __m128i_u *)(const void *)(words + 4));

	abcd = _mm_shuffle_epi32(abcd, 0xb1); /* b a d c, from the lowest */
	efgh = _mm_shuffle_epi32(efgh, 0x1b); /* h g f e */
	chain->abef = _mm_alignr_epi8(abcd, efgh, 8);
	chain->cdgh = _mm_blend_epi16(efgh, abcd, 0xf0);
}

INLINE void
put_digest(const struct vars *chain, uint8_t *to)
{
	__m128i feba = _mm_shuffle_epi32(chain->abef, 0x1b);
	__m128i dchg = _mm_shuffle_epi32(chain->cdgh, 0xb1);

	_mm_storeu_si128((__m128i_u *)to, swap_bytes(_mm_blend_epi16(feba, dchg, 0xf0)));
	_mm_storeu_si128((__m128i_u *)(to + 16), swap_bytes(_mm_alignr_epi8(dchg, feba, 8)));
}

#include "hmac/interleave.h"

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
