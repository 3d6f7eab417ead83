/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The session table, as far as it is known outside the cores: its keys, 4-tuples, which core owns one, and
 * whether its handshake is complete. The owner alone adds, changes and deletes an entry; workers and
 * telemetry look without a lock whether there is one, and do not follow the pointer that it holds.
 */
#pragma once

#include <rte_hash.h>

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "net/packet.h"

struct flow_key {
	uint8_t tuple[36]; /* as hg_net_tuple() gives it; zeroes behind the 12 bytes of IPv4 */
	uint8_t family;
	uint8_t zero[3];
};

_Static_assert(sizeof(struct flow_key) == 40, "hashed as a whole, so there is no padding");

static inline void
flow_key_fill(struct flow_key *key, const struct hg_net_packet *packet)
{
	*key = (struct flow_key){ .family = packet->family };
	memcpy(key->tuple, hg_net_tuple(packet), hg_net_tuple_len(packet));
}

/* The core that owns what has this hash. Not its low bits: the table takes those for its buckets. */
static inline unsigned int
flow_owner(hash_sig_t hash, unsigned int n_cores)
{
	return (unsigned int)(((uint64_t)hash * n_cores) >> 32);
}

/* The data of an entry: the session, and in the lowest bit of the pointer whether it is established. */
static inline void *
flow_data(void *session, bool is_established)
{
	return (char *)session + (is_established ? 1 : 0);
}

static inline bool
flow_is_established(const void *data)
{
	return ((uintptr_t)data & 1) != 0;
}

static inline void *
flow_session(void *data)
{
	return (char *)data - ((uintptr_t)data & 1);
}

/*
 * Makes the table for max entries in DPDK's memory of a NUMA node, SOCKET_ID_ANY for any. What reads it is a
 * reader of qsbr: a deleted entry keeps its slot until no reader can be looking at it. NULL: there is no memory.
 */
struct rte_hash *flows_create(uint32_t max, struct rte_rcu_qsbr *qsbr, int node);

/* The rest is for the owner of the key. The session of its entry, or NULL. */
void *flows_find(const struct rte_hash *table, const struct flow_key *key);

/* Makes an entry, or replaces the data of the one that is there. Returns 0, or -ENOSPC for a key without an entry. */
int flows_put(struct rte_hash *table, const struct flow_key *key, void *data);
void flows_remove(struct rte_hash *table, const struct flow_key *key);
