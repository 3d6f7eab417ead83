/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sessions of a core. A 4-tuple has one entry in the session table: the session that its datagrams belong
 * to, and while that one is established possibly a handshake beside it (RFC 6347 4.2.8).
 */
#pragma once

#include <rte_timer.h>

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "gateway/flows.h"
#include "gateway/used.h"
#include "net/path.h"

#define SESSION_RANDOM_LEN 32u

struct admission_ask;
struct client;
struct core;
struct hg_tls_session;
struct listener;
struct upstream;

/* Written and read by the owner core alone. */
struct session {
	struct flow_key key;
	struct core *core;
	struct listener *listener;
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
	int socket;                         /* to its upstream, or -1 */
	struct upstream *upstream;          /* that it is connected to */
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

/* The entry of a key, or NULL. */
struct session *session_find(const struct rte_hash *table, const struct flow_key *key);

/*
 * Makes session the entry of its key, in place of an older one if there is one. To be called again
 * when its handshake is complete. Returns 0, or -ENOSPC for a key that had no entry.
 */
int session_publish(struct rte_hash *table, struct session *session);
void session_unpublish(struct rte_hash *table, struct session *session);

/*
 * May a hello of the 4-tuple of head, which may be NULL, begin a handshake? Counts a refusal. *ret_idle is the
 * session that is to end for it, or NULL.
 */
bool session_admit(struct core *core, const struct session *head, struct admission_ask *ask,
	struct session **ret_idle);
