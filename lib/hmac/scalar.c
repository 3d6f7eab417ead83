/* SPDX-License-Identifier: BSD-3-Clause */
/* The reference: SHA-256 as FIPS 180-4 writes it, one message after another. */
#include "hmac/kernels.h"

#include <string.h>

#include "base/bytes.h"

_Alignas(64) const uint32_t hg_sha256_k[64] = { 0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5,
	0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
	0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
	0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152,
	0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e,
	0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624,
	0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3,
	0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2 };

const uint32_t hg_sha256_init[HG_SHA256_WORDS] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

static inline uint32_t
ror(uint32_t x, unsigned int n)
{
	return x >> n | x << (32 - n);
}

/* The message schedule, sixteen words at a time: the next ones replace those just used. */
static inline void
schedule(uint32_t w[16])
{
	for (unsigned int i = 0; i < 16; i++) {
		uint32_t w15 = w[(i + 1) % 16];
		uint32_t w2 = w[(i + 14) % 16];

		w[i] += (ror(w15, 7) ^ ror(w15, 18) ^ w15 >> 3) + w[(i + 9) % 16] +
			(ror(w2, 17) ^ ror(w2, 19) ^ w2 >> 10);
	}
}

/* The words change their roles from round to round, rather than their places. */
#define ROUND(a, b, c, d, e, f, g, h, i)                                                        \
	do {                                                                                    \
		h += k[i] + w[i] + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + (((f ^ g) & e) ^ g); \
		d += h;                                                                         \
		h += (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) + ((a & b) | ((a | b) & c));         \
	} while (0)

#define EIGHT_ROUNDS(i)                                 \
	do {                                            \
		ROUND(a, b, c, d, e, f, g, h, (i));     \
		ROUND(h, a, b, c, d, e, f, g, (i) + 1); \
		ROUND(g, h, a, b, c, d, e, f, (i) + 2); \
		ROUND(f, g, h, a, b, c, d, e, (i) + 3); \
		ROUND(e, f, g, h, a, b, c, d, (i) + 4); \
		ROUND(d, e, f, g, h, a, b, c, (i) + 5); \
		ROUND(c, d, e, f, g, h, a, b, (i) + 6); \
		ROUND(b, c, d, e, f, g, h, a, (i) + 7); \
	} while (0)

/* FIPS 180-4, 6.2.2. Destroys w. */
static void
compress(uint32_t state[HG_SHA256_WORDS], uint32_t w[16])
{
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
	uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
	const uint32_t *k = hg_sha256_k;

	for (;;) {
		EIGHT_ROUNDS(0);
		EIGHT_ROUNDS(8);
		k += 16;
		if (k == hg_sha256_k + 64)
			break;
		schedule(w);
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
	state[5] += f;
	state[6] += g;
	state[7] += h;
}

void
hg_sha256_blocks(uint32_t state[HG_SHA256_WORDS], const uint8_t *blocks, size_t n)
{
	uint32_t w[16];

	for (; n > 0; n--, blocks += HG_SHA256_BLOCK) {
		for (unsigned int i = 0; i < 16; i++)
			w[i] = hg_load_be32(blocks + 4 * (size_t)i);
		compress(state, w);
	}
}

void
hg_hmac_outer(struct hg_hmac_job *job, const uint32_t inner[HG_SHA256_WORDS])
{
	uint32_t state[HG_SHA256_WORDS];
	/* The inner digest behind the opad block, padded: 96 bytes, 768 bits in all. */
	uint32_t w[16] = { [8] = 0x80000000, [15] = 8 * (HG_SHA256_BLOCK + HG_HMAC_LEN) };

	memcpy(w, inner, HG_HMAC_LEN);
	memcpy(state, job->key->outer, sizeof(state));
	compress(state, w);
	for (unsigned int i = 0; i < HG_SHA256_WORDS; i++)
		hg_store_be32(job->tag + 4 * (size_t)i, state[i]);
}

/* Not inlined, so that its frame is among what run() wipes. */
static __attribute__((noinline)) void
mac(struct hg_hmac_job *jobs, size_t n)
{
	uint32_t state[HG_SHA256_WORDS];

	for (size_t i = 0; i < n; i++) {
		memcpy(state, jobs[i].key->inner, sizeof(state));
		hg_sha256_blocks(state, jobs[i].blocks, jobs[i].n_blocks);
		hg_hmac_outer(&jobs[i], state);
	}
}

static void
run(struct hg_hmac_job *jobs, size_t n)
{
	mac(jobs, n);
	hg_hmac_wipe_traces();
}

static bool
usable(void)
{
	return true;
}

const struct hg_hmac_kernel hg_hmac_scalar = {
	.name = "scalar",
	.lanes = 1,
	.usable = usable,
	.run = run,
};
