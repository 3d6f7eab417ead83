/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hmac/hmac.h"

#define N_SECRETS 8u
#define SECRET_MAX 150u

/* A deterministic sequence of numbers (xorshift64*), so that a failure comes back with its seed. */
struct rng {
	uint64_t state;
};

static inline uint64_t
rng_next(struct rng *rng)
{
	rng->state ^= rng->state >> 12;
	rng->state ^= rng->state << 25;
	rng->state ^= rng->state >> 27;
	return rng->state * UINT64_C(0x2545f4914f6cdd1d);
}

/* A number from 0 to below - 1. */
static inline uint32_t
rng_below(struct rng *rng, uint32_t below)
{
	return (uint32_t)((rng_next(rng) >> 32) * below >> 32);
}

static inline void
rng_fill(struct rng *rng, void *to, size_t n)
{
	uint8_t *p = to;

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(rng_next(rng) >> 56);
}

/* Memory whose neighbours cannot be touched: a trap, `size` bytes, a trap. */
struct arena {
	uint8_t *start;
	size_t size; /* whole pages */
};

/* Exits on failure. */
void arena_open(struct arena *arena, size_t at_least);
void arena_close(struct arena *arena);

/* HMAC-SHA256 by OpenSSL, with secrets of N_SECRETS lengths. */
struct oracle;

/* Exits on failure. */
struct oracle *oracle_open(struct rng *rng);
void oracle_close(struct oracle *oracle);
const uint8_t *oracle_secret(const struct oracle *oracle, unsigned int secret, size_t *ret_len);
void oracle_mac(struct oracle *oracle, unsigned int secret, const uint8_t *message, size_t len,
	uint8_t tag[HG_HMAC_LEN]);
void oracle_sha256(const uint8_t *data, size_t len, uint8_t digest[HG_HMAC_LEN]);

/* Kernels that are right but for one thing, which the self-test has to notice. */
struct broken {
	const char *what;
	struct hg_hmac_kernel kernel;
};

const struct broken *broken_kernels(size_t *ret_n);
/* As these, with nothing wrong. */
const struct hg_hmac_kernel *unbroken_kernel(void);

/*
 * Searches the stack and the vector registers for the words of a key, or of what follows from it,
 * after it has been used. Each returns NULL if it finds none, else where. residue_unavailable() says
 * why this build cannot be searched, or NULL.
 */
const char *residue_unavailable(void);
const char *residue_of_run(const struct hg_hmac_kernel *kernel, size_t n_jobs);
const char *residue_of_key_init(size_t secret_len);
/* Of a kernel that leaves its keys lying about, to prove that the search finds them. */
const char *residue_of_leak(void);

/* Prints how long each usable kernel and OpenSSL take for a message. */
void bench(struct oracle *oracle);
