/* SPDX-License-Identifier: BSD-3-Clause */
#include "tls/protection.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <string.h>

#include "base/bytes.h"
#include "base/secret.h"
#include "wire/record.h"

#define ALERT_LEN 2u
#define MAC_MAX 64u
#define KEY_MAX 64u
#define FIXED_MAX 12u
#define NAME_MAX_LEN 64u /* of a digest, as text */
#define SEQ_LEN 8u       /* epoch and sequence number */
/* What is authenticated beside the content: number, type, version, length (RFC 5246 6.2.3.3). */
#define AAD_LEN 13u
#define BLOCK_MAX 16u
/* The alert, MAC and padding, a whole number of blocks. */
#define ALERT_CBC_MAX (ALERT_LEN + MAC_MAX + 256u + BLOCK_MAX)

/* Of the client, from the key block (RFC 5246 6.3). */
struct keys {
	uint8_t mac[MAC_MAX];
	uint8_t key[KEY_MAX];
	uint8_t fixed[FIXED_MAX];
};

/* During the handshake it is not yet that of the session. */
static const SSL_CIPHER *
suite_of(const SSL *ssl)
{
	const SSL_CIPHER *pending = SSL_get_pending_cipher(ssl);

	return pending != NULL ? pending : SSL_get_current_cipher(ssl);
}

static const EVP_CIPHER *
cipher_of(const SSL *ssl)
{
	int nid = SSL_CIPHER_get_cipher_nid(suite_of(ssl));

	return nid != NID_undef ? EVP_get_cipherbynid(nid) : NULL;
}

static const EVP_MD *
digest_of(const SSL *ssl)
{
	int nid = SSL_CIPHER_get_digest_nid(suite_of(ssl));

	return nid != NID_undef ? EVP_get_digestbynid(nid) : NULL;
}

static void
learn_aead(struct hg_tls_protection *p, const SSL_CIPHER *suite, const EVP_CIPHER *cipher)
{
	int mode = EVP_CIPHER_get_mode(cipher);

	p->tag = 16;
	if (mode == EVP_CIPH_CCM_MODE && strstr(SSL_CIPHER_get_name(suite), "CCM8") != NULL)
		p->tag = 8; /* RFC 6655 4 */
	if (mode == EVP_CIPH_GCM_MODE || mode == EVP_CIPH_CCM_MODE) {
		p->fixed = 4; /* RFC 5288 3 */
		p->explicit = 8;
	} else {
		p->fixed = 12; /* RFC 7905 2 */
	}
	p->shape.least = (uint16_t)(p->explicit + p->tag);
}

static void
learn_blocks(struct hg_tls_protection *p, const EVP_CIPHER *cipher, bool mac_last)
{
	unsigned int block = (unsigned int)EVP_CIPHER_get_block_size(cipher), inside;

	if (EVP_CIPHER_get_mode(cipher) != EVP_CIPH_CBC_MODE || block > BLOCK_MAX)
		return; /* no such suite is known */
	p->explicit = (uint8_t)EVP_CIPHER_get_iv_length(cipher);
	p->shape.block = (uint16_t)block;
	p->shape.apart = mac_last ? p->mac : 0;
	/* One byte of padding length at least (RFC 5246 6.2.3.2). */
	inside = mac_last ? 1 : p->mac + 1u;
	p->shape.least =
		(uint16_t)(p->explicit + (inside + block - 1) / block * block + p->shape.apart);
}

static void
learn_suite(struct hg_tls_protection *p, const SSL *ssl, const SSL_CIPHER *suite, bool mac_last)
{
	const EVP_CIPHER *cipher = cipher_of(ssl);
	const EVP_MD *digest = digest_of(ssl);

	if (cipher != NULL)
		p->key = (uint8_t)EVP_CIPHER_get_key_length(cipher);
	if (SSL_CIPHER_is_aead(suite)) {
		if (cipher != NULL)
			learn_aead(p, suite, cipher);
		return;
	}
	if (digest == NULL)
		return;
	p->mac = (uint8_t)EVP_MD_get_size(digest);
	p->mac_last =
		mac_last; /* agreed upon without encryption too, where it changes nothing else */
	if (SSL_CIPHER_get_cipher_nid(suite) == NID_undef)
		p->shape.least = p->mac; /* RFC 5246 6.2.3.1: no encryption */
	else if (cipher != NULL)
		learn_blocks(p, cipher, mac_last);
}

void
hg_tls_protection_learn(
	struct hg_tls_protection *p, const SSL *ssl, bool mac_last, size_t content_max)
{
	const SSL_CIPHER *suite = suite_of(ssl);

	hg_tls_protection_free(p);
	if (suite != NULL)
		learn_suite(p, ssl, suite, mac_last);
	if (p->shape.least != 0)
		p->shape.most = (uint16_t)(hg_tls_protection_len(p, content_max) - HG_RECORD_LEN);
}

size_t
hg_tls_protection_len(const struct hg_tls_protection *p, size_t n)
{
	size_t block = p->shape.block;

	if (p->shape.least == 0)
		return HG_RECORD_LEN + n + HG_RECORD_CIPHERTEXT_MAX - HG_RECORD_PLAINTEXT_MAX;
	if (p->mac == 0)
		return HG_RECORD_LEN + p->explicit + n + p->tag;
	if (block == 0)
		return HG_RECORD_LEN + n + p->mac;
	n += p->mac_last ? 1 : p->mac + 1u; /* a byte at least says how long the padding is */
	return HG_RECORD_LEN + p->explicit + (n + block - 1) / block * block + p->shape.apart;
}

void
hg_tls_protection_free(struct hg_tls_protection *p)
{
	EVP_MAC_CTX_free(p->ready);
	*p = (struct hg_tls_protection){ 0 };
}

/* RFC 5246 5. */
static bool
expand(const SSL *ssl, uint8_t *secret, size_t secret_len, uint8_t *seed, size_t seed_len,
	uint8_t *block, size_t len)
{
	const EVP_MD *digest = SSL_CIPHER_get_handshake_digest(suite_of(ssl));
	/* "MD5 and SHA-1" stands for the default, which in DTLS 1.2 is SHA-256. */
	bool is_default = digest == NULL || EVP_MD_get_type(digest) == NID_md5_sha1;
	char name[NAME_MAX_LEN] = "SHA256";
	OSSL_PARAM params[4] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, name, sizeof(name)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, secret, secret_len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, seed_len),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_TLS1_PRF, NULL);
	EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	bool done;

	if (!is_default)
		OPENSSL_strlcpy(name, EVP_MD_get0_name(digest), sizeof(name));
	params[0].data_size = strlen(name);
	done = ctx != NULL && EVP_KDF_derive(ctx, block, len, params) == 1;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return done;
}

static bool
derive(const struct hg_tls_protection *p, const SSL *ssl, struct keys *keys)
{
	static const char label[] = "key expansion";
	const SSL_SESSION *session = SSL_get_session(ssl);
	uint8_t block[2 * (MAC_MAX + KEY_MAX + FIXED_MAX)], secret[SSL_MAX_MASTER_KEY_LENGTH];
	uint8_t seed[sizeof(label) - 1 + 2 * SSL3_RANDOM_SIZE], *at = block;
	size_t len =
		session != NULL ? SSL_SESSION_get_master_key(session, secret, sizeof(secret)) : 0;
	bool done = false;

	if (len == 0 || p->mac > MAC_MAX || p->key > KEY_MAX || p->fixed > FIXED_MAX)
		return false;
	memcpy(seed, label, sizeof(label) - 1);
	if (SSL_get_server_random(ssl, seed + sizeof(label) - 1, SSL3_RANDOM_SIZE) ==
			SSL3_RANDOM_SIZE &&
		SSL_get_client_random(ssl, seed + sizeof(seed) - SSL3_RANDOM_SIZE,
			SSL3_RANDOM_SIZE) == SSL3_RANDOM_SIZE)
		done = expand(ssl, secret, len, seed, sizeof(seed), block,
			2u * ((size_t)p->mac + p->key + p->fixed));
	if (done) {
		memcpy(keys->mac, at, p->mac);
		at += 2u * p->mac;
		memcpy(keys->key, at, p->key);
		at += 2u * p->key;
		memcpy(keys->fixed, at, p->fixed);
	}
	hg_secret_wipe(block, sizeof(block));
	hg_secret_wipe(secret, sizeof(secret));
	return done;
}

/* content_len is that of what is authenticated, which the record's own length is not. */
static void
fill_aad(uint8_t aad[AAD_LEN], const uint8_t *record, size_t content_len)
{
	memcpy(aad, record + HG_RECORD_EPOCH, SEQ_LEN);
	aad[SEQ_LEN] = record[0];
	memcpy(aad + SEQ_LEN + 1, record + HG_RECORD_VERSION, 2);
	hg_store_be16(aad + SEQ_LEN + 3, (uint16_t)content_len);
}

/* A context with the MAC key of keys, or NULL. */
static EVP_MAC_CTX *
make_mac(const struct hg_tls_protection *p, const SSL *ssl, const struct keys *keys)
{
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
	EVP_MAC_CTX *ctx = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;
	char name[NAME_MAX_LEN] = "";
	OSSL_PARAM params[2] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, sizeof(name)),
		OSSL_PARAM_construct_end(),
	};

	EVP_MAC_free(hmac);
	OPENSSL_strlcpy(name, EVP_MD_get0_name(digest_of(ssl)), sizeof(name));
	params[0].data_size = strlen(name);
	if (ctx != NULL && EVP_MAC_init(ctx, keys->mac, p->mac, params) != 1) {
		EVP_MAC_CTX_free(ctx);
		ctx = NULL;
	}
	return ctx;
}

/* Of a context that has its key. */
static bool
mac_matches(EVP_MAC_CTX *ctx, const uint8_t aad[AAD_LEN], const uint8_t *content, size_t len,
	const uint8_t *mac, size_t mac_len)
{
	uint8_t own[MAC_MAX];
	size_t n;

	return EVP_MAC_update(ctx, aad, AAD_LEN) == 1 && EVP_MAC_update(ctx, content, len) == 1 &&
	       EVP_MAC_final(ctx, own, &n, sizeof(own)) == 1 && n == mac_len &&
	       hg_secret_equal(own, mac, mac_len);
}

bool
hg_tls_protection_admits(
	struct hg_tls_protection *p, const SSL *ssl, const uint8_t *record, size_t len)
{
	uint8_t aad[AAD_LEN];
	struct keys keys;
	size_t n;

	if (!p->mac_last)
		return true;
	if (p->ready == NULL) {
		if (derive(p, ssl, &keys))
			p->ready = make_mac(p, ssl, &keys);
		hg_secret_wipe(&keys, sizeof(keys));
		if (p->ready == NULL)
			return false;
	} else if (EVP_MAC_init(p->ready, NULL, 0, NULL) != 1) {
		return false;
	}
	n = len - HG_RECORD_LEN - p->mac;
	fill_aad(aad, record, n);
	return mac_matches(p->ready, aad, record + HG_RECORD_LEN, n, record + len - p->mac, p->mac);
}

static bool
open_aead(const struct hg_tls_protection *p, const SSL *ssl, const struct keys *keys,
	const uint8_t *record, uint8_t alert[ALERT_LEN])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const EVP_CIPHER *cipher = cipher_of(ssl);
	const uint8_t *sealed = record + HG_RECORD_LEN + p->explicit;
	uint8_t nonce[FIXED_MAX], aad[AAD_LEN], tag[16], rest[16];
	bool ccm = EVP_CIPHER_get_mode(cipher) == EVP_CIPH_CCM_MODE, opened;
	int n;

	fill_aad(aad, record, ALERT_LEN);
	memcpy(nonce, keys->fixed, p->fixed);
	if (p->explicit != 0)
		memcpy(nonce + p->fixed, record + HG_RECORD_LEN, p->explicit);
	else
		for (unsigned int i = 0; i < SEQ_LEN; i++)
			nonce[FIXED_MAX - SEQ_LEN + i] ^= record[HG_RECORD_EPOCH + i];
	memcpy(tag, sealed + ALERT_LEN, p->tag);
	opened = ctx != NULL && EVP_DecryptInit_ex(ctx, cipher, NULL, NULL, NULL) == 1 &&
		 EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, FIXED_MAX, NULL) == 1 &&
		 EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, p->tag, tag) == 1 &&
		 EVP_DecryptInit_ex(ctx, NULL, NULL, keys->key, nonce) == 1 &&
		 (!ccm || EVP_DecryptUpdate(ctx, NULL, &n, NULL, ALERT_LEN) == 1) &&
		 EVP_DecryptUpdate(ctx, NULL, &n, aad, AAD_LEN) == 1 &&
		 EVP_DecryptUpdate(ctx, alert, &n, sealed, ALERT_LEN) == 1 &&
		 (ccm || EVP_DecryptFinal_ex(ctx, rest, &n) == 1);
	EVP_CIPHER_CTX_free(ctx);
	return opened;
}

/*
 * MAC, then encrypt, or without encryption. The content has two bytes, so the MAC's place is known, and
 * no padding is looked at: how long this takes tells nothing of it.
 */
static bool
open_mac(const struct hg_tls_protection *p, const SSL *ssl, const struct keys *keys,
	const uint8_t *record, size_t n, uint8_t alert[ALERT_LEN])
{
	const uint8_t *content = record + HG_RECORD_LEN;
	uint8_t plain[ALERT_CBC_MAX], aad[AAD_LEN];
	EVP_MAC_CTX *mac;
	bool opened = true;
	int len;

	if (p->explicit != 0) {
		EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

		if (n - p->explicit > sizeof(plain)) {
			EVP_CIPHER_CTX_free(ctx);
			return false;
		}
		opened = ctx != NULL &&
			 EVP_DecryptInit_ex(ctx, cipher_of(ssl), NULL, keys->key, content) == 1 &&
			 EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
			 EVP_DecryptUpdate(ctx, plain, &len, content + p->explicit,
				 (int)(n - p->explicit)) == 1;
		EVP_CIPHER_CTX_free(ctx);
		content = plain;
	}
	fill_aad(aad, record, ALERT_LEN);
	mac = opened ? make_mac(p, ssl, keys) : NULL;
	opened = mac != NULL &&
		 mac_matches(mac, aad, content, ALERT_LEN, content + ALERT_LEN, p->mac);
	if (opened)
		memcpy(alert, content, ALERT_LEN);
	EVP_MAC_CTX_free(mac);
	return opened;
}

/* Encrypt, then MAC, which has been found right: two bytes are all that is in front of the padding. */
static bool
open_padded(const SSL *ssl, const struct keys *keys, const uint8_t *content, size_t n,
	uint8_t alert[ALERT_LEN])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	const EVP_CIPHER *cipher = cipher_of(ssl);
	size_t iv = (size_t)EVP_CIPHER_get_iv_length(cipher);
	uint8_t plain[256 + BLOCK_MAX];
	bool opened;
	int len = 0;

	opened = ctx != NULL && n - iv <= sizeof(plain) &&
		 EVP_DecryptInit_ex(ctx, cipher, NULL, keys->key, content) == 1 &&
		 EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
		 EVP_DecryptUpdate(ctx, plain, &len, content + iv, (int)(n - iv)) == 1 &&
		 (size_t)len == ALERT_LEN + 1u + plain[len - 1];
	if (opened)
		memcpy(alert, plain, ALERT_LEN);
	EVP_CIPHER_CTX_free(ctx);
	return opened;
}

bool
hg_tls_protection_read_alert(const struct hg_tls_protection *p, const SSL *ssl,
	const uint8_t *record, size_t len, uint8_t alert[2])
{
	size_t n = len - HG_RECORD_LEN;
	struct keys keys;
	bool opened = false;

	if (p->shape.least == 0)
		return false;
	if (p->mac == 0 && n != (size_t)p->shape.least + ALERT_LEN)
		return false;
	if (p->mac != 0 && !p->mac_last && n < (size_t)p->explicit + ALERT_LEN + p->mac)
		return false;
	if (p->mac != 0 && p->explicit == 0 && n != (size_t)ALERT_LEN + p->mac)
		return false;
	if (!derive(p, ssl, &keys))
		return false;
	if (p->mac == 0)
		opened = open_aead(p, ssl, &keys, record, alert);
	else if (p->mac_last && p->explicit != 0)
		opened = open_padded(ssl, &keys, record + HG_RECORD_LEN, n - p->mac, alert);
	else
		opened = open_mac(p, ssl, &keys, record, n, alert);
	hg_secret_wipe(&keys, sizeof(keys));
	ERR_clear_error(); /* SSL_get_error() would take what is there for its own */
	return opened;
}
