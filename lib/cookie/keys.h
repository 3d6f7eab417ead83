/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The key schedule: a pure function of secret and time, so that all who hold the secret have the
 * same keys at the same time, without talking to each other, and a restart loses none.
 *
 *   epoch(t) = t / rotation
 *   key(e)   = HMAC-SHA256(secret, "hellogate cookie v2" || e as 64-bit big endian)
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "hmac/hmac.h"

#define HG_COOKIE_SECRET_LEN 32u          /* bytes */
#define HG_COOKIE_LIFETIME_MAX (1u << 23) /* seconds: half of what a cookie's time can express */

enum hg_cookie_slot {
	HG_COOKIE_PREVIOUS, /* cookies of it are still accepted */
	HG_COOKIE_CURRENT,  /* new cookies are made with it */
	HG_COOKIE_NEXT,     /* accepted already: another node's clock may be ahead */
	HG_COOKIE_SLOTS,
};

/* What a cookie is bound to beside the addresses and ports. */
enum hg_cookie_binding {
	HG_COOKIE_BIND_HELLO,      /* client_version and random */
	HG_COOKIE_BIND_PARAMETERS, /* these, session_id, suites, compression (RFC 6347 4.2.1) */
	HG_COOKIE_BIND_ADDRESS,    /* nothing */
};

/*
 * The keys of one time, ready for use; immutable once shared. Secret: wipe it before it is freed.
 */
struct hg_cookie_keys {
	struct {
		uint64_t epoch;
		struct hg_hmac_key mac;
	} slot[HG_COOKIE_SLOTS];
	struct hg_hmac_key former[HG_COOKIE_SLOTS]; /* of the same epochs, by the former secret */
	bool has_former;
	enum hg_cookie_binding binding;
	uint32_t lifetime; /* seconds for which a cookie is good */
};

/* The epoch of a time in seconds since 1970; rotation in seconds, not 0. */
static inline uint64_t
hg_cookie_epoch(uint64_t now, uint32_t rotation)
{
	return now / rotation;
}

/*
 * Fills *ret_keys for the time now. A cookie lives at most one rotation (lifetime <= rotation), so the
 * previous key covers every cookie that is still good. Returns 0, or -EINVAL with *ret_keys untouched
 * if rotation is 0 or below lifetime, or lifetime above HG_COOKIE_LIFETIME_MAX.
 */
int hg_cookie_keys_derive(struct hg_cookie_keys *ret_keys,
	const uint8_t secret[HG_COOKIE_SECRET_LEN], uint64_t now, uint32_t rotation,
	uint32_t lifetime, enum hg_cookie_binding binding);

/*
 * Makes derived keys accept cookies of a former secret too, as young as others. A cookie does not say
 * which secret it is of, so as long as there is a former one each cookie is checked against both.
 */
void hg_cookie_keys_accept(struct hg_cookie_keys *keys, const uint8_t former[HG_COOKIE_SECRET_LEN]);
