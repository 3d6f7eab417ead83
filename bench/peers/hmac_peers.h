/* SPDX-License-Identifier: BSD-3-Clause */
/* The ways to compute HMAC-SHA256 that measure/hmac.c compares. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "hmac/hmac.h"

#define PEER_BATCH_MAX 64u
#define PEER_LEN_MAX 112u
#define PEER_TAG_LEN 16u /* what a cookie holds of the tag; ways may give more */
#define PEER_SECRET_LEN 32u
#define PEER_WAYS_MAX 24u

/* The messages of one batch, and room behind each for padding; a cache line's multiple apart. */
struct work {
	_Alignas(64) uint8_t message[PEER_BATCH_MAX][192];
	_Alignas(64) uint8_t tag[PEER_BATCH_MAX][HG_HMAC_LEN];
	struct hg_hmac_job job[PEER_BATCH_MAX];
	uint8_t secret[PEER_SECRET_LEN];
};

_Static_assert(PEER_LEN_MAX + HG_HMAC_PAD_ROOM <= 192, "a message and its padding have room");

struct way {
	char name[32];
	/* From `batch` messages of `len` bytes to their tags, padding included. */
	void (*run)(const struct way *way, struct work *work, size_t len, size_t batch);
	const uint8_t *(*tag)(const struct work *work, size_t i); /* where run() has put one */
	const void *kernel; /* struct hg_hmac_kernel, for ours */
	void *state;
};

/*
 * Adds OpenSSL's EVP_MAC with one context for all messages, HMAC() that starts afresh for each, and
 * intel-ipsec-mb's synchronous hash burst, for every instruction set of this CPU that it has code
 * for. Returns how many ways there are now. Ends the process if a library refuses.
 */
unsigned int peers_add(struct way *ways, unsigned int n_ways, const struct work *work);
