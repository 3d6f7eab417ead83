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
#include "wire/hello.h"

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
	struct used_mark hello; /* that it was opened with */
	struct hg_tls_session *tls;
	struct session *beside; /* a handshake of the same 4-tuple that may replace it, or NULL */
	struct session *head;   /* the session that it is beside; NULL: it is in the table itself */
	TAILQ_ENTRY(session) all;
	TAILQ_ENTRY(session) due;   /* while its timer has run out and is not yet handled */
	TAILQ_ENTRY(session) quiet; /* once established */
	bool is_due;
	bool half_open;
	uint8_t reductions; /* hg_tls_session_reductions() as far as they have been counted */
	int socket;         /* to its upstream, or -1 */
	struct upstream *upstream; /* that it is connected to */
	uint16_t source_port;      /* of the socket; 0: the kernel's choice */
	uint16_t queue;            /* that its last authentic datagram came by */
	struct hg_net_path path;   /* way back to the client */
	/* of its ClientHello: tells a repeated one from a new one */
	uint8_t random[HG_HELLO_RANDOM_LEN];
	struct rte_timer timer;
	uint64_t opened;      /* TSC cycles */
	uint64_t last_active; /* TSC cycles */
	uint64_t queued;      /* likewise: when it went to the end of the quiet ones; 0: never */
};

TAILQ_HEAD(session_list, session);

/* One datagram of a client, as the worker has noted it. */
struct session_datagram {
	struct flow_key key;
	struct hg_net_packet packet;
	uint16_t listener; /* its place in the gateway's list */
	uint16_t queue;    /* that it came by */
};

/*
 * A verified hello that has begun no handshake yet; head is the session that its 4-tuple has in the table, or
 * NULL. If it is admitted, it opens a session, beside head if that is established, else in its place.
 * Otherwise it is counted why not.
 */
void session_open(struct core *core, struct session *head, const struct session_datagram *datagram,
	const struct hg_hello *hello, struct admission_ask *ask);

/* Any other datagram of the session. It may end the session, or the one that it is beside. */
void session_feed(struct session *session, const struct session_datagram *datagram);

/* Its timer has run out, or core_call() was called for it. May end it. */
void session_expire(struct session *session);

/* Sends close_notify, if the session is established, and ends it; reason is the counter of that. */
void session_close(struct session *session, _Atomic uint64_t *reason);
