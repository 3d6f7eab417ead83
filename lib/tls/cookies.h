/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The gateway's cookies for any server that uses OpenSSL: one call gives an SSL_CTX the callbacks that
 * DTLSv1_listen(), SSL_OP_COOKIE_EXCHANGE and SSL_stateless() ask for. Whoever has the same secret, a
 * gateway too, takes these cookies, and the other way round.
 *
 *   struct hg_tls_cookies_options options = { .secret = secret, .secret_len = 32 };
 *   struct hg_tls_cookies *cookies;
 *   struct hg_tls_error error;
 *
 *   if (hg_tls_cookies_new(&cookies, &options, &error) != 0 ||
 *       hg_tls_cookies_install(cookies, ctx, &error) != 0)
 *           fprintf(stderr, "%s: %s\n", error.setting, error.text);
 *   hg_tls_cookies_free(cookies);
 *
 * DTLS 1.2: a cookie is bound to the peer's address and port, to the server's, and unless the binding is
 * to addresses alone, to the hello: its version and random, or all that RFC 6347 4.2.1 names, which is
 * session_id, cipher suites and compression methods too. OpenSSL tells cookie callbacks nothing of the hello,
 * but shows it to the message callback before. So this takes the message callback of the SSL_CTX; a program that has one of
 * its own calls hg_tls_cookies_message() from it.
 *
 * TLS 1.3: the cookie is bound to the addresses and ports. It lies within OpenSSL's own, which is bound
 * to the hash of the first hello (RFC 8446 4.2.2) by a key of the SSL_CTX. So it is good at the same
 * SSL_CTX alone, whatever the secret.
 *
 * Threads: every function may be called from any thread at any time, but an SSL belongs to one thread
 * at a time, and hg_tls_cookies_install() comes before the SSL_CTX makes its first SSL.
 */
#pragma once

#include <openssl/types.h>

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "cookie/batch.h"
#include "tls/context.h"

#define HG_TLS_COOKIES_LIFETIME 60u /* seconds, if the options say 0: the gateway's defaults */
#define HG_TLS_COOKIES_ROTATION 3600u

/* Secret, key schedule and counts; shared by any number of SSL_CTX and threads. */
struct hg_tls_cookies;

/* Need only live until the call that they are given to returns. */
struct hg_tls_cookies_options {
	const uint8_t *secret; /* HG_COOKIE_SECRET_LEN bytes, from a good source of randomness */
	size_t secret_len;
	const uint8_t *previous; /* a former secret whose cookies are good too; NULL for none */
	size_t previous_len;
	uint32_t lifetime; /* seconds for which a cookie is good, at least 1; 0: default */
	uint32_t rotation; /* seconds for which a key makes cookies, at least the lifetime; 0:
				    default */
	enum hg_cookie_binding binding; /* of DTLS; all who share the secret have the same */
	uint64_t (*now)(void *arg);     /* seconds since 1970, from any thread; NULL: time() */
	void *now_arg;
};

/*
 * Makes them, for the caller to free. Takes some milliseconds: the kernels of HMAC-SHA256 are tested
 * and timed. Returns 0; or -EINVAL, -ENOMEM or -EIO (no kernel gives right tags) with *ret_cookies
 * untouched and *ret_error filled, which may be NULL.
 */
int hg_tls_cookies_new(struct hg_tls_cookies **ret_cookies,
	const struct hg_tls_cookies_options *options, struct hg_tls_error *ret_error);

/*
 * Takes other options while in use, all but now: for a new secret, with the former as previous. Who has
 * a cookie of a secret that is neither any more has to begin again. Returns as hg_tls_cookies_new(), and
 * on failure nothing has changed.
 */
int hg_tls_cookies_change(struct hg_tls_cookies *cookies,
	const struct hg_tls_cookies_options *options, struct hg_tls_error *ret_error);

/* Gives up the caller's reference. With the last one all secrets are wiped. NULL is fine. */
void hg_tls_cookies_free(struct hg_tls_cookies *cookies);

/*
 * Gives an SSL_CTX the callbacks for cookies and stateless cookies, the message callback, and
 * SSL_OP_COOKIE_EXCHANGE. It holds a reference until it is freed itself, or gets other cookies by this
 * call. If SNI or a client_hello callback moves an SSL to another SSL_CTX, that one needs the cookies
 * too. Returns 0; or -EINVAL or -ENOMEM with *ret_error filled, which may be NULL.
 */
int hg_tls_cookies_install(
	struct hg_tls_cookies *cookies, SSL_CTX *ctx, struct hg_tls_error *ret_error);

/*
 * Tells whom an SSL is talking to and at which of our addresses, IPv4 or IPv6, from the next hello on:
 * for a server with BIOs of its own, or a socket that is bound to no address of its own. IPv4-mapped
 * addresses are taken as IPv4. NULL for both: find it out again, from the BIO that the SSL reads. That
 * is BIO_dgram_get_peer() and getsockname() for DTLS, getpeername() and getsockname() for TLS, on its
 * descriptor. Returns 0, -EINVAL, -EAFNOSUPPORT, or -ENOMEM.
 */
int hg_tls_cookies_set_peer(SSL *ssl, const struct sockaddr *peer, const struct sockaddr *local);

/* What a message callback of the program's own calls with all that it was given; arg is not used. */
void hg_tls_cookies_message(int write_p, int version, int content_type, const void *message,
	size_t len, SSL *ssl, void *arg);

struct hg_tls_cookies_counts {
	uint64_t verdict[HG_COOKIE_VERDICTS]; /* hellos, by what their cookie was worth */
	uint64_t unbound;  /* DTLS: not all fields in the hello, or more than HG_COOKIE_BOUND_MAX */
	uint64_t unusable; /* DTLS: valid, but OpenSSL could not go on from it; refused */
};

void hg_tls_cookies_count(struct hg_tls_cookies *cookies, struct hg_tls_cookies_counts *ret_counts);
