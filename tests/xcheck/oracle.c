/* SPDX-License-Identifier: BSD-3-Clause */
#include "xcheck.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

struct oracle {
	EVP_MAC *mac;
	EVP_MAC_CTX *ctx[N_SECRETS];
	uint8_t secret[N_SECRETS][SECRET_MAX];
	size_t secret_len[N_SECRETS];
};

static void
must(int ok, const char *what)
{
	if (ok == 1)
		return;
	fprintf(stderr, "OpenSSL: %s failed\n", what);
	exit(1);
}

struct oracle *
oracle_open(struct rng *rng)
{
	static const size_t lens[N_SECRETS] = { 32, 1, 20, 63, 64, 65, 128, SECRET_MAX };
	struct oracle *oracle = calloc(1, sizeof(*oracle));
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	must(oracle != NULL, "calloc");
	oracle->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	must(oracle->mac != NULL, "EVP_MAC_fetch");
	for (unsigned int i = 0; i < N_SECRETS; i++) {
		oracle->secret_len[i] = lens[i];
		rng_fill(rng, oracle->secret[i], lens[i]);
		oracle->ctx[i] = EVP_MAC_CTX_new(oracle->mac);
		must(oracle->ctx[i] != NULL, "EVP_MAC_CTX_new");
		must(EVP_MAC_init(oracle->ctx[i], oracle->secret[i], lens[i], params),
			"EVP_MAC_init");
	}
	return oracle;
}

void
oracle_close(struct oracle *oracle)
{
	for (unsigned int i = 0; i < N_SECRETS; i++)
		EVP_MAC_CTX_free(oracle->ctx[i]);
	EVP_MAC_free(oracle->mac);
	free(oracle);
}

const uint8_t *
oracle_secret(const struct oracle *oracle, unsigned int secret, size_t *ret_len)
{
	*ret_len = oracle->secret_len[secret];
	return oracle->secret[secret];
}

void
oracle_mac(struct oracle *oracle, unsigned int secret, const uint8_t *message, size_t len,
	uint8_t tag[HG_HMAC_LEN])
{
	EVP_MAC_CTX *ctx = oracle->ctx[secret];
	size_t tag_len;

	must(EVP_MAC_init(ctx, NULL, 0, NULL), "EVP_MAC_init");
	must(EVP_MAC_update(ctx, message, len), "EVP_MAC_update");
	must(EVP_MAC_final(ctx, tag, &tag_len, HG_HMAC_LEN), "EVP_MAC_final");
}

void
oracle_sha256(const uint8_t *data, size_t len, uint8_t digest[HG_HMAC_LEN])
{
	must(EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL), "EVP_Digest");
}
