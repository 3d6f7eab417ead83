/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Peers whose verified ClientHello a worker has just passed on. The rest of a fragmented hello follows
 * on its heels, before the handshake core has put the session into the table, and some clients send
 * it but once (ncat and socat set no timer). Small, direct-mapped, no state for anyone unproved.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/flows.h"

#define RECENT_PEERS 256u /* a power of two; an older peer gives way to a newer one */
#define RECENT_SECONDS 2u

struct recent {
	struct {
		struct flow_key key;
		uint64_t until; /* seconds since 1970 */
	} peer[RECENT_PEERS];
};

/* hash is that of the key in the session table; now in seconds since 1970. */
void recent_add(struct recent *recent, const struct flow_key *key, hash_sig_t hash, uint64_t now);
bool recent_has(
	const struct recent *recent, const struct flow_key *key, hash_sig_t hash, uint64_t now);
