/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cipher suites and groups, and whether what a listener shows is of use with them. OpenSSL's defaults differ
 * between releases and hosts, and it takes keys that no client of DTLS 1.2 gets to see: nothing of that is
 * left to it.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tls/internal.h"

#define SECURITY_LEVEL 2 /* 112 bits; a list of ciphers may say @SECLEVEL=N */
#define SECURITY_BITS 112

static const char default_name[] = "DEFAULT";

/*
 * CCM_8 has tags of 64 bits, and from OpenSSL 3.2 on counts for no more, though its keys have 128 or 256: no
 * level but 0 has it then, which has everything else, too. CoAP asks for it (RFC 7252 9.1.3), so as a cipher
 * it counts for what the level asks for.
 */
static int
judge(const SSL *ssl, const SSL_CTX *ctx, int what, int bits, int nid, void *other, void *arg)
{
	const struct hg_tls_context *context = arg;

	if ((what == SSL_SECOP_CIPHER_SUPPORTED || what == SSL_SECOP_CIPHER_SHARED ||
		    what == SSL_SECOP_CIPHER_CHECK) &&
		bits < SECURITY_BITS && strstr(SSL_CIPHER_get_name(other), "-CCM8") != NULL)
		bits = SECURITY_BITS;
	return context->judge(ssl, ctx, what, bits, nid, other, NULL);
}

/* The list that was chosen has what the security level shuts out, too: nobody gets that. */
static bool
is_allowed(const SSL_CTX *ssl, const SSL_CIPHER *suite)
{
	hg_tls_judge_fn *allows = SSL_CTX_get_security_callback(ssl);

	return allows(NULL, ssl, SSL_SECOP_CIPHER_SUPPORTED, SSL_CIPHER_get_bits(suite, NULL), 0,
		       (void *)(uintptr_t)suite, SSL_CTX_get0_security_ex_data(ssl)) != 0;
}

/* Is this suite one of DTLS 1.2 in the list that was chosen? Those of TLS 1.3 are for any key. */
static bool
is_chosen(SSL_CTX *ssl, const char *name)
{
	const STACK_OF(SSL_CIPHER) *chosen = SSL_CTX_get_ciphers(ssl);

	for (int i = 0; i < sk_SSL_CIPHER_num(chosen); i++) {
		const SSL_CIPHER *suite = sk_SSL_CIPHER_value(chosen, i);

		if (strcmp(SSL_CIPHER_get_name(suite), name) == 0)
			return SSL_CIPHER_get_auth_nid(suite) != NID_auth_any &&
			       is_allowed(ssl, suite);
	}
	return false;
}

/* Is there a suite whose server shows a key of this kind? */
static bool
has_suite(SSL_CTX *ssl, int authentication)
{
	const STACK_OF(SSL_CIPHER) *chosen = SSL_CTX_get_ciphers(ssl);

	for (int i = 0; i < sk_SSL_CIPHER_num(chosen); i++) {
		const SSL_CIPHER *suite = sk_SSL_CIPHER_value(chosen, i);

		if (SSL_CIPHER_get_auth_nid(suite) == authentication && is_allowed(ssl, suite))
			return true;
	}
	return false;
}

/* Suites of TLS 1.3 are always there, and nothing for DTLS 1.2. */
static bool
has_any_suite(SSL_CTX *ssl)
{
	return has_suite(ssl, NID_auth_ecdsa) || has_suite(ssl, NID_auth_rsa) ||
	       has_suite(ssl, NID_auth_psk);
}

/* Suites have a '-' in their names, or a '_' those of TLS 1.3; what stands for several of them has neither. */
static bool
is_suite_name(const char *name)
{
	return strchr("!+-@", name[0]) == NULL && strpbrk(name, "-_") != NULL;
}

/*
 * Is every suite that a list names by its own name in what came of it? One that has been taken out before,
 * with "!", is not taken in again, and OpenSSL skips what it does not know. Returns NULL, or the first that is
 * not; for the caller to free.
 */
static char *
find_missing(SSL_CTX *ssl, const char *list, bool *ret_known)
{
	SSL_CTX *all = SSL_CTX_new(DTLS_server_method());
	char *copy = strdup(list), *rest = copy, *name, *missing = NULL;

	SSL_CTX_set_security_level(all, 0);
	if (all != NULL && SSL_CTX_set_cipher_list(all, "ALL:COMPLEMENTOFALL") == 1)
		while (missing == NULL && (name = strsep(&rest, ":, ;")) != NULL) {
			*ret_known = is_chosen(all, name);
			if (*ret_known ? !is_chosen(ssl, name) : is_suite_name(name))
				missing = strdup(name);
		}
	free(copy);
	SSL_CTX_free(all);
	return missing;
}

static int
set_ciphers(SSL_CTX *ssl, const char *ciphers, struct hg_tls_error *error)
{
	size_t n = strlen(default_name);
	char *list, *missing;
	bool has_name = true;
	int known, err = 0;

	/* OpenSSL's own DEFAULT shuts out for good what is not in it. */
	if (strncmp(ciphers, default_name, n) == 0 && strchr(":, ;", ciphers[n]) != NULL)
		ciphers += n;
	else
		n = 0;
	if (asprintf(&list, "%s%s", n != 0 ? HG_TLS_DEFAULT_CIPHERS : "", ciphers) < 0)
		return hg_tls_fail(error, "ciphers", "no memory for a list of ciphers");
	known = SSL_CTX_set_cipher_list(ssl, list);
	missing = known == 1 ? find_missing(ssl, ciphers, &has_name) : NULL;
	if (known != 1 || !has_any_suite(ssl))
		err = hg_tls_fail(error, "ciphers", "OpenSSL knows no usable cipher in %s", list);
	else if (missing != NULL)
		err = hg_tls_fail(error, "ciphers",
			has_name
				? "%s is named, but the rest of the list, or the security level, shuts it out"
				: "OpenSSL has no suite %s for DTLS 1.2",
			missing);
	free(missing);
	free(list);
	return err;
}

/*
 * Names and colons alone: from 3.5 on OpenSSL's lists have a syntax, with which a group may be unknown or
 * the list empty. Its macro takes a list that it may not write to as if it could.
 */
static bool
set_groups(SSL_CTX *ssl, const char *groups)
{
	static const char names[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_:";
	char *list;
	bool known;

	if (groups[0] == '\0' || groups[strspn(groups, names)] != '\0')
		return false;
	list = strdup(groups);
	known = list != NULL && SSL_CTX_set1_groups_list(ssl, list) == 1;
	free(list);
	return known;
}

/* A group by any of the names that OpenSSL's lists have for it. */
static int
group_number(const char *name)
{
	int nid = EC_curve_nist2nid(name);

	if (nid == NID_undef)
		nid = OBJ_sn2nid(name);
	return nid != NID_undef ? nid : OBJ_ln2nid(name);
}

/* Bits of security, 0 for what is no elliptic curve: DTLS 1.2 agrees upon nothing else in this way. */
static int
group_strength(const char *name)
{
	int nid = group_number(name), bits;
	EC_GROUP *curve;

	if (strcasecmp(name, "X25519") == 0)
		return 128;
	if (strcasecmp(name, "X448") == 0)
		return 224;
	curve = EC_GROUP_new_by_curve_name(nid);
	bits = curve != NULL ? EC_GROUP_order_bits(curve) / 2 : 0;
	EC_GROUP_free(curve);
	ERR_clear_error();
	return bits;
}

/* Is each group of use at the security level, which a list of ciphers may have set? Returns 0 or -EINVAL. */
static int
check_groups(const SSL_CTX *ssl, const char *groups, struct hg_tls_error *error)
{
	static const int least[] = { 1, 80, 112, 128, 192, 256 };
	int level = SSL_CTX_get_security_level(ssl), err = 0;
	char *copy = strdup(groups), *rest = copy, *name;

	while (copy != NULL && err == 0 && (name = strsep(&rest, ":")) != NULL) {
		int strength = group_strength(name);

		if (strength == 0)
			err = hg_tls_fail(error, "groups", "%s is no group of DTLS 1.2", name);
		else if (strength < least[level])
			err = hg_tls_fail(error, "groups",
				"the group %s is too weak for security level %d", name, level);
	}
	free(copy);
	return err;
}

int
hg_tls_choices_set(struct hg_tls_context *context, SSL_CTX *ssl,
	const struct hg_tls_settings *settings, struct hg_tls_error *error)
{
	const char *ciphers =
		settings->ciphers != NULL ? settings->ciphers : HG_TLS_DEFAULT_CIPHERS;
	const char *groups = settings->groups != NULL ? settings->groups : HG_TLS_DEFAULT_GROUPS;

	/* No release of DTLS that is not known, and no limits of the host's. */
	SSL_CTX_set_min_proto_version(ssl, DTLS1_2_VERSION);
	SSL_CTX_set_max_proto_version(ssl, DTLS1_2_VERSION);
	SSL_CTX_set_security_level(ssl, SECURITY_LEVEL);
	context->judge = SSL_CTX_get_security_callback(ssl);
	SSL_CTX_set0_security_ex_data(ssl, context);
	SSL_CTX_set_security_callback(ssl, judge);
	SSL_CTX_set_dh_auto(ssl, 1); /* for suites with DHE, if they are named */
	if (!set_groups(ssl, groups))
		return hg_tls_fail(
			error, "groups", "OpenSSL does not know every group in %s", groups);
	if (set_ciphers(ssl, ciphers, error) != 0)
		return -EINVAL;
	/* Of the default there are always some. */
	return strcmp(groups, HG_TLS_DEFAULT_GROUPS) != 0 ? check_groups(ssl, groups, error) : 0;
}

static bool
has_group(const char *groups, int nid)
{
	char *copy = strdup(groups), *rest = copy, *name;
	bool found = false;

	while (!found && (name = strsep(&rest, ":")) != NULL)
		found = group_number(name) == nid;
	free(copy);
	return found;
}

static int
check_curve(const EVP_PKEY *key, const char *path, const char *groups, struct hg_tls_error *error)
{
	char name[80];
	size_t len;

	if (EVP_PKEY_get_group_name(key, name, sizeof(name), &len) != 1)
		return hg_tls_fail(error, "certificate",
			"the key of %s is on a curve without a name: no client could use it", path);
	/* A client has to offer it, and few offer more than the usual ones. */
	if (!has_group(HG_TLS_DEFAULT_GROUPS, group_number(name)) &&
		!has_group(groups, group_number(name)))
		return hg_tls_fail(error, "certificate",
			"the key of %s is on the curve %s, which clients do not offer: where they do, name it in groups",
			path, name);
	return 0;
}

int
hg_tls_choices_check(X509 *leaf, const char *path, const struct hg_tls_settings *settings,
	struct hg_tls_error *error)
{
	const char *groups = settings->groups != NULL ? settings->groups : HG_TLS_DEFAULT_GROUPS;
	const EVP_PKEY *key = X509_get0_pubkey(leaf);
	int type = EVP_PKEY_get_base_id(key);
	int err = 0;

	/*
	 * RFC 8422 5.10 and RFC 8446 have more, but OpenSSL's DTLS uses them for nothing: what asks
	 * for them asks for the version of TLS.
	 */
	if (type != EVP_PKEY_EC && type != EVP_PKEY_RSA)
		return hg_tls_fail(error, "certificate",
			"the key of %s is of the kind %s: OpenSSL has no DTLS 1.2 with other keys than RSA and ECDSA",
			path, EVP_PKEY_get0_type_name(key));
	if (type == EVP_PKEY_EC)
		err = check_curve(key, path, groups, error);
	if (err != 0)
		return err;
	/* RFC 5280 4.2.1.3; an RSA key may be used in spite of it, by clients that do not look. */
	if (type == EVP_PKEY_EC && (X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) == 0)
		return hg_tls_fail(error, "certificate",
			"by its key usage, %s is for no signature: no client could use it", path);
	return 0;
}

/* Has an SSL_CTX a certificate whose key is of this type? */
static bool
has_certificate(SSL_CTX *ssl, int type)
{
	bool found = false;

	for (int ok = SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_FIRST); ok == 1 && !found;
		ok = SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_NEXT))
		found = EVP_PKEY_get_base_id(X509_get0_pubkey(SSL_CTX_get0_certificate(ssl))) ==
			type;
	SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_FIRST);
	return found;
}

/* Is there a suite for pre-shared keys? RSA-PSK shows a certificate, too. */
static bool
has_psk_suite(SSL_CTX *ssl, bool rsa)
{
	const STACK_OF(SSL_CIPHER) *chosen = SSL_CTX_get_ciphers(ssl);

	for (int i = 0; i < sk_SSL_CIPHER_num(chosen); i++) {
		const SSL_CIPHER *suite = sk_SSL_CIPHER_value(chosen, i);
		const char *name = SSL_CIPHER_get_name(suite);

		if (strstr(name, "PSK-") != NULL && (rsa || strncmp(name, "RSA-", 4) != 0) &&
			is_allowed(ssl, suite))
			return true;
	}
	return false;
}

const char *
hg_tls_choices_unserved(SSL_CTX *ssl, bool psk, bool *ret_all)
{
	bool ecdsa = has_certificate(ssl, EVP_PKEY_EC), rsa = has_certificate(ssl, EVP_PKEY_RSA);
	bool shown =
		(ecdsa && has_suite(ssl, NID_auth_ecdsa)) || (rsa && has_suite(ssl, NID_auth_rsa));
	bool shared = psk && has_psk_suite(ssl, rsa);

	*ret_all = !shown && !shared;
	if ((ecdsa || rsa) && !shown)
		return "certificates";
	return psk && !shared ? "pre-shared keys" : NULL;
}
