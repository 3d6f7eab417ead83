/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/recent.h"

#include <string.h>

void
recent_add(struct recent *recent, const struct flow_key *key, hash_sig_t hash, uint64_t now)
{
	recent->peer[hash % RECENT_PEERS].key = *key;
	recent->peer[hash % RECENT_PEERS].until = now + RECENT_SECONDS;
}

bool
recent_has(const struct recent *recent, const struct flow_key *key, hash_sig_t hash, uint64_t now)
{
	uint64_t until = recent->peer[hash % RECENT_PEERS].until;

	/* A clock that was set back must not make an entry last. */
	return now <= until && until - now <= RECENT_SECONDS &&
	       memcmp(&recent->peer[hash % RECENT_PEERS].key, key, sizeof(*key)) == 0;
}
