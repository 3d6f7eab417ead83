/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which kernels can run here. An instruction needs the CPU's word (CPUID), and registers wider than
 * SSE's need the operating system's as well, that it saves them (XGETBV). Asked directly: clang 14's
 * __builtin_cpu_supports() does not know "sha".
 */
#include "hmac/kernels.h"

#include <cpuid.h>

#define XCR0_AVX 0x06u    /* XMM and upper halves of YMM */
#define XCR0_AVX512 0xe6u /* those, mask registers, upper halves of ZMM, ZMM16 to ZMM31 */

struct features {
	uint32_t leaf1_ecx;
	uint32_t leaf7_ebx;
	uint64_t xcr0;
};

static struct features
probe(void)
{
	struct features f = { 0 };
	uint32_t a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d))
		return f;
	f.leaf1_ecx = c;
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d))
		f.leaf7_ebx = b;
	if (f.leaf1_ecx & bit_OSXSAVE) {
		__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
		f.xcr0 = (uint64_t)d << 32 | a;
	}
	return f;
}

bool
hg_hmac_cpu_shani(void)
{
	struct features f = probe();
	const uint32_t leaf1 = bit_SSSE3 | bit_SSE4_1;

	return (f.leaf1_ecx & leaf1) == leaf1 && (f.leaf7_ebx & bit_SHA);
}

bool
hg_hmac_cpu_avx2(void)
{
	struct features f = probe();
	bool instructions = (f.leaf1_ecx & bit_AVX) && (f.leaf7_ebx & bit_AVX2);

	return instructions && (f.xcr0 & XCR0_AVX) == XCR0_AVX;
}

bool
hg_hmac_cpu_avx512(void)
{
	struct features f = probe();
	const uint32_t leaf7 = bit_AVX512F | bit_AVX512BW | bit_AVX512VL;

	return (f.leaf7_ebx & leaf7) == leaf7 && (f.xcr0 & XCR0_AVX512) == XCR0_AVX512;
}
