/* SPDX-License-Identifier: BSD-3-Clause */
#include "hmac/hmac.h"

#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/secret.h"
#include "hmac/kernels.h"

/* A later one is at least as good for small bursts as its equals before it. */
static const struct hg_hmac_kernel *const kernels[] = {
	&hg_hmac_scalar,
#if defined(__x86_64__)
	&hg_hmac_avx2,
	&hg_hmac_shani,
	&hg_hmac_avx512,
	&hg_hmac_avx512_shani,
#elif defined(__aarch64__)
	&hg_hmac_armv8,
#endif
};

#define N_KERNELS (sizeof(kernels) / sizeof(kernels[0]))

const struct hg_hmac_kernel *const *
hg_hmac_kernels(size_t *ret_n)
{
	*ret_n = N_KERNELS;
	return kernels;
}

const struct hg_hmac_kernel *
hg_hmac_kernel_find(const char *name)
{
	for (size_t i = 0; i < N_KERNELS; i++)
		if (strcmp(kernels[i]->name, name) == 0)
			return kernels[i];
	return NULL;
}

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

#define TRIAL_JOBS 32u
#define TRIAL_BLOCKS 2u
#define TRIAL_ROUNDS 2u
#define TRIAL_NS 100000u /* for one kernel in one round */

/*
 * The shortest of as many runs as fit into TRIAL_NS: what an interruption or a cold cache adds is not
 * the kernel's. The runs of a kernel follow each other, so that one whose instructions slow the clock
 * down (AVX-512 on some CPUs) pays for that itself.
 */
static uint64_t
time_kernel(const struct hg_hmac_kernel *kernel, struct hg_hmac_job *jobs)
{
	uint64_t best = UINT64_MAX;
	uint64_t from = now_ns();
	uint64_t until = from + TRIAL_NS;

	while (from < until) {
		uint64_t to;

		kernel->run(jobs, TRIAL_JOBS);
		to = now_ns();
		if (to - from < best)
			best = to - from;
		from = to;
	}
	return best;
}

const struct hg_hmac_kernel *
hg_hmac_kernel_best(void)
{
	uint8_t blocks[TRIAL_JOBS][TRIAL_BLOCKS * HG_SHA256_BLOCK] = { 0 };
	struct hg_hmac_key key = { 0 };
	struct hg_hmac_job jobs[TRIAL_JOBS];
	uint64_t took[N_KERNELS], least = UINT64_MAX;
	bool usable[N_KERNELS];
	size_t best = 0;

	for (unsigned int i = 0; i < TRIAL_JOBS; i++)
		jobs[i] = (struct hg_hmac_job){ &key, blocks[i], TRIAL_BLOCKS, { 0 } };
	for (size_t k = 0; k < N_KERNELS; k++) {
		took[k] = UINT64_MAX;
		usable[k] = kernels[k]->usable();
	}
	for (unsigned int round = 0; round < TRIAL_ROUNDS; round++) {
		for (size_t k = 0; k < N_KERNELS; k++) {
			uint64_t t;

			if (!usable[k])
				continue;
			t = time_kernel(kernels[k], jobs);
			took[k] = t < took[k] ? t : took[k];
			least = t < least ? t : least;
		}
	}
	/* Less than a sixteenth is noise: the last of those that are so close. */
	for (size_t k = 0; k < N_KERNELS; k++)
		if (took[k] <= least + least / 16)
			best = k;
	return kernels[best];
}

/* FIPS 180-4, 5.1.1 and 6.2. */
static void
sha256(uint8_t digest[HG_HMAC_LEN], const uint8_t *data, size_t len)
{
	uint32_t state[HG_SHA256_WORDS];
	uint8_t tail[2 * HG_SHA256_BLOCK] = { 0 };
	size_t rest = len % HG_SHA256_BLOCK;
	size_t tail_blocks = rest + 1 + sizeof(uint64_t) > HG_SHA256_BLOCK ? 2 : 1;

	memcpy(tail, data + len - rest, rest);
	tail[rest] = 0x80;
	hg_store_be64(tail + tail_blocks * HG_SHA256_BLOCK - sizeof(uint64_t), 8 * (uint64_t)len);

	memcpy(state, hg_sha256_init, sizeof(state));
	hg_sha256_blocks(state, data, len / HG_SHA256_BLOCK);
	hg_sha256_blocks(state, tail, tail_blocks);
	for (unsigned int i = 0; i < HG_SHA256_WORDS; i++)
		hg_store_be32(digest + 4 * (size_t)i, state[i]);
}

/* RFC 2104, 2. Not inlined, so that its frame is among what hg_hmac_key_init() wipes. */
static __attribute__((noinline)) void
derive(struct hg_hmac_key *key, const uint8_t *secret, size_t len)
{
	uint8_t pad[HG_SHA256_BLOCK] = { 0 };

	if (len > HG_SHA256_BLOCK)
		sha256(pad, secret, len);
	else if (len > 0)
		memcpy(pad, secret, len);

	for (unsigned int i = 0; i < HG_SHA256_BLOCK; i++)
		pad[i] ^= 0x36;
	memcpy(key->inner, hg_sha256_init, sizeof(key->inner));
	hg_sha256_blocks(key->inner, pad, 1);

	for (unsigned int i = 0; i < HG_SHA256_BLOCK; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	memcpy(key->outer, hg_sha256_init, sizeof(key->outer));
	hg_sha256_blocks(key->outer, pad, 1);
}

void
hg_hmac_key_init(struct hg_hmac_key *key, const uint8_t *secret, size_t len)
{
	derive(key, secret, len);
	hg_hmac_wipe_traces();
}

uint32_t
hg_hmac_pad(uint8_t *message, size_t len)
{
	size_t n_blocks = (len + sizeof(uint64_t)) / HG_SHA256_BLOCK + 1;
	uint64_t bits = 8 * (HG_SHA256_BLOCK + (uint64_t)len);

	/* All of the room, in pieces that are stores and no call: cheaper than the right length. */
	memset(message + len, 0, 64);
	memset(message + len + 64, 0, HG_HMAC_PAD_ROOM - 64);
	message[len] = 0x80;
	hg_store_be64(message + n_blocks * HG_SHA256_BLOCK - sizeof(bits), bits);
	return (uint32_t)n_blocks;
}
