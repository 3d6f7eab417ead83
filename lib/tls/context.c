/* SPDX-License-Identifier: BSD-3-Clause */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/secret.h"
#include "tls/internal.h"

/*
 * Bytes of a peer's certificate message. Without it, a fragment of 125 bytes that declares 100000
 * makes OpenSSL reserve room for all of them.
 */
#define CERTIFICATES_MAX 16384

int
hg_tls_fail(struct hg_tls_error *error, const char *setting, const char *format, ...)
{
	va_list args;

	error->setting = setting;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	ERR_clear_error();
	return -EINVAL;
}

/* OpenSSL's reason for its last error, in words. */
static const char *
reason(void)
{
	unsigned long code = ERR_peek_error();
	const char *text;

	if (ERR_SYSTEM_ERROR(code))
		return strerror(ERR_GET_REASON(code));
	text = ERR_reason_error_string(code);
	return text != NULL ? text : "unknown reason";
}

/* The worker has proved this cookie; nothing else counts. */
static int
verify_cookie(SSL *ssl, const unsigned char *cookie, unsigned int len)
{
	const struct hg_tls_session *session = SSL_get_app_data(ssl);

	return len == session->cookie_len && hg_secret_equal(cookie, session->cookie, len);
}

/* Never asked for: whoever lacks a cookie got one from a worker. */
static int
generate_cookie(SSL *ssl, unsigned char *cookie, unsigned int *len)
{
	(void)ssl;
	(void)cookie;
	*len = 0;
	return 0;
}

static unsigned int
find_psk(SSL *ssl, const char *identity, unsigned char *key, unsigned int size)
{
	const struct hg_tls_session *session = SSL_get_app_data(ssl);
	const struct hg_tls_psk *psk = hg_tls_psks_find(&session->context->psks, identity);

	if (psk == NULL || psk->key_len > size)
		return 0;
	memcpy(key, psk->key, psk->key_len);
	return (unsigned int)psk->key_len;
}

/*
 * RFC 6066 3: the first pair that covers the name; OpenSSL itself knows certificates' names best.
 */
static int
choose_by_name(SSL *ssl, int *alert, void *arg)
{
	const struct hg_tls_context *context = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	if (name == NULL)
		return SSL_TLSEXT_ERR_NOACK;
	for (size_t i = 0; i < context->n_ssl; i++) {
		if (X509_check_host(SSL_CTX_get0_certificate(context->ssl[i]), name, 0, 0, NULL) !=
			1)
			continue;
		if (i == 0) /* as without a name: nothing is acknowledged, which pion cannot read */
			break;
		SSL_set_SSL_CTX(ssl, context->ssl[i]);
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_NOACK;
}

static int
set_verification(SSL_CTX *ssl, const char *client_ca, struct hg_tls_error *error)
{
	STACK_OF(X509_NAME) * names;

	if (SSL_CTX_load_verify_file(ssl, client_ca) != 1)
		return hg_tls_fail(error, "client-ca", "cannot read certificates from %s: %s",
			client_ca, reason());
	names = SSL_load_client_CA_file(client_ca);
	if (names == NULL)
		return hg_tls_fail(error, "client-ca", "cannot read certificates from %s: %s",
			client_ca, reason());
	SSL_CTX_set_client_CA_list(ssl, names);
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return 0;
}

/* Appends an SSL_CTX with everything but certificates; returns NULL with *error filled. */
static SSL_CTX *
add_ssl(struct hg_tls_context *context, const struct hg_tls_settings *settings,
	struct hg_tls_error *error)
{
	static const unsigned char id[] = "hellogate";
	SSL_CTX *ssl = SSL_CTX_new(DTLS_server_method());
	SSL_CTX **grown = realloc(context->ssl, (context->n_ssl + 1) * sizeof(SSL_CTX *));

	if (grown != NULL)
		context->ssl = grown;
	if (ssl == NULL || grown == NULL) {
		SSL_CTX_free(ssl);
		hg_tls_fail(error, "certificate", "no memory for a TLS context");
		return NULL;
	}
	context->ssl[context->n_ssl++] = ssl;
	/*
	 * MTU: ours, not the kernel's. The cookie exchange: in front of every handshake, resumed or
	 * not.
	 */
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_QUERY_MTU |
					 SSL_OP_COOKIE_EXCHANGE | SSL_OP_NO_COMPRESSION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE |
					 (settings->tickets ? 0 : SSL_OP_NO_TICKET));
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_session_id_context(ssl, id, sizeof(id) - 1);
	SSL_CTX_set_max_cert_list(ssl, CERTIFICATES_MAX);
	SSL_CTX_set_read_ahead(ssl, 1);
	SSL_CTX_set_cookie_generate_cb(ssl, generate_cookie);
	SSL_CTX_set_cookie_verify_cb(ssl, verify_cookie);
	if (settings->tickets)
		SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, hg_tls_ticket_protect);
	if (settings->psk_file != NULL)
		SSL_CTX_set_psk_server_callback(ssl, find_psk);
	if (settings->psk_hint != NULL &&
		SSL_CTX_use_psk_identity_hint(ssl, settings->psk_hint) != 1) {
		hg_tls_fail(error, "psk-hint", "the hint is longer than 256 bytes");
		return NULL;
	}
	if (hg_tls_choices_set(context, ssl, settings, error) != 0 ||
		(settings->client_ca != NULL &&
			set_verification(ssl, settings->client_ca, error) != 0))
		return NULL;
	return ssl;
}

/* DNS names are compared as DNS does (RFC 4343); OpenSSL does all others. */
static bool
same_name(GENERAL_NAME *a, GENERAL_NAME *b)
{
	int type_a, type_b, len;
	ASN1_STRING *x = GENERAL_NAME_get0_value(a, &type_a);
	ASN1_STRING *y = GENERAL_NAME_get0_value(b, &type_b);

	if (type_a != GEN_DNS || type_b != GEN_DNS)
		return GENERAL_NAME_cmp(a, b) == 0;
	len = ASN1_STRING_length(x);
	return len == ASN1_STRING_length(y) &&
	       strncasecmp((const char *)ASN1_STRING_get0_data(x),
		       (const char *)ASN1_STRING_get0_data(y), (size_t)len) == 0;
}

/* Is every name of a in b? */
static bool
covers(const GENERAL_NAMES *b, const GENERAL_NAMES *a)
{
	for (int i = 0; i < sk_GENERAL_NAME_num(a); i++) {
		bool found = false;

		for (int j = 0; j < sk_GENERAL_NAME_num(b) && !found; j++)
			found = same_name(sk_GENERAL_NAME_value(a, i), sk_GENERAL_NAME_value(b, j));
		if (!found)
			return false;
	}
	return true;
}

/* Do two certificates name the same hosts? Then a client may be given either. */
static bool
same_names(X509 *a, X509 *b)
{
	GENERAL_NAMES *x = X509_get_ext_d2i(a, NID_subject_alt_name, NULL, NULL);
	GENERAL_NAMES *y = X509_get_ext_d2i(b, NID_subject_alt_name, NULL, NULL);
	bool same;

	if (x == NULL && y == NULL)
		same = X509_NAME_cmp(X509_get_subject_name(a), X509_get_subject_name(b)) == 0;
	else
		same = x != NULL && y != NULL && covers(x, y) && covers(y, x);
	GENERAL_NAMES_free(x);
	GENERAL_NAMES_free(y);
	return same;
}

/* Has this SSL_CTX a certificate for the key type of leaf already? */
static bool
has_key_type(SSL_CTX *ssl, X509 *leaf)
{
	int type = EVP_PKEY_get_base_id(X509_get0_pubkey(leaf));
	bool found = false;

	for (int ok = SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_FIRST); ok == 1 && !found;
		ok = SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_NEXT)) {
		X509 *other = SSL_CTX_get0_certificate(ssl);

		found = EVP_PKEY_get_base_id(X509_get0_pubkey(other)) == type;
	}
	SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_FIRST);
	return found;
}

/* The context that a certificate belongs to; NULL for one of its own. */
static SSL_CTX *
find_ssl(const struct hg_tls_context *context, X509 *leaf)
{
	for (size_t i = 0; i < context->n_ssl; i++) {
		X509 *first;

		SSL_CTX_set_current_cert(context->ssl[i], SSL_CERT_SET_FIRST);
		first = SSL_CTX_get0_certificate(context->ssl[i]);
		if (first == NULL ||
			(same_names(first, leaf) && !has_key_type(context->ssl[i], leaf)))
			return context->ssl[i];
	}
	return NULL;
}

static X509 *
read_leaf(const char *path)
{
	BIO *file = BIO_new_file(path, "r");
	X509 *leaf = file != NULL ? PEM_read_bio_X509_AUX(file, NULL, NULL, NULL) : NULL;

	BIO_free(file);
	return leaf;
}

/* Nobody is asked for a passphrase: the daemon has no terminal, and a check must not wait. */
static int
refuse_passphrase(char *buffer, int size, int writing, void *arg)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static EVP_PKEY *
read_key(const char *path)
{
	BIO *file = BIO_new_file(path, "r");
	EVP_PKEY *key = NULL;
	FILE *stdio = NULL;
	char text[4096]; /* a buffer of stdio's own would be freed as it is */

	if (file != NULL && BIO_get_fp(file, &stdio) == 1 &&
		setvbuf(stdio, text, _IOFBF, sizeof(text)) == 0)
		key = PEM_read_bio_PrivateKey(file, NULL, refuse_passphrase, NULL);
	BIO_free(file);
	hg_secret_wipe(text, sizeof(text));
	return key;
}

/* Loads the files of a pair whose certificate is leaf into ssl, or one of its own if that is NULL. */
static int
load_pair(struct hg_tls_context *context, const struct hg_tls_settings *settings,
	const struct hg_tls_pair *pair, X509 *leaf, EVP_PKEY *key, struct hg_tls_error *error)
{
	SSL_CTX *ssl;

	/* Of the pair itself: an SSL_CTX compares a key with any certificate of its type. */
	if (X509_check_private_key(leaf, key) != 1)
		return hg_tls_fail(error, "private-key", "%s is not the key of certificate %s",
			pair->private_key, pair->certificate);
	ssl = find_ssl(context, leaf);
	if (ssl == NULL)
		ssl = add_ssl(context, settings, error);
	if (ssl == NULL || hg_tls_choices_check(leaf, pair->certificate, settings, error) != 0)
		return -EINVAL;
	if (SSL_CTX_use_certificate_chain_file(ssl, pair->certificate) != 1)
		return hg_tls_fail(error, "certificate", "cannot use the certificates in %s: %s",
			pair->certificate, reason());
	if (SSL_CTX_use_PrivateKey(ssl, key) != 1)
		return hg_tls_fail(error, "private-key", "cannot use the private key in %s: %s",
			pair->private_key, reason());
	return 0;
}

static int
add_pair(struct hg_tls_context *context, const struct hg_tls_settings *settings, size_t number,
	struct hg_tls_error *error)
{
	const struct hg_tls_pair *pair = &settings->pairs[number];
	X509 *leaf = read_leaf(pair->certificate);
	EVP_PKEY *key = NULL;
	int err;

	error->pair = number;
	if (leaf == NULL)
		return hg_tls_fail(error, "certificate", "cannot read a certificate from %s: %s",
			pair->certificate, reason());
	ERR_clear_error();
	key = read_key(pair->private_key);
	if (key == NULL)
		err = hg_tls_fail(error, "private-key", "cannot read a private key from %s: %s",
			pair->private_key, reason());
	else
		err = load_pair(context, settings, pair, leaf, key, error);
	EVP_PKEY_free(key);
	X509_free(leaf);
	return err;
}

int
hg_tls_context_new(struct hg_tls_context **ret_context, const struct hg_tls_settings *settings,
	struct hg_tls_error *error)
{
	struct hg_tls_context *context = calloc(1, sizeof(*context));
	int err = 0;

	*error = (struct hg_tls_error){ 0 };
	if (context == NULL)
		return hg_tls_fail(error, "certificate", "no memory for a TLS context");
	if (settings->n_pairs == 0 && settings->psk_file == NULL) {
		err = hg_tls_fail(
			error, "certificate", "neither a certificate nor a psk-file is given");
		goto out;
	}
	context->bio = hg_tls_bio_method();
	if (settings->tickets)
		context->tickets = hg_tls_tickets_new();
	if (context->bio == NULL || (settings->tickets && context->tickets == NULL)) {
		err = hg_tls_fail(error, "certificate", "no memory for a TLS context");
		goto out;
	}
	if (add_ssl(context, settings, error) == NULL) {
		err = -EINVAL;
		goto out;
	}
	for (size_t i = 0; i < settings->n_pairs && err == 0; i++)
		err = add_pair(context, settings, i, error);
	if (err == 0 && settings->psk_file != NULL)
		err = hg_tls_psks_read(&context->psks, settings->psk_file, error);
	for (size_t i = 0; i < context->n_ssl && err == 0; i++)
		if (!hg_tls_choices_serve(context->ssl[i], settings->psk_file != NULL))
			err = hg_tls_fail(error, "ciphers",
				"there is no suite for what the listener shows: %s",
				settings->ciphers != NULL ? settings->ciphers
							  : HG_TLS_DEFAULT_CIPHERS);
	if (err != 0)
		goto out;
	if (settings->n_pairs != 0) {
		for (size_t i = 0; i < context->n_ssl; i++)
			SSL_CTX_set_current_cert(context->ssl[i], SSL_CERT_SET_FIRST);
		SSL_CTX_set_tlsext_servername_callback(context->ssl[0], choose_by_name);
		SSL_CTX_set_tlsext_servername_arg(context->ssl[0], context);
	}
	if (hg_tls_context_set_terms(context, settings) != 0) {
		err = hg_tls_fail(error, "certificate", "no memory for a TLS context");
		goto out;
	}
	*ret_context = context;
	return 0;
out:
	hg_tls_context_free(context);
	return err;
}

void
hg_tls_context_free(struct hg_tls_context *context)
{
	if (context == NULL)
		return;
	for (size_t i = 0; i < context->n_ssl; i++)
		SSL_CTX_free(context->ssl[i]);
	free(context->ssl);
	hg_tls_psks_wipe(&context->psks);
	hg_tls_tickets_free(context->tickets);
	BIO_meth_free(context->bio);
	free(context);
}
