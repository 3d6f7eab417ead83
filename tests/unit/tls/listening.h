/* SPDX-License-Identifier: BSD-3-Clause */
/* A DTLS server of OpenSSL with the library's cookies, and datagrams for it in memory. */
#pragma once

#include <openssl/ssl.h>

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cookies.h"
#include "hellos.h"
#include "tls/cookies.h"

#define LISTENING_ANSWER_MAX 2048u

/* A tuple as cookies have it, and as sockets do. */
struct flow {
	struct sockaddr_storage peer;
	struct sockaddr_storage local;
	uint8_t tuple[36];
	uint8_t family;
};

/* 198.18.0.2 or 2001:2::2 and a port, at 198.18.0.1:5684 or 2001:2::1. */
struct flow flow_make(uint8_t family, uint16_t port);

/* What DTLSv1_listen() has made of a datagram. */
struct heard {
	int result;
	size_t len; /* of the answer, 0 if there is none */
	uint8_t answer[LISTENING_ANSWER_MAX];
};

struct listening {
	struct hg_tls_cookies *cookies;
	SSL_CTX *ctx;
	SSL *ssl;
	_Atomic uint64_t now;
};

/* Options with cookie_secret, COOKIE_ROTATION, COOKIE_LIFETIME and the clock of listening. */
struct hg_tls_cookies_options listening_options(struct listening *listening);

void listening_open(struct listening *listening, const struct hg_tls_cookies_options *options);
void listening_close(struct listening *listening);

/* Gives a datagram to an SSL, from flow; NULL: as the SSL has been told before. */
struct heard listening_hear(SSL *ssl, const struct flow *flow, const uint8_t *datagram, size_t len);
SSL *listening_ssl(SSL_CTX *ctx);

/* The cookie of an HVR; fails the test if heard is another thing. */
const uint8_t *heard_cookie(const struct heard *heard);

/* What the cookie for a hello in a datagram must be. */
void listening_expect(uint8_t ret[HG_COOKIE_LEN], const struct flow *flow, const uint8_t *datagram,
	size_t len, uint64_t now, enum hg_cookie_binding binding);
