/* SPDX-License-Identifier: BSD-3-Clause */
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "identities.h"
#include "unit.h"

static EVP_PKEY *
make_key(const char *type)
{
	EVP_PKEY_CTX *context;
	EVP_PKEY *key = NULL;

	if (strcmp(type, "EC") == 0)
		return EVP_EC_gen("P-256");
	if (strcmp(type, "RSA") == 0)
		return EVP_RSA_gen(2048);
	if (strncmp(type, "EC:", 3) == 0)
		return EVP_EC_gen(type + 3);
	context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	assert_non_null(context);
	assert_int_equal(EVP_PKEY_keygen_init(context), 1);
	assert_int_equal(EVP_PKEY_generate(context, &key), 1);
	EVP_PKEY_CTX_free(context);
	return key;
}

static void
add_extension(X509 *certificate, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	assert_non_null(extension);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static void
write_files(const struct identity *identity, const struct identity *issuer)
{
	FILE *file = fopen(identity->files.certificate, "we");

	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, identity->certificate), 1);
	if (issuer != NULL)
		assert_int_equal(PEM_write_X509(file, issuer->certificate), 1);
	assert_int_equal(fclose(file), 0);
	file = fopen(identity->files.private_key, "we");
	assert_non_null(file);
	assert_int_equal(PEM_write_PrivateKey(file, identity->key, NULL, NULL, 0, NULL, NULL), 1);
	assert_int_equal(fclose(file), 0);
}

/* What a certificate says beside its names. */
struct terms {
	const char *usage; /* extended key usage, NULL: none */
	long from, until;  /* seconds from now */
};

static void
make(struct identity *identity, struct scratch *scratch, const char *stem, const char *type,
	const char *common_name, const char *subject_alt_name, const struct identity *issuer,
	const struct terms *terms)
{
	bool authority =
		subject_alt_name != NULL && strcmp(subject_alt_name, IDENTITY_AUTHORITY) == 0;
	const EVP_MD *digest = strncmp(type, "ED", 2) == 0 ? NULL : EVP_sha256();
	X509 *certificate = X509_new();
	X509_NAME *name = X509_NAME_new();
	char file[64];

	identity->key = make_key(type);
	identity->certificate = certificate;
	assert_non_null(identity->key);
	assert_non_null(certificate);
	assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
				 (const unsigned char *)common_name, -1, -1, 0),
		1);
	X509_set_version(certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), (long)scratch->n + 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), terms->from);
	X509_gmtime_adj(X509_getm_notAfter(certificate), terms->until);
	X509_set_subject_name(certificate, name);
	X509_set_issuer_name(
		certificate, issuer != NULL ? X509_get_subject_name(issuer->certificate) : name);
	X509_set_pubkey(certificate, identity->key);
	X509_NAME_free(name);
	if (issuer == NULL || authority)
		add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
	if (terms->usage != NULL)
		add_extension(certificate, NID_ext_key_usage, terms->usage);
	if (subject_alt_name != NULL && !authority)
		add_extension(certificate, NID_subject_alt_name, subject_alt_name);
	if (issuer != NULL)
		assert_true(X509_sign(certificate, issuer->key, EVP_sha256()) > 0);
	else
		assert_true(X509_sign(certificate, identity->key, digest) > 0);

	snprintf(file, sizeof(file), "%s.pem", stem);
	identity->files.certificate = scratch_path(scratch, file);
	snprintf(file, sizeof(file), "%s.key", stem);
	identity->files.private_key = scratch_path(scratch, file);
	write_files(identity, issuer);
}

void
identity_make(struct identity *identity, struct scratch *scratch, const char *stem,
	const char *type, const char *common_name, const char *subject_alt_name,
	const struct identity *issuer)
{
	const struct terms usual = { .from = -3600, .until = 86400 };

	make(identity, scratch, stem, type, common_name, subject_alt_name, issuer, &usual);
}

void
identity_make_for(struct identity *identity, struct scratch *scratch, const char *stem,
	const char *usage, long from, long until)
{
	const struct terms terms = { .usage = usage, .from = from, .until = until };

	make(identity, scratch, stem, "EC", "server", NULL, NULL, &terms);
}

void
identity_free(struct identity *identity)
{
	X509_free(identity->certificate);
	EVP_PKEY_free(identity->key);
	*identity = (struct identity){ 0 };
}
