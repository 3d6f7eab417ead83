/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/transmit.h"

#include <rte_ethdev.h>

#include <string.h>

#include "gateway/rings.h"
#include "gateway/stats.h"
#include "port/port.h"
#include "port/raw.h"

bool
transmit_is_long(const struct rte_mbuf *mbuf, uint32_t mtu)
{
	const uint8_t *frame = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	uint32_t headers = RTE_ETHER_HDR_LEN;

	if (likely(mbuf->pkt_len <= headers + mtu))
		return false;
	while (headers < PORT_ETHER_MAX && mbuf->data_len >= headers) {
		uint16_t type = (uint16_t)(frame[headers - 2] << 8 | frame[headers - 1]);

		if (type != RTE_ETHER_TYPE_VLAN && type != RTE_ETHER_TYPE_QINQ)
			break;
		headers += RTE_VLAN_HLEN;
	}
	return mbuf->pkt_len > headers + mtu;
}

/* Moves a frame behind the other n - 1, whose order stays. */
static void
transmit_put_behind(struct rte_mbuf **mbuf, unsigned int i, unsigned int n)
{
	struct rte_mbuf *moved = mbuf[i];

	memmove(mbuf + i, mbuf + i + 1, (n - i - 1) * sizeof(*mbuf));
	mbuf[n - 1] = moved;
}

unsigned int
transmit_fit(const struct port *port, struct rte_mbuf **mbuf, unsigned int n)
{
	uint32_t mtu = atomic_load_explicit(&port->mtu, memory_order_relaxed);

	for (unsigned int i = 0; i < n;)
		if (unlikely(transmit_is_long(mbuf[i], mtu)))
			transmit_put_behind(mbuf, i, n--);
		else
			i++;
	return n;
}

/*
 * Gives the driver of a port with device_sums its look at n frames before they are sent: some write into
 * them what their device begins with, and some know what it cannot do. What they refuse is moved behind the
 * others, whose order stays; returns how many those are.
 */
static unsigned int
transmit_prepare(const struct queue *queue, struct rte_mbuf **mbuf, unsigned int n)
{
	unsigned int good = 0;

	for (;;) {
		good += rte_eth_tx_prepare(
			queue->port->id, queue->number, mbuf + good, (uint16_t)(n - good));
		if (likely(good == n))
			return good;
		transmit_put_behind(mbuf, good, n--);
	}
}

uint64_t
transmit(struct queue *queue, struct rte_mbuf **mbuf, unsigned int n, bool sums,
	const struct transmit_counters *counters)
{
	unsigned int short_enough, good = 0, done = 0, refused = 0;
	const struct port *port = queue->port;
	uint64_t lost_bytes = 0;

	if (unlikely(!port_serves(port))) {
		stats_add(counters->down, n);
	} else {
		good = short_enough = transmit_fit(port, mbuf, n);
		if (sums)
			good = transmit_prepare(queue, mbuf, short_enough);
		if (port->raw != NULL)
			done = raw_send(
				port->raw, queue->number, mbuf, good, &refused, &lost_bytes);
		else
			done = rte_eth_tx_burst(port->id, queue->number, mbuf, (uint16_t)good);
		stats_add(counters->sent, done - refused);
		stats_add(&queue->sent, done - refused);
		if (likely(done - refused == n))
			return 0;
		stats_add(counters->too_long, n - short_enough);
		stats_add(counters->refused, short_enough - good + refused);
		stats_add(counters->full, good - done);
		stats_add(&queue->full, good - done);
	}
	for (; done < n; done++) {
		lost_bytes += mbuf[done]->pkt_len;
		rte_pktmbuf_free(mbuf[done]);
	}
	return lost_bytes;
}

/* Frames that go by the same queue. */
static void
transmit_run(struct queue *queue, struct rte_mbuf **mbuf, unsigned int n, bool sums,
	const struct transmit_counters *counters)
{
	sums = sums && port_has_sums(queue->port);
	for (unsigned int i = 0; sums && i < n; i++)
		transmit_request_sums(mbuf[i], note_of(mbuf[i])->family, note_of(mbuf[i])->l3);
	transmit(queue, mbuf, n, sums, counters);
}

void
transmit_runs(struct gateway *gateway, struct rte_mbuf **mbuf, unsigned int n, bool sums,
	const struct transmit_counters *counters)
{
	for (unsigned int from = 0, to = 1; from < n; to++) {
		uint16_t queue = note_of(mbuf[from])->queue;

		if (to < n && note_of(mbuf[to])->queue == queue)
			continue;
		transmit_run(&gateway->queue[queue], mbuf + from, to - from, sums, counters);
		from = to;
	}
}
