/* SPDX-License-Identifier: BSD-3-Clause */
#include "peers/hmac_peers.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <intel-ipsec-mb.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "hmac: %s failed\n", what);
	exit(EXIT_FAILURE);
}

static const uint8_t *
tag_apart(const struct work *work, size_t i)
{
	return work->tag[i];
}

/* RFC 2104's way to many messages: the context keeps what follows from the key. */
static void
run_evp_mac(const struct way *way, struct work *work, size_t len, size_t batch)
{
	EVP_MAC_CTX *ctx = way->state;

	for (size_t i = 0; i < batch; i++) {
		size_t tag_len;

		if (EVP_MAC_init(ctx, NULL, 0, NULL) != 1 ||
			EVP_MAC_update(ctx, work->message[i], len) != 1 ||
			EVP_MAC_final(ctx, work->tag[i], &tag_len, HG_HMAC_LEN) != 1)
			abort();
	}
}

static void
run_one_shot(const struct way *way, struct work *work, size_t len, size_t batch)
{
	(void)way;
	for (size_t i = 0; i < batch; i++)
		if (HMAC(EVP_sha256(), work->secret, PEER_SECRET_LEN, work->message[i], len,
			    work->tag[i], NULL) == NULL)
			abort();
}

static struct way
openssl_mac(const struct work *work)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);

	must(ctx != NULL && EVP_MAC_init(ctx, work->secret, PEER_SECRET_LEN, params) == 1,
		"EVP_MAC_init");
	EVP_MAC_free(mac); /* the context holds it */
	return (struct way){ "openssl EVP_MAC", run_evp_mac, tag_apart, NULL, ctx };
}

/* A manager and its jobs: what does not change from burst to burst is filled in once. */
struct ipsec_mb {
	IMB_MGR *manager;
	_Alignas(16) uint8_t inner[HG_HMAC_LEN];
	_Alignas(16) uint8_t outer[HG_HMAC_LEN];
	IMB_JOB job[PEER_BATCH_MAX];
};

static void
run_ipsec_mb(const struct way *way, struct work *work, size_t len, size_t batch)
{
	struct ipsec_mb *state = way->state;

	for (size_t i = 0; i < batch; i++) {
		state->job[i].src = work->message[i];
		state->job[i].msg_len_to_hash_in_bytes = len;
		state->job[i].auth_tag_output = work->tag[i];
	}
	if (IMB_SUBMIT_HASH_BURST_NOCHECK(
		    state->manager, state->job, (uint32_t)batch, IMB_AUTH_HMAC_SHA_256) != batch)
		abort();
}

static void
fill_jobs(struct ipsec_mb *state, const struct work *work)
{
	uint8_t pad[HG_SHA256_BLOCK];

	for (unsigned int i = 0; i < HG_SHA256_BLOCK; i++)
		pad[i] = (i < PEER_SECRET_LEN ? work->secret[i] : 0) ^ 0x36;
	IMB_SHA256_ONE_BLOCK(state->manager, pad, state->inner);
	for (unsigned int i = 0; i < HG_SHA256_BLOCK; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	IMB_SHA256_ONE_BLOCK(state->manager, pad, state->outer);
	for (unsigned int i = 0; i < PEER_BATCH_MAX; i++)
		state->job[i] = (IMB_JOB){
			.cipher_mode = IMB_CIPHER_NULL,
			.cipher_direction = IMB_DIR_ENCRYPT,
			.chain_order = IMB_ORDER_HASH_CIPHER,
			.hash_alg = IMB_AUTH_HMAC_SHA_256,
			/* Its shortest, and what a cookie takes. */
			.auth_tag_output_len_in_bytes = PEER_TAG_LEN,
			.u.HMAC._hashed_auth_key_xor_ipad = state->inner,
			.u.HMAC._hashed_auth_key_xor_opad = state->outer,
		};
}

static const struct {
	const char *name;
	uint64_t flags;
	uint64_t needs; /* CPU features */
	void (*init)(IMB_MGR *manager);
} tiers[] = {
	{ "ipsec-mb sse", IMB_FLAG_SHANI_OFF, IMB_CPUFLAGS_SSE, init_mb_mgr_sse },
	{ "ipsec-mb sse sha", 0, IMB_CPUFLAGS_SSE_T2, init_mb_mgr_sse },
	{ "ipsec-mb avx", IMB_FLAG_SHANI_OFF, IMB_CPUFLAGS_AVX, init_mb_mgr_avx },
	{ "ipsec-mb avx sha", 0, IMB_CPUFLAGS_AVX_T2, init_mb_mgr_avx },
	{ "ipsec-mb avx2", IMB_FLAG_SHANI_OFF, IMB_CPUFLAGS_AVX2, init_mb_mgr_avx2 },
	{ "ipsec-mb avx2 sha", 0, IMB_CPUFLAGS_AVX2_T2, init_mb_mgr_avx2 },
	{ "ipsec-mb avx512", IMB_FLAG_SHANI_OFF, IMB_CPUFLAGS_AVX512, init_mb_mgr_avx512 },
	{ "ipsec-mb avx512 sha", 0, IMB_CPUFLAGS_AVX512_T2, init_mb_mgr_avx512 },
};

static bool
add_tier(struct way *way, unsigned int tier, const struct work *work)
{
	IMB_MGR *manager = alloc_mb_mgr(tiers[tier].flags);
	struct ipsec_mb *state;

	must(manager != NULL, "alloc_mb_mgr");
	if ((manager->features & tiers[tier].needs) != tiers[tier].needs) {
		free_mb_mgr(manager);
		return false;
	}
	tiers[tier].init(manager);
	must(imb_get_errno(manager) == 0, tiers[tier].name);
	state = aligned_alloc(64, (sizeof(*state) + 63) / 64 * 64);
	must(state != NULL, "aligned_alloc");
	state->manager = manager;
	fill_jobs(state, work);
	*way = (struct way){ "", run_ipsec_mb, tag_apart, NULL, state };
	snprintf(way->name, sizeof(way->name), "%s", tiers[tier].name);
	return true;
}

unsigned int
peers_add(struct way *ways, unsigned int n_ways, const struct work *work)
{
	must(n_ways + 2 + sizeof(tiers) / sizeof(tiers[0]) <= PEER_WAYS_MAX, "room for all ways");
	ways[n_ways++] = openssl_mac(work);
	ways[n_ways++] = (struct way){ "openssl HMAC()", run_one_shot, tag_apart, NULL, NULL };
	for (unsigned int i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++)
		if (add_tier(&ways[n_ways], i, work))
			n_ways++;
	return n_ways;
}
