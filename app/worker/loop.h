/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The fast path: one lcore that polls its queues, answers ClientHellos without a valid cookie, and
 * passes what belongs to sessions on. No log, no system call, no heap. Workers share nothing that
 * any of them writes.
 */
#pragma once

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "cookie/batch.h"
#include "core/session.h"
#include "gateway/gateway.h"
#include "gateway/idle.h"
#include "gateway/marks.h"
#include "gateway/stats.h"
#include "worker/classify.h"
#include "worker/hvr_cap.h"
#include "worker/recent.h"

#define WORKER_BURST_MAX HG_COOKIE_BATCH_MAX

/* The packets of one burst that got past the first stage, in arrays by what is left to do. */
struct worker_burst {
	struct queue *queue;
	const struct port *port;
	const struct generation *generation;
	const struct port_table *table; /* the port's, of that generation */
	unsigned int queue_index;       /* place of queue in gateway->queue */
	uint64_t now;                   /* seconds since 1970 */
	uint64_t cycles;                /* of the TSC; 0: not yet looked at */
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

	/* at a port of a bridge: frames in the order of arrival; NULL is not to go on, or not yet */
	unsigned int n_pass;
	struct rte_mbuf *pass[WORKER_BURST_MAX];
	uint8_t hello_place[WORKER_BURST_MAX]; /* in pass */
	uint8_t record_place[WORKER_BURST_MAX];
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
	struct rte_mbuf **forward; /* [(core * RINGS_CLASSES + rank) * WORKER_BURST_MAX] */
	unsigned int *n_forward;   /* [core * RINGS_CLASSES + rank] */
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

/*
 * Adds the hello that hello_info[n_hellos] describes to the burst, with all that its cookie is bound to.
 * If that is not all there, as is possible for its parameters alone, drops it and returns false.
 */
static inline bool
worker_take_hello(struct worker *worker, struct worker_burst *burst, struct rte_mbuf *mbuf)
{
	const struct classified *info = &burst->hello_info[burst->n_hellos];
	const struct hg_hello *hello = &info->hello;
	struct hg_cookie_hello ask = {
		.tuple = hg_net_tuple(&info->packet),
		.client = hello->client,
		.offer = hello->offer,
		.cookie = hello->cookie,
		.client_len = hello->client_len,
		.offer_len = hello->offer_len,
		.cookie_len = hello->cookie_len,
		.family = info->packet.family,
	};

	if (unlikely((hello->offer_len == 0 &&
			     worker->cookies->keys->binding == HG_COOKIE_BIND_PARAMETERS) ||
		     hg_cookie_batch_add(worker->cookies, &ask) < 0)) {
		worker_drop(worker, mbuf, HG_DROP_HELLO_UNBOUND);
		return false;
	}
	burst->hello[burst->n_hellos++] = mbuf;
	return true;
}

/* Second stage for hellos: every cookie of the burst at once, then each hello by its verdict. */
void worker_settle_hellos(struct worker *worker, struct worker_burst *burst);

/* Last stage: the answers of a burst, to the driver. */
void worker_send_answers(struct worker *worker, struct worker_burst *burst);

/* Body of the lcore, for rte_eal_remote_launch(); arg is the struct worker. Returns 0. */
int worker_run(void *arg);
