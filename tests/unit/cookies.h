/* SPDX-License-Identifier: BSD-3-Clause */
/* Hellos that ask for a cookie, and what it must be, computed without the code under test. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cookie/batch.h"

#define COOKIE_ROTATION 3600u
#define COOKIE_LIFETIME 60u
#define COOKIE_NOW (472222u * COOKIE_ROTATION + 1800u) /* the middle of an epoch */

extern const uint8_t cookie_secret[HG_COOKIE_SECRET_LEN];

/* A hello and the bytes that its pointers lead to; a copy needs pointers of its own. */
struct cookie_asked {
	struct hg_cookie_hello hello;
	uint8_t tuple[36];
	uint8_t client[67];
	uint8_t offer[16];
	uint8_t cookie[255];
};

/* Keys from cookie_secret. */
struct hg_cookie_keys cookie_keys(
	uint64_t now, uint32_t rotation, uint32_t lifetime, enum hg_cookie_binding binding);

/* A hello of peer number n, with a session_id of session_id_len bytes and no cookie. */
void cookie_hello(
	struct cookie_asked *asked, uint8_t family, unsigned int n, uint8_t session_id_len);

void cookie_give(struct cookie_asked *asked, const uint8_t cookie[HG_COOKIE_LEN]);

/* What the cookie must be, from the description in batch.h and keys.h and by OpenSSL alone. */
void cookie_expect(uint8_t ret[HG_COOKIE_LEN], const struct cookie_asked *asked, uint64_t now,
	uint32_t rotation, enum hg_cookie_binding binding);

/* For a group of tests: a batch for any binding, all bytes of it 0 at first. */
extern struct hg_cookie_batch *cookie_batch;
int cookie_batch_open(void **state);
int cookie_batch_close(void **state);

/* The reference. */
const struct hg_hmac_kernel *cookie_kernel(void);
