/* SPDX-License-Identifier: BSD-3-Clause */
#include "hmac/hmac.h"

#include <string.h>

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

_Static_assert(N_KERNELS <= HG_HMAC_KERNELS_MAX, "tables of kernels have room");

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
