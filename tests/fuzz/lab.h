/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The gateway that inputs are for: addresses, secret and time are those of tests/lab/capture.py and
 * seeds.py, so that what is written there means the same here.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cookie/batch.h"
#include "net/host.h"

#define LAB_PORTS 2u
#define LAB_ROTATION 3600u                       /* seconds; a cookie lives as long */
#define LAB_NOW (472222u * LAB_ROTATION + 1800u) /* the middle of an epoch */
#define LAB_LISTENER_PORT 5684u
#define LAB_PEERS 8u

extern const uint8_t lab_secret[HG_COOKIE_SECRET_LEN];

/* 198.18.0.1/24, 198.18.7.1/32 and 2001:2::1; 192.0.2.1/24 and fe80::b. */
extern const struct hg_net_host lab_host[LAB_PORTS];

/* Writes the IP addresses and UDP ports of a peer's packet to a port, as hg_net_tuple() gives them. */
void lab_tuple(uint8_t ret[36], uint8_t family, unsigned int peer, unsigned int port);

/* The kernels that this CPU can run, the reference first. */
const struct hg_hmac_kernel *const *lab_kernels(size_t *ret_n);

/* What a cookie is bound to, in the wire's format. */
struct lab_bound {
	const uint8_t *tuple;
	uint8_t family;
	const uint8_t *client;
	const uint8_t *offer;
	size_t client_len;
	size_t offer_len;
};

/* Time and keys, and what cookies are bound to. */
struct lab_clock {
	uint64_t now; /* seconds since 1970 */
	uint32_t rotation;
	uint32_t lifetime;
	enum hg_cookie_binding binding;
};

/*
 * A cookie issued at some time with the key of some epoch, both at will, from docs/protocol.md and by
 * OpenSSL.
 */
void lab_mint(uint8_t ret_cookie[HG_COOKIE_LEN], const struct lab_bound *bound,
	enum hg_cookie_binding binding, uint64_t issued, uint64_t epoch);

/* What a cookie is worth, likewise. */
enum hg_cookie_verdict lab_verdict(const struct lab_clock *clock, const struct lab_bound *bound,
	const uint8_t *cookie, size_t cookie_len);
