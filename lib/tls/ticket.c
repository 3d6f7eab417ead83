/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keys of session tickets (RFC 5077). OpenSSL's own would be one for each SSL_CTX, for good: gone with
 * it when the configuration is read again, and whoever gets hold of it reads every session since.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/secret.h"
#include "tls/internal.h"
#include "tls/openssl.h"
#include "tls/secret.h"

#define NAME_LEN 16u

/* As RFC 5077 4 recommends it: AES in CBC mode, then HMAC-SHA256; the ticket begins with the name. */
struct ticket_key {
	uint8_t name[NAME_LEN];
	uint8_t cipher[32];
	uint8_t mac[32];
};

struct hg_tls_tickets {
	unsigned int users; /* contexts; of the one thread that makes and frees them */
	pthread_mutex_t lock;
	struct ticket_key current, former; /* under the lock */
	bool has_former;
};

static bool
make_key(struct ticket_key *key)
{
	return RAND_bytes(key->name, sizeof(key->name)) == 1 &&
	       RAND_priv_bytes(key->cipher, sizeof(key->cipher)) == 1 &&
	       RAND_priv_bytes(key->mac, sizeof(key->mac)) == 1;
}

struct hg_tls_tickets *
hg_tls_tickets_new(void)
{
	struct hg_tls_tickets *tickets = hg_tls_secret_alloc(sizeof(*tickets));

	if (tickets == NULL)
		return NULL;
	if (!make_key(&tickets->current)) {
		hg_tls_secret_free(tickets, sizeof(*tickets));
		return NULL;
	}
	pthread_mutex_init(&tickets->lock, NULL);
	tickets->users = 1;
	return tickets;
}

void
hg_tls_tickets_free(struct hg_tls_tickets *tickets)
{
	if (tickets == NULL || --tickets->users != 0)
		return;
	pthread_mutex_destroy(&tickets->lock);
	hg_tls_secret_free(tickets, sizeof(*tickets));
}

/* As OpenSSL wants it: 1 with *key filled, 2 if the ticket is to be replaced, 0 for an unknown key. */
static int
find_key(struct hg_tls_tickets *tickets, const uint8_t *name, bool make, struct ticket_key *key)
{
	int found = 0;

	pthread_mutex_lock(&tickets->lock);
	if (make || memcmp(name, tickets->current.name, NAME_LEN) == 0) {
		*key = tickets->current;
		found = 1;
	} else if (tickets->has_former && memcmp(name, tickets->former.name, NAME_LEN) == 0) {
		*key = tickets->former;
		found = 2;
	}
	pthread_mutex_unlock(&tickets->lock);
	return found;
}

int
hg_tls_ticket_protect(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
	EVP_MAC_CTX *mac, int make)
{
	const struct hg_tls_session *session = SSL_get_app_data(ssl);
	char digest[] = "SHA256";
	struct ticket_key key;
	OSSL_PARAM params[3];
	int found = find_key(session->context->tickets, name, make == 1, &key);

	if (found == 0)
		return 0;
	if (make == 1)
		memcpy(name, key.name, NAME_LEN);
	params[0] = OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac, sizeof(key.mac));
	params[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0);
	params[2] = OSSL_PARAM_construct_end();
	if ((make == 1 && RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1) ||
		EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key.cipher, iv, make) != 1 ||
		EVP_MAC_CTX_set_params(mac, params) != 1)
		found = -1;
	hg_secret_wipe(&key, sizeof(key));
	return found;
}

/*
 * RFC 6066 4: max_fragment_length holds for resumptions, too. If the client asks for another one now, or
 * for none, OpenSSL would resume with the former nevertheless, and tell the client what it has not asked
 * for, which is fatal to it (RFC 5246 7.4.1.4). A full handshake brings what it wants.
 */
SSL_TICKET_RETURN
hg_tls_ticket_accept(SSL *ssl, SSL_SESSION *former, const unsigned char *name, size_t name_len,
	SSL_TICKET_STATUS status, void *arg)
{
	const struct hg_tls_session *session = SSL_get_app_data(ssl);

	(void)name;
	(void)name_len;
	(void)arg;
	if ((status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) ||
		SSL_SESSION_get_max_fragment_length(former) != session->asked)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

int
hg_tls_context_renew_tickets(struct hg_tls_context *context)
{
	struct hg_tls_tickets *tickets = context->tickets;
	struct ticket_key key;
	int err = 0;

	if (tickets == NULL)
		return 0;
	if (make_key(&key)) {
		pthread_mutex_lock(&tickets->lock);
		tickets->former = tickets->current;
		tickets->current = key;
		tickets->has_former = true;
		pthread_mutex_unlock(&tickets->lock);
	} else {
		err = -EIO;
	}
	hg_secret_wipe(&key, sizeof(key));
	return err;
}

void
hg_tls_context_take_tickets(struct hg_tls_context *context, const struct hg_tls_context *former)
{
	if (context->tickets == NULL || former->tickets == NULL ||
		memcmp(context->terms, former->terms, sizeof(context->terms)) != 0)
		return;
	hg_tls_tickets_free(context->tickets);
	context->tickets = former->tickets;
	context->tickets->users++;
}

/* With its length before it, so that no two lists of parts are the same bytes. */
static bool
add(EVP_MD_CTX *digest, const void *part, size_t len)
{
	uint64_t n = len;

	return EVP_DigestUpdate(digest, &n, sizeof(n)) == 1 &&
	       EVP_DigestUpdate(digest, part, len) == 1;
}

static bool
add_text(EVP_MD_CTX *digest, const char *text)
{
	return text != NULL ? add(digest, text, strlen(text) + 1) : add(digest, "", 0);
}

static bool
add_certificate(EVP_MD_CTX *digest, X509 *certificate)
{
	uint8_t hash[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	return X509_digest(certificate, EVP_sha256(), hash, &len) == 1 && add(digest, hash, len);
}

/* What we show: every certificate of an SSL_CTX, but none of what is behind it. */
static bool
add_own(EVP_MD_CTX *digest, SSL_CTX *ssl)
{
	bool well = true;

	for (int ok = SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_FIRST); ok == 1 && well;
		ok = SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_NEXT))
		well = add_certificate(digest, SSL_CTX_get0_certificate(ssl));
	SSL_CTX_set_current_cert(ssl, SSL_CERT_SET_FIRST);
	return well;
}

/* Whom we let in: authorities of clients, and pre-shared keys. */
static bool
add_clients(EVP_MD_CTX *digest, const struct hg_tls_context *context)
{
	STACK_OF(X509_OBJECT) *trusted =
		openssl_get_objects(SSL_CTX_get_cert_store(context->ssl[0]));
	bool well = trusted != NULL;

	for (int i = 0; i < sk_X509_OBJECT_num(trusted) && well; i++) {
		X509 *authority = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(trusted, i));

		well = authority == NULL || add_certificate(digest, authority);
	}
	openssl_free_objects(trusted);
	for (size_t i = 0; i < context->psks.n && well; i++)
		well = add_text(digest, context->psks.entry[i].identity) &&
		       add(digest, context->psks.entry[i].key, context->psks.entry[i].key_len);
	return well;
}

int
hg_tls_context_set_terms(struct hg_tls_context *context, const struct hg_tls_settings *settings)
{
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	bool well = digest != NULL && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) == 1 &&
		    add_text(digest, settings->client_ca != NULL ? "client-ca" : NULL) &&
		    add_text(digest, settings->psk_hint) && add_text(digest, settings->ciphers) &&
		    add_text(digest, settings->groups);

	for (size_t i = 0; i < context->n_ssl && well; i++)
		well = add_own(digest, context->ssl[i]);
	well = well && add_clients(digest, context) &&
	       EVP_DigestFinal_ex(digest, context->terms, NULL) == 1;
	EVP_MD_CTX_free(digest);
	return well ? 0 : -ENOMEM;
}
