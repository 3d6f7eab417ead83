/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A worker: what one lcore has that polls queues of the ports. The packet path is this folder: no log, no
 * system call, no heap. Workers share nothing that any of them writes.
 */
#pragma once

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "cookie/batch.h"
#include "gateway/flows.h"
#include "gateway/gateway.h"
#include "gateway/idle.h"
#include "gateway/marks.h"
#include "gateway/stats.h"
#include "worker/classify.h"
#include "worker/hvr_cap.h"
#include "worker/recent.h"

#define WORKER_BURST_MAX HG_COOKIE_BATCH_MAX

/* Frames that are received at once, so that they are looked at soon after the driver has written them. */
#define WORKER_PIECE_MAX 16u
#define WORKER_PREFETCH 4u /* frames ahead */

/* One burst of a queue: where it is from, and its hellos and answers (hellos.h). */
struct worker_burst {
	struct queue *queue;
	const struct port *port;
	const struct generation *generation;
	const struct port_table *table; /* the port's, of that generation */
	unsigned int queue_index;       /* place of queue in gateway->queue */
	uint64_t now;                   /* seconds since 1970 */
	uint64_t cycles;                /* of the TSC; 0: not yet looked at */
	unsigned int n_hellos;
	unsigned int n_verified;
	unsigned int n_answers;
	uint64_t answer_bytes; /* of all answers */
	struct rte_mbuf *hello[WORKER_BURST_MAX];
	struct classified hello_info[WORKER_BURST_MAX];
	uint8_t verified[WORKER_BURST_MAX]; /* places in hello */
	struct rte_mbuf *answer[WORKER_BURST_MAX];
};

/* Whether a worker is to stand still between two rounds, and does. */
enum worker_halt {
	WORKER_HALT_NONE,
	WORKER_HALT_ASKED, /* by main */
	WORKER_HALT_DONE,  /* by the worker, until main lets it go on */
};

struct worker {
	/* written by main before the start, read by the worker */
	struct gateway *gateway;
	unsigned int index;
	unsigned int n_queues;
	struct queue **queue;      /* its own */
	unsigned int *queue_index; /* their places in gateway->queue */
	struct rte_mempool *pool;  /* receive buffers of its queues */

	/* the worker's own */
	_Alignas(64) struct idle idle;
	struct rte_mbuf **forward; /* [(core * RINGS_CLASSES + class) * WORKER_BURST_MAX] */
	unsigned int *n_forward;   /* [core * RINGS_CLASSES + class] */
	bool has_forwards;
	bool winding_down;
	struct recent recent;
	struct hvr_cap hvr_cap;
	struct marks proved; /* of use if there is a bridge */
	struct worker_burst burst;
	struct hg_cookie_batch *cookies;

	/* written by the worker, read by main */
	_Alignas(64) atomic_bool receiving;
	atomic_bool running;        /* set by main before the start */
	_Atomic uint64_t heartbeat; /* rounds of its loop */
	_Atomic(enum worker_halt) halt;
	struct stats_worker stats;
};

/* Between two rounds, until main lets it go on. */
static inline void
worker_stand_still(struct worker *worker)
{
	atomic_store_explicit(&worker->halt, WORKER_HALT_DONE, memory_order_release);
	while (atomic_load_explicit(&worker->halt, memory_order_acquire) == WORKER_HALT_DONE)
		rte_pause();
}

static inline void
worker_drop(struct worker *worker, struct rte_mbuf *mbuf, enum hg_verdict verdict)
{
	stats_add(&worker->stats.drop[verdict], 1);
	rte_pktmbuf_free(mbuf);
}

/* The time of a burst in TSC cycles, for those that need one so fine. */
static inline uint64_t
worker_clock(struct worker_burst *burst)
{
	if (burst->cycles == 0)
		burst->cycles = rte_rdtsc();
	return burst->cycles;
}

/* Before the frames of a piece are looked at in order. */
static inline void
worker_prefetch_first(struct rte_mbuf *const *mbuf, unsigned int n)
{
	for (unsigned int i = 0; i < WORKER_PREFETCH && i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbuf[i], void *));
}

/* Before each of them. */
static inline void
worker_prefetch_next(struct rte_mbuf *const *mbuf, unsigned int i, unsigned int n)
{
	if (i + WORKER_PREFETCH < n)
		rte_prefetch0(rte_pktmbuf_mtod(mbuf[i + WORKER_PREFETCH], void *));
}
