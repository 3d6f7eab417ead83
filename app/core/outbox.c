/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/outbox.h"

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include <string.h>

#include "port/port.h"

static void
flush_one(struct core *core, unsigned int worker, bool wait)
{
	struct rte_ring *ring = rings_out(&core->gateway->rings, worker, core->index);
	/* A worker that shares the CPU may need a while to be scheduled. */
	uint64_t deadline = rte_get_tsc_cycles() + rte_get_tsc_hz();
	struct core_out *out = &core->out[worker];
	unsigned int sent = 0;

	wait &= !out->is_stuck;
	do {
		sent += rte_ring_sp_enqueue_burst(
			ring, (void **)(out->mbuf + sent), out->n - sent, NULL);
		if (sent < out->n && wait)
			idle_rest(50);
	} while (wait && sent < out->n && rte_get_tsc_cycles() < deadline);
	out->is_stuck |= wait && sent < out->n;
	stats_add(&core->stats.out_packets, sent);
	stats_add(&core->stats.out_dropped, out->n - sent);
	for (; sent < out->n; sent++)
		rte_pktmbuf_free(out->mbuf[sent]);
	out->n = 0;
}

void
outbox_flush(struct core *core, bool wait)
{
	for (unsigned int worker = 0; worker < core->gateway->n_workers; worker++)
		if (core->out[worker].n != 0)
			flush_one(core, worker, wait);
}

size_t
outbox_room(const struct session *session)
{
	const struct port *port = session->core->gateway->queue[session->queue].port;
	size_t mtu = atomic_load_explicit(&port->mtu, memory_order_relaxed);
	/* The headers of the link layer are not part of what the MTU counts. */
	size_t headers = (size_t)session->path.header_len - session->path.l3_offset;

	return mtu > headers ? mtu - headers : 0;
}

bool
outbox_send(void *arg, const uint8_t *datagram, size_t len)
{
	struct session *session = arg;
	struct core *core = session->core;
	const struct queue *queue = &core->gateway->queue[session->queue];
	const struct hg_net_path *path = &session->path;
	struct core_out *out = &core->out[queue->worker];
	struct rte_mbuf *mbuf;
	struct note *note;
	uint8_t *frame;

	if (out->n == CORE_BURST)
		flush_one(core, queue->worker, core->draining);
	mbuf = len <= outbox_room(session) ? rte_pktmbuf_alloc(core->pool) : NULL;
	if (mbuf == NULL) {
		stats_add(&core->stats.out_dropped, 1);
		return false;
	}
	frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	memcpy(frame + path->header_len, datagram, len);
	mbuf->data_len =
		(uint16_t)hg_net_path_write(path, frame, (uint16_t)len, port_has_sums(queue->port));
	mbuf->pkt_len = mbuf->data_len;
	note = note_of(mbuf);
	*note = (struct note){
		.kind = NOTE_OUT,
		.family = path->family,
		.queue = session->queue,
		.l3 = path->l3_offset,
	};
	out->mbuf[out->n++] = mbuf;
	return true;
}
