/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys and certificates made for one run of the tests. */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "scratch.h"
#include "tls/context.h"

struct identity {
	X509 *certificate;
	EVP_PKEY *key;
	struct hg_tls_pair files;
};

/* In place of a subject_alt_name: signed by issuer, it may sign others. */
#define IDENTITY_AUTHORITY "an authority"

/*
 * Makes a key of type "EC" (P-256), "EC:CURVE", "RSA" (2048 bits), "ED25519" and the like, and a certificate for common_name
 * and, unless it is NULL, subject_alt_name ("DNS:a.example,DNS:b.example"). Without issuer it signs
 * itself and may sign others. Writes STEM.pem, with the issuer's certificate behind it, and STEM.key.
 */
void identity_make(struct identity *identity, struct scratch *scratch, const char *stem,
	const char *type, const char *common_name, const char *subject_alt_name,
	const struct identity *issuer);

/* The same of type "EC" with this extended key usage, NULL for none, good from and until so many seconds from now. */
void identity_make_for(struct identity *identity, struct scratch *scratch, const char *stem,
	const char *usage, long from, long until);
void identity_free(struct identity *identity);
