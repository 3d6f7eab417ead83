/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Files with certificates and keys. What they hold is read once, and all of it is of use to a client that looks,
 * or it is refused: OpenSSL alone takes chains in any order and keys for any purpose, and skips what it does not
 * know.
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "tls/file.h"
#include "tls/internal.h"

/*
 * Nobody is asked for a passphrase: the daemon has no terminal, and a check must not wait. *arg: what is wrong
 * with the file, which OpenSSL says of in other words.
 */
static int
refuse_passphrase(char *buffer, int size, int writing, void *arg)
{
	const char **problem = arg;

	(void)buffer;
	(void)size;
	(void)writing;
	*problem = "it is encrypted with a passphrase, and nobody is asked for one";
	return -1;
}

EVP_PKEY *
hg_tls_key_read(const char *path, struct hg_tls_error *error)
{
	const char *problem = NULL;
	FILE *file = hg_tls_file_open(path, &problem);
	EVP_PKEY *key = NULL;
	char text[4096]; /* a buffer of stdio's own would be freed as it is */

	if (file != NULL) {
		if (setvbuf(file, text, _IOFBF, sizeof(text)) == 0)
			key = PEM_read_PrivateKey(file, NULL, refuse_passphrase, &problem);
		fclose(file);
		hg_secret_wipe(text, sizeof(text));
	}
	if (key == NULL)
		hg_tls_fail(error, "private-key", "cannot read a private key from %s: %s", path,
			problem != NULL ? problem : hg_tls_reason());
	return key;
}

/* Those of a file up to its end. Returns false, with OpenSSL's error, if one cannot be read. */
static bool
read_all(FILE *file, STACK_OF(X509) * certificates, const char **problem)
{
	X509 *certificate;

	/* The first may be one of OpenSSL's own kind, with trust behind it. */
	certificate = PEM_read_X509_AUX(file, NULL, refuse_passphrase, problem);
	while (certificate != NULL) {
		if (sk_X509_push(certificates, certificate) == 0) {
			X509_free(certificate);
			return false;
		}
		certificate = PEM_read_X509(file, NULL, refuse_passphrase, problem);
	}
	if (sk_X509_num(certificates) == 0 ||
		ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return false;
	ERR_clear_error();
	return true;
}

/* Has its issuer, by name and by key, signed it? */
static bool
is_signed_by(X509 *certificate, X509 *issuer)
{
	bool is = X509_check_issued(issuer, certificate) == X509_V_OK &&
		  X509_check_ca(issuer) != 0 &&
		  X509_verify(certificate, X509_get0_pubkey(issuer)) == 1;

	ERR_clear_error();
	return is;
}

/* RFC 5280 4.2.1.12: who has said what a key is for, has said it. */
static bool
is_for_servers(X509 *leaf)
{
	return (X509_get_extended_key_usage(leaf) & (XKU_SSL_SERVER | XKU_SGC | XKU_ANYEKU)) != 0;
}

static bool
has_unnamed_curve(X509 *certificate)
{
	int is = 0;

	return EVP_PKEY_get_int_param(X509_get0_pubkey(certificate),
		       OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is) == 1 &&
	       is == 1;
}

/* Would a client that looks at them take these? The first is ours. Returns 0 or -EINVAL. */
static int
check(const char *path, STACK_OF(X509) * certificates, struct hg_tls_error *error)
{
	for (int i = 0; i < sk_X509_num(certificates); i++) {
		X509 *certificate = sk_X509_value(certificates, i);

		if (has_unnamed_curve(certificate))
			return hg_tls_fail(error, "certificate",
				"certificate %d of %s spells its curve out, in place of a name (RFC 5480 2.1.1)",
				i + 1, path);
		/* RFC 5246 7.4.2; some clients look at no other, and a new key of an authority needs its own. */
		if (i > 0 && !is_signed_by(sk_X509_value(certificates, i - 1), certificate))
			return hg_tls_fail(error, "certificate",
				"certificate %d of %s is not that of who has signed the one before it: the server's comes first, and each one after it certifies the one before",
				i + 1, path);
	}
	if (!is_for_servers(sk_X509_value(certificates, 0)))
		return hg_tls_fail(error, "certificate",
			"by its extended key usage, %s is not for servers: clients refuse it",
			path);
	return 0;
}

/* What is wrong with the time of one of them, for hg_tls_context_warning(). */
static void
look_at_time(const char *path, STACK_OF(X509) * certificates, char text[HG_TLS_WARNING_LEN])
{
	for (int i = 0; i < sk_X509_num(certificates) && text[0] == '\0'; i++) {
		X509 *certificate = sk_X509_value(certificates, i);

		if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
			snprintf(text, HG_TLS_WARNING_LEN, "certificate %d of %s has expired",
				i + 1, path);
		else if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0)
			snprintf(text, HG_TLS_WARNING_LEN, "certificate %d of %s is not valid yet",
				i + 1, path);
	}
}

STACK_OF(X509) * hg_tls_certificates_read(const char *path, char warning[HG_TLS_WARNING_LEN],
			 struct hg_tls_error *error)
{
	STACK_OF(X509) *certificates = sk_X509_new_null();
	const char *problem = NULL;
	FILE *file = hg_tls_file_open(path, &problem);
	bool well = file != NULL && certificates != NULL && read_all(file, certificates, &problem);

	if (file != NULL)
		fclose(file);
	if (!well)
		hg_tls_fail(error, "certificate", "cannot read certificates from %s: %s", path,
			problem != NULL ? problem : hg_tls_reason());
	if (!well || check(path, certificates, error) != 0) {
		sk_X509_pop_free(certificates, X509_free);
		return NULL;
	}
	look_at_time(path, certificates, warning);
	return certificates;
}

/* Trusts what a file holds, and names it to clients. Returns how many certificates there are, or -1. */
static int
trust(SSL_CTX *ssl, const STACK_OF(X509_INFO) * content, const char *path,
	struct hg_tls_error *error)
{
	X509_STORE *store = SSL_CTX_get_cert_store(ssl);
	int n = 0;

	for (int i = 0; i < sk_X509_INFO_num(content); i++) {
		const X509_INFO *info = sk_X509_INFO_value(content, i);

		if (info->crl != NULL) {
			hg_tls_fail(error, "client-ca",
				"%s holds a list of revoked certificates (CRL), and nothing here looks at one",
				path);
			return -1;
		}
		if (info->x509 == NULL)
			continue;
		if (X509_STORE_add_cert(store, info->x509) != 1 ||
			SSL_CTX_add_client_CA(ssl, info->x509) != 1) {
			hg_tls_fail(
				error, "client-ca", "no memory for the certificates in %s", path);
			return -1;
		}
		n++;
	}
	return n;
}

int
hg_tls_authorities_read(SSL_CTX *ssl, const char *path, struct hg_tls_error *error)
{
	STACK_OF(X509_INFO) *content = NULL;
	const char *problem = NULL;
	FILE *file = hg_tls_file_open(path, &problem);
	int n;

	if (file != NULL) {
		content = PEM_X509_INFO_read(file, NULL, refuse_passphrase, &problem);
		fclose(file);
	}
	if (content == NULL)
		return hg_tls_fail(error, "client-ca", "cannot read certificates from %s: %s", path,
			problem != NULL ? problem : hg_tls_reason());
	n = trust(ssl, content, path, error);
	sk_X509_INFO_pop_free(content, X509_INFO_free);
	if (n == 0)
		return hg_tls_fail(error, "client-ca", "%s holds no certificates", path);
	return n < 0 ? -EINVAL : 0;
}
