/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A gateway with one worker and two handshake cores, of which only the worker runs, whenever it is told
 * to. Its two ports, those of lab.h, are rings in memory.
 */
#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <stdbool.h>
#include <stdint.h>

#include "core/core.h"
#include "gateway/admission.h"
#include "gateway/gateway.h"
#include "gateway/generation.h"
#include "lab.h"
#include "worker/loop.h"

#define BED_CORES 2u
#define BED_BURST 32u
#define BED_SESSIONS 4u     /* the first so many peers have a session at every port and family */
#define BED_ESTABLISHED 2u  /* and of these the first so many an established one */
#define BED_CLIENT_BURST 2u /* handshakes that a client may begin, if clients have limits */
#define BED_HVR_BURST 3u    /* HelloVerifyRequests to a network, if networks have */
#define BED_OTHER_LISTENER_PORT 5685u
#define BED_DENIED_PORT 1900u /* a source port that is denied, beside the usual ones */

struct bed {
	struct gateway gateway;
	struct worker *worker;
	struct rte_ring *rx[LAB_PORTS];
	struct rte_ring *tx[LAB_PORTS];
	struct client *clients[BED_CORES]; /* tables of clients, in use or not */
	struct generation generation;      /* the gateway's, with other limits */
};

/* Made once, for good. */
struct bed *bed_open(void);

/* The same two ports as a bridge, the first one of the clients, with guards for the addresses of lab_host[0]. */
struct bed *bed_open_bridge(void);

/* Forgets all 4-tuples that have shown a cookie: guard-fail = open, guard-unproved = drop. */
void bed_guard(struct bed *bed, bool open, bool strict);

/*
 * Forgets what cores and worker have learnt, and sets limits. No token comes back as long as the process
 * lives: what is refused does not depend on how fast it is.
 */
void bed_limit(struct bed *bed, bool of_clients, unsigned int half_open_max, bool of_networks);

/* Lets the worker take what is in the receive rings, and send what it has for it. */
void bed_run(struct bed *bed, const struct hg_cookie_keys *keys, uint64_t now);

/* Fills a ring up, so that it has room for no more than so many; returns how many it put in. */
unsigned int bed_block(struct rte_ring *ring, unsigned int room);

/* Takes those out again, which must be the first ones. */
void bed_unblock(struct rte_ring *ring, unsigned int n);

enum bed_session { BED_NO_SESSION, BED_HALF_OPEN_SESSION, BED_ESTABLISHED_SESSION };

/* Where the worker remembers that a hello of this 4-tuple has begun. */
uint32_t bed_recent_place(const uint8_t tuple[36], uint8_t family);

/* What there is of a session of this 4-tuple. */
enum bed_session bed_session(const uint8_t *tuple, uint8_t family);
