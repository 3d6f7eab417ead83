/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The session table. A 4-tuple has one entry: the session that its datagrams belong to, and while
 * that one is established possibly a handshake beside it (RFC 6347 4.2.8). The owner core of a
 * 4-tuple follows from a hash of it, or of its client's address, and it alone adds, changes and deletes the entry; workers only
 * look whether there is one, and whether its handshake is complete, without a lock.
 */
#pragma once

#include <rte_hash.h>
#include <rte_timer.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "config/config.h"
#include "gateway/rings.h"
#include "gateway/used.h"
#include "net/packet.h"
#include "net/path.h"
#include "tls/session.h"

#define SESSION_RANDOM_LEN 32u

struct session_key {
	uint8_t tuple[36]; /* as hg_net_tuple() gives it; zeroes behind the 12 bytes of IPv4 */
	uint8_t family;
	uint8_t zero[3];
};

_Static_assert(sizeof(struct session_key) == 40, "hashed as a whole, so there is no padding");

static inline void
session_key_fill(struct session_key *key, const struct hg_net_packet *packet)
{
	*key = (struct session_key){ .family = packet->family };
	memcpy(key->tuple, hg_net_tuple(packet), hg_net_tuple_len(packet));
}

/* Not the low bits: the table takes those for its buckets. */
static inline unsigned int
session_owner(hash_sig_t hash, unsigned int n_cores)
{
	return (unsigned int)(((uint64_t)hash * n_cores) >> 32);
}

/*
 * For workers, of the data that the table holds for a key: is the session established? They know
 * this much of a session, and do not follow the pointer.
 */
static inline bool
session_is_established(const void *data)
{
	return ((uintptr_t)data & 1) != 0;
}

struct client;
struct core;
struct listener;
struct server;

/* Written and read by the owner core alone. */
struct session {
	struct session_key key;
	struct core *core;
	const struct config_listener *listener;
	struct listener *place; /* of that listener */
	struct client *client;  /* NULL if clients have no limit of their own */
	struct used_mark hello; /* that it was opened by */
	struct hg_tls_session *tls;
	struct session *beside; /* of an entry in the table: a handshake that may replace it */
	struct session *head;   /* of a session beside another: that one */
	TAILQ_ENTRY(session) all;
	TAILQ_ENTRY(session) due;   /* while its timer has run out and is not yet handled */
	TAILQ_ENTRY(session) quiet; /* once established */
	bool is_due;
	bool half_open;
	uint8_t reductions;                 /* of its flights, that have been counted */
	int upstream;                       /* socket, or -1 */
	struct server *server;              /* that it is connected to */
	uint16_t source_port;               /* of the socket; 0: the kernel's choice */
	uint16_t queue;                     /* that its last authentic datagram came by */
	struct hg_net_path path;            /* way back to the client */
	uint8_t random[SESSION_RANDOM_LEN]; /* of its ClientHello: tells a repeated one from a new
					       one */
	struct rte_timer timer;
	uint64_t opened;      /* TSC cycles */
	uint64_t last_active; /* TSC cycles */
	uint64_t
		queued; /* TSC cycles: when it went to the end of the list of quiet ones; 0: never */
};

TAILQ_HEAD(session_list, session);

/* Makes the table for max entries in DPDK's memory of a NUMA node, SOCKET_ID_ANY for any. NULL: there is none. */
struct rte_hash *session_table_create(uint32_t max, struct rte_rcu_qsbr *qsbr, int node);

/* The entry of a key, or NULL. For its owner core. */
struct session *session_find(const struct rte_hash *table, const struct session_key *key);

/*
 * Makes session the entry of its key, in place of an older one if there is one. To be called again
 * when its handshake is complete. Returns 0, or -ENOSPC for a key that had no entry.
 */
int session_publish(struct rte_hash *table, struct session *session);
void session_unpublish(struct rte_hash *table, struct session *session);
