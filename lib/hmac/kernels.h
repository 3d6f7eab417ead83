/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of this folder share. Not installed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hmac/hmac.h"

#pragma GCC visibility push(hidden)

#define HG_HMAC_KERNELS_MAX 8u /* of one build */
#define HG_SHA256_WORDS 8u     /* words of a chaining value */

/* FIPS 180-4, 4.2.2 and 5.3.3. The round constants start a cache line: kernels add them from memory. */
extern const uint32_t hg_sha256_k[64];
extern const uint32_t hg_sha256_init[HG_SHA256_WORDS];

/* Compresses n whole blocks into state. Secrets may stay below the caller's frame. */
void hg_sha256_blocks(uint32_t state[HG_SHA256_WORDS], const uint8_t *blocks, size_t n);

/* Finishes a job from the chaining value of its whole message. As hg_sha256_blocks() on secrets. */
void hg_hmac_outer(struct hg_hmac_job *job, const uint32_t inner[HG_SHA256_WORDS]);

/*
 * Wipes HG_HMAC_STACK bytes of stack below the caller's frame, where functions that have returned
 * left their locals and the registers that the compiler spilled (a wipe of named variables does not
 * reach those), and the vector registers. tests/xcheck looks whether any kernel goes deeper.
 */
#define HG_HMAC_STACK 2048
void hg_hmac_wipe_traces(void);

/* What the CPU at hand may lack. A build has those of its own architecture. */
bool hg_hmac_cpu_shani(void);
bool hg_hmac_cpu_avx2(void);
bool hg_hmac_cpu_avx512(void);
bool hg_hmac_cpu_armv8(void);

#define HG_HMAC_DECLARE(symbol, name) extern const struct hg_hmac_kernel hg_hmac_##symbol;
HG_HMAC_KERNELS(HG_HMAC_DECLARE)
#undef HG_HMAC_DECLARE

#pragma GCC visibility pop
