/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of lib/tls share. */
#pragma once

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include "tls/context.h"
#include "tls/flight.h"
#include "tls/protection.h"
#include "tls/record.h"
#include "tls/session.h"

#define HG_TLS_COOKIE_MAX 32u
#define HG_TLS_TERMS_LEN 32u
#define HG_TLS_WARNING_LEN 512u

struct hg_tls_tickets;

/* What SSL_CTX_set_security_callback() takes. */
typedef int hg_tls_judge_fn(
	const SSL *ssl, const SSL_CTX *ctx, int what, int bits, int nid, void *other, void *arg);

struct hg_tls_psk {
	char *identity;
	uint8_t *key;
	size_t key_len;
};

struct hg_tls_psks {
	struct hg_tls_psk *entry; /* sorted by identity */
	size_t n;
};

struct hg_tls_context {
	BIO_METHOD *bio;
	hg_tls_judge_fn *judge; /* OpenSSL's own */
	SSL_CTX **ssl;          /* one for each set of server names; the first is the default */
	size_t n_ssl;
	struct hg_tls_psks psks;
	struct hg_tls_tickets *tickets;   /* may be those of other contexts too; NULL: off */
	uint8_t terms[HG_TLS_TERMS_LEN];  /* digest of what a session was granted by */
	char warning[HG_TLS_WARNING_LEN]; /* empty: none */
};

/* What the server has said, as far as it matters for what the client may. */
struct hg_tls_said {
	bool hello;
	bool mac_last; /* RFC 7366 is agreed upon */
	bool certificate_request;
	bool done;     /* ServerHelloDone: all of the client's flight is to come */
	bool finished; /* without the above: resumption, ChangeCipherSpec is to come */
};

struct hg_tls_session {
	const struct hg_tls_context *context;
	SSL *ssl;
	hg_tls_send_fn *send;
	hg_tls_ignored_fn *ignored;
	void *arg;         /* of both */
	const uint8_t *in; /* the record being read; NULL once OpenSSL has taken it */
	size_t in_len;
	const uint8_t *rest; /* of the datagram, once established */
	size_t rest_len;
	uint8_t *kept; /* records whose turn has not come; NULL: none */
	size_t kept_len;
	size_t kept_at;        /* of them have been read */
	uint16_t flight_max;   /* bytes of a datagram of handshake messages */
	uint16_t fragment_max; /* bytes of a record's content: 16384, or max_fragment_length */
	uint8_t repeats;       /* of the flight sent last, so far */
	uint8_t reductions;    /* how often flight_max has become less for want of an answer */
	uint8_t asked;         /* for max_fragment_length, by the client: its code, or 0 */
	bool lost;             /* a datagram could not be sent, since this was last cleared */
	uint64_t out_seq;      /* of the next record of epoch 0 that leaves */
	uint64_t in_seq;       /* of the next one of epoch 0 that OpenSSL sees */
	struct hg_tls_flight flight;
	struct hg_tls_protection protection;
	struct hg_tls_said said;
	enum hg_tls_phase phase;
	enum hg_tls_state state;
	bool changed; /* ChangeCipherSpec is here, but maybe not yet its turn */
	uint8_t cookie_len;
	uint8_t cookie[HG_TLS_COOKIE_MAX];
};

/* Fills error, whose text is given as to printf(); returns -EINVAL. */
int hg_tls_fail(struct hg_tls_error *error, const char *setting, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* OpenSSL's reason for the first of its errors, in words. */
const char *hg_tls_reason(void);

/*
 * The server's certificate and, behind it, its chain. Returns them, for the caller to free, or NULL with *error filled.
 * *warning is filled, if it is empty, if one is out of its time.
 */
STACK_OF(X509) * hg_tls_certificates_read(const char *path, char warning[HG_TLS_WARNING_LEN],
			 struct hg_tls_error *error);

/* A private key, for the caller to free, or NULL with *error filled. */
EVP_PKEY *hg_tls_key_read(const char *path, struct hg_tls_error *error);

/* Clients' certificates of these authorities are good from now on. Returns 0 or -EINVAL. */
int hg_tls_authorities_read(SSL_CTX *ssl, const char *path, struct hg_tls_error *error);

/* Versions, ciphers, groups and the security level of a new SSL_CTX. Returns 0 or -EINVAL. */
int hg_tls_choices_set(struct hg_tls_context *context, SSL_CTX *ssl,
	const struct hg_tls_settings *settings, struct hg_tls_error *error);

/* Can a client be shown leaf, which is read from path? Returns 0 or -EINVAL. */
int hg_tls_choices_check(X509 *leaf, const char *path, const struct hg_tls_settings *settings,
	struct hg_tls_error *error);

/*
 * What no suite is for: the certificates of an SSL_CTX, or pre-shared keys if there are some; NULL: there are suites
 * for both, or the other is not there. Of an ECDSA and an RSA certificate for the same names one may be idle.
 * *ret_all: nothing is left.
 */
const char *hg_tls_choices_unserved(SSL_CTX *ssl, bool psk, bool *ret_all);

/* For SSL_set_msg_callback() and SSL_CTX_set_client_hello_cb(): what both sides say. */
void hg_tls_said_hear(
	int write_p, int version, int type, const void *message, size_t len, SSL *ssl, void *arg);
int hg_tls_said_hello(SSL *ssl, int *alert, void *arg);

/* Datagrams of flights have at most so many bytes from now on. */
void hg_tls_session_set_flight_max(struct hg_tls_session *session, size_t max);

/* A datagram BIO over struct hg_tls_session: one write is one datagram. NULL without memory. */
BIO_METHOD *hg_tls_bio_method(void);

/* Reads a file of identity:hex lines. Returns 0, or -EINVAL with *ret_error filled. */
int hg_tls_psks_read(struct hg_tls_psks *psks, const char *path, struct hg_tls_error *ret_error);
void hg_tls_psks_wipe(struct hg_tls_psks *psks);
const struct hg_tls_psk *hg_tls_psks_find(const struct hg_tls_psks *psks, const char *identity);

/* Keys for the tickets of one context; NULL without memory or random numbers. */
struct hg_tls_tickets *hg_tls_tickets_new(void);
/* One user less; the last one's are wiped. NULL is fine. */
void hg_tls_tickets_free(struct hg_tls_tickets *tickets);

/* For SSL_CTX_set_tlsext_ticket_key_evp_cb(). */
int hg_tls_ticket_protect(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
	EVP_MAC_CTX *mac, int make);
/* For SSL_CTX_set_session_ticket_cb(): is the session in a ticket what the client asks for? */
SSL_TICKET_RETURN hg_tls_ticket_accept(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
	size_t name_len, SSL_TICKET_STATUS status, void *arg);

/* Fills terms, once all else is there. Returns 0 or -ENOMEM. */
int hg_tls_context_set_terms(
	struct hg_tls_context *context, const struct hg_tls_settings *settings);
