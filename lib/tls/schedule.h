/* SPDX-License-Identifier: BSD-3-Clause */
/* What cookies.c does for the callbacks of OpenSSL in callbacks.c. */
#pragma once

#include <stdbool.h>

#include "tls/cookies.h"

enum hg_tls_seen {
	HG_TLS_UNSEEN,  /* the message callback was never called */
	HG_TLS_UNBOUND, /* a hello in which not all fields are there to be bound to */
	HG_TLS_HELLO,   /* client_version and random are there, but not all parameters */
	HG_TLS_BOUND,
	HG_TLS_ALWAYS, /* bound to what is in client, whatever the binding */
};

struct hg_tls_asked {
	uint8_t tuple[36]; /* as in struct hg_cookie_hello */
	uint8_t family;
	enum hg_tls_seen seen;
	const uint8_t *client;
	const uint8_t *offer;
	uint16_t client_len;
	uint16_t offer_len;
	const uint8_t *cookie; /* NULL: none */
	size_t cookie_len;
	bool unusable; /* not to be accepted, however good its cookie is */
};

void hg_tls_cookies_hold(struct hg_tls_cookies *cookies);

/*
 * Judges the cookie of a hello, counts the verdict, and makes a fresh cookie. Returns 1 if the hello is
 * to be accepted, 0 if not, -ENOMEM, or -ENODATA if the hello was not seen but has to be.
 */
int hg_tls_cookies_settle(struct hg_tls_cookies *cookies, const struct hg_tls_asked *asked,
	uint8_t ret_fresh[HG_COOKIE_LEN]);

/* Fills *error, which may be NULL, and returns err. */
int hg_tls_cookies_blame(
	struct hg_tls_error *error, int err, const char *setting, const char *text);
