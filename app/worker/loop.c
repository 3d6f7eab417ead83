/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/loop.h"

#include "gateway/generation.h"
#include "port/port.h"
#include "worker/bridge.h"
#include "worker/divert.h"
#include "worker/terminate.h"
#include "worker/transmit.h"

/* One burst of one queue, from the driver to where it goes. Returns the number of packets. */
static unsigned int
poll_queue(struct worker *worker, unsigned int q, const struct generation *generation,
	const struct hg_cookie_keys *keys, uint64_t now)
{
	struct queue *queue = worker->queue[q];
	unsigned int most = queue->port->config->profile.burst;
	struct worker_burst *burst = &worker->burst;

	if (unlikely(!port_serves(queue->port)))
		return 0;
	burst->queue = queue;
	burst->port = queue->port;
	burst->generation = generation;
	burst->table = &generation->table[queue->port->number];
	burst->queue_index = worker->queue_index[q];
	burst->now = now;
	burst->cycles = 0;
	burst->n_hellos = 0;
	burst->n_answers = 0;
	burst->answer_bytes = 0;
	hg_cookie_batch_begin(worker->cookies, keys, now);
	return burst->port->peer != NULL ? bridge_burst(worker, most)
					 : terminate_burst(worker, most);
}

/* Takes what the handshake cores have for clients. Returns the number of packets. */
static unsigned int
send_sessions(struct worker *worker)
{
	struct gateway *gateway = worker->gateway;
	struct stats_worker *stats = &worker->stats;
	const struct transmit_counters counters = {
		.sent = &stats->session_tx,
		.full = &stats->session_tx_full,
		.refused = &stats->session_tx_refused,
		.too_long = &stats->session_tx_too_long,
		.down = &stats->session_tx_down,
	};
	struct rte_mbuf *mbuf[WORKER_BURST_MAX];
	unsigned int total = 0;

	for (unsigned int core = 0; core < gateway->n_cores; core++) {
		unsigned int n =
			rte_ring_sc_dequeue_burst(rings_out(&gateway->rings, worker->index, core),
				(void **)mbuf, WORKER_BURST_MAX, NULL);

		stats_add(&stats->session_rx, n);
		total += n;
		transmit_runs(gateway, mbuf, n, true, &counters);
	}
	return total;
}

int
worker_run(void *arg)
{
	struct worker *worker = arg;
	struct gateway *gateway = worker->gateway;
	enum stage stage;

	idle_begin();
	rte_rcu_qsbr_thread_online(gateway->qsbr, worker->index);
	idle_resume(&worker->idle);
	do {
		const struct generation *generation;
		const struct hg_cookie_keys *keys;
		unsigned int n = 0;
		uint32_t rest;
		uint64_t now;

		if (unlikely(atomic_load_explicit(&worker->halt, memory_order_relaxed) ==
			     WORKER_HALT_ASKED))
			worker_stand_still(worker);
		stage = atomic_load_explicit(&gateway->stage, memory_order_acquire);
		if (stage <= STAGE_WIND_DOWN) {
			worker->winding_down = stage == STAGE_WIND_DOWN;
			generation =
				atomic_load_explicit(&gateway->generation, memory_order_acquire);
			keys = atomic_load_explicit(&gateway->keys, memory_order_acquire);
			now = atomic_load_explicit(&gateway->now, memory_order_relaxed);
			for (unsigned int q = 0; q < worker->n_queues; q++)
				n += poll_queue(worker, q, generation, keys, now);
		} else {
			atomic_store_explicit(&worker->receiving, false, memory_order_release);
		}
		n += send_sessions(worker);
		if (gateway->rings.exception != NULL)
			n += divert_receive(worker);
		rte_rcu_qsbr_quiescent(gateway->qsbr, worker->index);
		stats_add(&worker->heartbeat, 1);
		stats_add(&worker->stats.busy, idle_account(&worker->idle, n != 0));
		rest = idle_step(&worker->idle, n != 0);
		if (rest != 0)
			idle_rest(rest);
		if (n == 0)
			idle_resume(&worker->idle);
		/*
		 * The cores are done when the stage is STAGE_STOP, so an empty round is the last.
		 */
		if (stage == STAGE_STOP && n == 0)
			break;
	} while (true);
	rte_rcu_qsbr_thread_offline(gateway->qsbr, worker->index);
	atomic_store_explicit(&worker->running, false, memory_order_release);
	return 0;
}
