/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/divert.h"

#include "worker/transmit.h"

void
divert_send(struct worker *worker, struct rte_mbuf **mbuf, unsigned int n)
{
	const struct rings_exception *rings = &worker->gateway->rings.exception[worker->index];
	struct stats_worker *stats = &worker->stats;
	unsigned int sent;

	for (unsigned int i = 0; i < n; i++)
		note_of(mbuf[i])->queue = (uint16_t)worker->burst.queue_index;
	sent = rte_ring_sp_enqueue_burst(rings->to, (void *const *)mbuf, n, NULL);
	stats_add(&stats->to_kernel, sent);
	stats_add(&stats->drop[HG_DROP_KERNEL_FULL], n - sent);
	for (; sent < n; sent++)
		rte_pktmbuf_free(mbuf[sent]);
}

unsigned int
divert_receive(struct worker *worker)
{
	const struct rings_exception *rings = &worker->gateway->rings.exception[worker->index];
	struct stats_worker *stats = &worker->stats;
	const struct transmit_counters counters = {
		.sent = &stats->from_kernel_tx,
		.full = &stats->from_kernel_tx_full,
		.refused = &stats->from_kernel_tx_refused,
		.too_long = &stats->from_kernel_tx_too_long,
		.down = &stats->from_kernel_tx_down,
	};
	struct rte_mbuf *mbuf[WORKER_BURST_MAX];
	unsigned int back, n;

	back = rte_ring_sc_dequeue_burst(rings->back, (void **)mbuf, WORKER_BURST_MAX, NULL);
	for (unsigned int i = 0; i < back; i++)
		rte_pktmbuf_free(mbuf[i]);
	n = rte_ring_sc_dequeue_burst(rings->from, (void **)mbuf, WORKER_BURST_MAX, NULL);
	stats_add(&stats->from_kernel, n);
	transmit_runs(worker->gateway, mbuf, n, false, &counters);
	return back + n;
}
