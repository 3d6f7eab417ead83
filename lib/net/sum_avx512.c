/* SPDX-License-Identifier: BSD-3-Clause */
/* The sum of sum.c in words of 64 bytes, the last of them masked instead of in ever smaller pieces. */
#include <immintrin.h>

#include "net/sum.h"

__attribute__((target("avx512bw,bmi2"))) uint64_t
hg_net_sum_avx512(const uint8_t *p, size_t len, uint64_t sum)
{
	__m512i words = _mm512_setzero_si512(), upper = words, last;

	for (; len >= 64; p += 64, len -= 64) {
		__m512i eight = _mm512_loadu_si512(p);

		words = _mm512_add_epi64(words, eight);
		upper = _mm512_add_epi64(upper, _mm512_srli_epi64(eight, 32));
	}
	last = _mm512_maskz_loadu_epi8(_bzhi_u64(UINT64_MAX, (unsigned int)len), p);
	words = _mm512_add_epi64(words, last);
	upper = _mm512_add_epi64(upper, _mm512_srli_epi64(last, 32));
	words = _mm512_sub_epi64(words, _mm512_sub_epi64(_mm512_slli_epi64(upper, 32), upper));
	return sum + (uint64_t)_mm512_reduce_add_epi64(words);
}

typedef uint64_t sum_function(const uint8_t *p, size_t len, uint64_t sum);

/* Called by the dynamic loader, before a sanitizer is ready. */
__attribute__((used, no_sanitize("address", "thread", "undefined"))) static sum_function *
choose(void)
{
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("bmi2"))
		return hg_net_sum_avx512;
	return hg_net_sum_portable;
}

uint64_t hg_net_sum(const uint8_t *p, size_t len, uint64_t sum) __attribute__((ifunc("choose")));
