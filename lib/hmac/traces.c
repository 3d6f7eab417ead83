/* SPDX-License-Identifier: BSD-3-Clause */
#include "hmac/kernels.h"

#include "base/secret.h"

#ifdef __x86_64__
static inline void
wipe_vectors(void)
{
	/* Even if the caller knows none of these: memcpy() uses them. Writing 128 bits zeroes all. */
	if (__builtin_cpu_supports("avx512vl"))
		__asm__ volatile("vpxord %%xmm16, %%xmm16, %%xmm16\n\t"
				 "vpxord %%xmm17, %%xmm17, %%xmm17\n\t"
				 "vpxord %%xmm18, %%xmm18, %%xmm18\n\t"
				 "vpxord %%xmm19, %%xmm19, %%xmm19\n\t"
				 "vpxord %%xmm20, %%xmm20, %%xmm20\n\t"
				 "vpxord %%xmm21, %%xmm21, %%xmm21\n\t"
				 "vpxord %%xmm22, %%xmm22, %%xmm22\n\t"
				 "vpxord %%xmm23, %%xmm23, %%xmm23\n\t"
				 "vpxord %%xmm24, %%xmm24, %%xmm24\n\t"
				 "vpxord %%xmm25, %%xmm25, %%xmm25\n\t"
				 "vpxord %%xmm26, %%xmm26, %%xmm26\n\t"
				 "vpxord %%xmm27, %%xmm27, %%xmm27\n\t"
				 "vpxord %%xmm28, %%xmm28, %%xmm28\n\t"
				 "vpxord %%xmm29, %%xmm29, %%xmm29\n\t"
				 "vpxord %%xmm30, %%xmm30, %%xmm30\n\t"
				 "vpxord %%xmm31, %%xmm31, %%xmm31" ::
					 : "memory");
#define XMM_ALL                                                                                  \
	"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
		"xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
	if (__builtin_cpu_supports("avx")) {
		__asm__ volatile("vzeroall" ::: "memory", XMM_ALL);
		return;
	}
	__asm__ volatile("pxor %%xmm0, %%xmm0\n\t"
			 "pxor %%xmm1, %%xmm1\n\t"
			 "pxor %%xmm2, %%xmm2\n\t"
			 "pxor %%xmm3, %%xmm3\n\t"
			 "pxor %%xmm4, %%xmm4\n\t"
			 "pxor %%xmm5, %%xmm5\n\t"
			 "pxor %%xmm6, %%xmm6\n\t"
			 "pxor %%xmm7, %%xmm7\n\t"
			 "pxor %%xmm8, %%xmm8\n\t"
			 "pxor %%xmm9, %%xmm9\n\t"
			 "pxor %%xmm10, %%xmm10\n\t"
			 "pxor %%xmm11, %%xmm11\n\t"
			 "pxor %%xmm12, %%xmm12\n\t"
			 "pxor %%xmm13, %%xmm13\n\t"
			 "pxor %%xmm14, %%xmm14\n\t"
			 "pxor %%xmm15, %%xmm15" ::
				 : "memory", XMM_ALL);
}
#endif

__attribute__((noinline)) void
hg_hmac_wipe_traces(void)
{
	uint8_t below[HG_HMAC_STACK];

	hg_secret_wipe(below, sizeof(below));
#ifdef __x86_64__
	wipe_vectors();
#endif
}
