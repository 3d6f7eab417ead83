/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/divert.h"

#include "worker/transmit.h"

void
divert_send(struct worker *worker, const struct worker_burst *burst)
{
	const struct rings_exception *rings = &worker->gateway->rings.exception[worker->index];
	struct stats_worker *stats = &worker->stats;
	struct rte_mbuf *const *mbuf = burst->other;
	unsigned int n = burst->n_others, sent;

	for (unsigned int i = 0; i < n; i++)
		note_of(mbuf[i])->queue = (uint16_t)burst->queue_index;
	sent = rte_ring_sp_enqueue_burst(rings->to, (void *const *)mbuf, n, NULL);
	stats_add(&stats->to_kernel, sent);
	stats_add(&stats->drop[HG_DROP_KERNEL_FULL], n - sent);
	for (; sent < n; sent++)
		rte_pktmbuf_free(mbuf[sent]);
}

/* Sends frames of the kernel that go by the same queue. */
static void
send_run(struct worker *worker, struct rte_mbuf **mbuf, unsigned int n)
{
	struct queue *queue = &worker->gateway->queue[note_of(mbuf[0])->queue];
	struct transmitted told = transmit(queue, mbuf, n, false);
	struct stats_worker *stats = &worker->stats;

	stats_add(&stats->from_kernel_tx, told.sent);
	if (likely(told.sent == n))
		return;
	stats_add(&stats->from_kernel_tx_full, told.full);
	stats_add(&stats->from_kernel_tx_refused, told.refused);
	stats_add(&stats->from_kernel_tx_too_long, told.too_long);
	stats_add(&stats->from_kernel_tx_down, told.down);
}

unsigned int
divert_receive(struct worker *worker)
{
	const struct rings_exception *rings = &worker->gateway->rings.exception[worker->index];
	struct rte_mbuf *mbuf[WORKER_BURST_MAX];
	unsigned int back, n;

	back = rte_ring_sc_dequeue_burst(rings->back, (void **)mbuf, WORKER_BURST_MAX, NULL);
	for (unsigned int i = 0; i < back; i++)
		rte_pktmbuf_free(mbuf[i]);
	n = rte_ring_sc_dequeue_burst(rings->from, (void **)mbuf, WORKER_BURST_MAX, NULL);
	stats_add(&worker->stats.from_kernel, n);
	for (unsigned int from = 0, to = 1; from < n; to++) {
		if (to < n && note_of(mbuf[to])->queue == note_of(mbuf[from])->queue)
			continue;
		send_run(worker, mbuf + from, to - from);
		from = to;
	}
	return back + n;
}
