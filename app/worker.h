/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fast path: one lcore that polls its queues, answers ClientHellos without a valid cookie, and
 * passes what belongs to sessions on. No log, no system call, no heap. Workers share nothing that
 * any of them writes.
 */
#pragma once

#include <rte_mbuf.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "classify.h"
#include "cookie/batch.h"
#include "gateway.h"
#include "hvr_cap.h"
#include "idle.h"
#include "recent.h"
#include "session.h"
#include "stats.h"

#define WORKER_BURST_MAX HG_COOKIE_BATCH_MAX

/* The packets of one burst that got past the first stage, in arrays by what is left to do. */
struct worker_burst {
	const struct queue *queue;
	const struct port *port;
	const struct generation *generation;
	const struct classify_table *table; /* the port's, of that generation */
	unsigned int queue_index;           /* place of queue in gateway->queue */
	uint64_t now;                       /* seconds since 1970 */
	uint64_t cycles;                    /* of the TSC; 0: not yet looked at */
	unsigned int n_hellos;
	unsigned int n_records;
	unsigned int n_answers;
	unsigned int n_others;
	uint64_t answer_bytes; /* of all answers */
	struct rte_mbuf *hello[WORKER_BURST_MAX];
	struct classified hello_info[WORKER_BURST_MAX];
	struct rte_mbuf *record[WORKER_BURST_MAX];
	struct session_key record_key[WORKER_BURST_MAX];
	struct rte_mbuf *answer[WORKER_BURST_MAX];
	struct rte_mbuf *other[WORKER_BURST_MAX]; /* for somebody else: divert.h */
};

struct worker {
	/* written by main before the start, read by the worker */
	struct gateway *gateway;
	unsigned int index;
	unsigned int n_queues;
	const struct queue **queue; /* its own */
	unsigned int *queue_index;  /* their places in gateway->queue */
	struct rte_mempool *pool;   /* receive buffers of its queues */

	/* the worker's own */
	_Alignas(64) struct idle idle;
	struct rte_mbuf **forward; /* [(core * RINGS_CLASSES + rank) * WORKER_BURST_MAX] */
	unsigned int *n_forward;   /* [core * RINGS_CLASSES + rank] */
	bool has_forwards;
	bool winding_down;
	struct recent recent;
	struct hvr_cap hvr_cap;
	struct worker_burst burst;
	struct hg_cookie_batch cookies;

	/* written by the worker, read by main */
	_Alignas(64) atomic_bool receiving;
	atomic_bool running; /* set by main before the start */
	struct stats_worker stats;
};

/* Body of the lcore, for rte_eal_remote_launch(); arg is the struct worker. Returns 0. */
int worker_run(void *arg);
