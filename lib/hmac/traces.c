/* SPDX-License-Identifier: BSD-3-Clause */
#include "hmac/kernels.h"

#include "base/secret.h"

#if defined(__x86_64__)
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
#elif defined(__aarch64__)
static inline void
wipe_vectors(void)
{
	/* With SVE these are the low ends of longer registers, whose rest a write zeroes as well. */
	__asm__ volatile(".irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, "
			 "16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31\n\t"
			 "movi v\\i\\().2d, #0\n\t"
			 ".endr" ::
				 : "memory", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8",
			 "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19",
			 "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29",
			 "v30", "v31");
}
#else
static inline void
wipe_vectors(void)
{
}
#endif

__attribute__((noinline)) void
hg_hmac_wipe_traces(void)
{
	uint8_t below[HG_HMAC_STACK];

	hg_secret_wipe(below, sizeof(below));
	wipe_vectors();
}
