/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What threads share, and who writes it. Everything is set up by main before the lcores start; what changes after
 * that says so.
 */
#pragma once

#include <rte_rcu_qsbr.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "cookie/keys.h"
#include "gateway/rings.h"
#include "hmac/hmac.h"

struct admission;
struct exception;
struct generation;
struct listener;
struct main_private;
struct port;
struct rte_hash;
struct upstream;

#define GATEWAY_LISTENERS_MAX 1024u

enum stage {
	STAGE_RUN,
	STAGE_WIND_DOWN,      /* workers: no more hellos; sessions go on */
	STAGE_STOP_RECEIVING, /* workers: take nothing more from the ports */
	STAGE_DRAIN,          /* handshake cores: empty the rings, close every session, return */
	STAGE_STOP,           /* workers: send what the cores left, return */
};

/* One receive queue and the transmit queue of the same number; both belong to one worker. */
struct queue {
	/* written by main before the start */
	struct port *port;
	uint16_t number;
	uint16_t worker;
	struct queue *beyond; /* of a bridge: that of the same number of the other port */

	/* written by the worker, read by main: packets that the driver took, and that it had no room for */
	_Alignas(64) _Atomic uint64_t sent;
	_Atomic uint64_t full;
};

struct gateway {
	/* written by main before the lcores start, read by all; immutable then, but for what the pointers lead to */
	unsigned int n_workers;
	unsigned int n_cores;
	unsigned int n_ports;
	unsigned int n_queues;
	struct port *port;
	struct queue *queue;
	struct rings rings;
	struct rte_hash *sessions; /* struct flow_key to struct session: written by the cores */
	struct rte_rcu_qsbr *qsbr; /* readers: workers, cores, telemetry */
	struct hg_hmac_ladder hmac;
	struct worker **worker;       /* n_workers of them, each on its node */
	struct core **core;           /* n_cores of them, likewise */
	struct admission *admission;  /* n_cores of them */
	bool by_client;               /* a client's sessions are all on one core */
	uint32_t spread_seed;         /* which one */
	struct exception *exception;  /* NULL: no port has an exception path */
	struct main_private *private; /* main's */

	/* written by main alone; by others read under the lock */
	struct config *config; /* in effect */
	pthread_mutex_t config_lock;
	struct upstream *upstreams; /* of all listeners */

	/*
	 * GATEWAY_LISTENERS_MAX places: what a note says of a packet's listener is a number in this list. A place
	 * changes when nobody can have it.
	 */
	struct listener *listener;

	/* written by main, read by all */
	_Alignas(64) _Atomic(enum stage) stage;
	_Atomic uint64_t now; /* seconds since 1970 */
	_Atomic(const struct hg_cookie_keys *)
		keys; /* replaced as a whole, reclaimed after a grace period */
	_Atomic(const struct generation *) generation; /* likewise */
};
