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

const char *
hg_tls_reason(void)
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
	if (hg_tls_authorities_read(ssl, client_ca, error) != 0)
		return -EINVAL;
	/* An authority that another one has certified may be named without that one. */
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ssl), X509_V_FLAG_PARTIAL_CHAIN);
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
	SSL_CTX_set_client_hello_cb(ssl, hg_tls_said_hello, NULL);
	if (settings->tickets) {
		SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, hg_tls_ticket_protect);
		SSL_CTX_set_session_ticket_cb(ssl, NULL, hg_tls_ticket_accept, NULL);
	}
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

/* Loads what the files of a pair hold into an SSL_CTX, one of its own if there is none for it. */
static int
load_pair(struct hg_tls_context *context, const struct hg_tls_settings *settings,
	const struct hg_tls_pair *pair, STACK_OF(X509) * certificates, EVP_PKEY *key,
	struct hg_tls_error *error)
{
	X509 *leaf = sk_X509_shift(certificates);
	SSL_CTX *ssl = NULL;
	int err = -EINVAL;

	/* Of the pair itself: an SSL_CTX compares a key with any certificate of its type. */
	if (X509_check_private_key(leaf, key) != 1) {
		hg_tls_fail(error, "private-key", "%s is not the key of certificate %s",
			pair->private_key, pair->certificate);
		goto out;
	}
	ssl = find_ssl(context, leaf);
	if (ssl == NULL)
		ssl = add_ssl(context, settings, error);
	if (ssl == NULL || hg_tls_choices_check(leaf, pair->certificate, settings, error) != 0)
		goto out;
	if (SSL_CTX_use_certificate(ssl, leaf) != 1 || SSL_CTX_set1_chain(ssl, certificates) != 1)
		hg_tls_fail(error, "certificate", "cannot use the certificates in %s: %s",
			pair->certificate, hg_tls_reason());
	else if (SSL_CTX_use_PrivateKey(ssl, key) != 1)
		hg_tls_fail(error, "private-key", "cannot use the private key in %s: %s",
			pair->private_key, hg_tls_reason());
	else
		err = 0;
out:
	X509_free(leaf);
	return err;
}

static int
add_pair(struct hg_tls_context *context, const struct hg_tls_settings *settings, size_t number,
	struct hg_tls_error *error)
{
	const struct hg_tls_pair *pair = &settings->pairs[number];
	STACK_OF(X509) * certificates;
	EVP_PKEY *key;
	int err = -EINVAL;

	error->pair = number;
	certificates = hg_tls_certificates_read(pair->certificate, context->warning, error);
	if (certificates == NULL)
		return -EINVAL;
	key = hg_tls_key_read(pair->private_key, error);
	if (key != NULL)
		err = load_pair(context, settings, pair, certificates, key, error);
	EVP_PKEY_free(key);
	sk_X509_pop_free(certificates, X509_free);
	return err;
}

/* Is there anybody for whom the settings are? Returns 0, perhaps with a warning, or -EINVAL. */
static int
check_use(struct hg_tls_context *context, const struct hg_tls_settings *settings,
	struct hg_tls_error *error)
{
	const char *ciphers =
		settings->ciphers != NULL ? settings->ciphers : HG_TLS_DEFAULT_CIPHERS;

	for (size_t i = 0; i < context->n_ssl; i++) {
		const char *unserved;
		bool all;

		unserved =
			hg_tls_choices_unserved(context->ssl[i], settings->psk_file != NULL, &all);
		if (all)
			return hg_tls_fail(error, "ciphers",
				"there is no suite for what the listener shows: %s", ciphers);
		if (unserved != NULL && context->warning[0] == '\0')
			snprintf(context->warning, sizeof(context->warning),
				"ciphers has no suite for its %s", unserved);
	}
	if (settings->client_ca != NULL && settings->n_pairs == 0)
		return hg_tls_fail(error, "client-ca",
			"nobody is asked for a certificate: the listener has none itself");
	return 0;
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
	if (err == 0)
		err = check_use(context, settings, error);
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

const char *
hg_tls_context_warning(const struct hg_tls_context *context)
{
	return context->warning[0] != '\0' ? context->warning : NULL;
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
