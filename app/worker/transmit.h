/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames on their way to a device: the one place from which drivers get any. */
#pragma once

#include <rte_ethdev.h>

#include <string.h>

#include "gateway/gateway.h"
#include "gateway/stats.h"
#include "port/port.h"
#include "port/raw.h"

/* What has become of frames. */
struct transmitted {
	unsigned int sent;     /* the driver has them */
	unsigned int full;     /* lost: no room in the transmit queue */
	unsigned int refused;  /* lost: the driver or the device does not want them */
	unsigned int too_long; /* lost: longer than the port's MTU */
	unsigned int down;     /* lost: the port is not in service */
	uint64_t lost_bytes;
};

/* Is there more in a frame than headers of the link layer and what the MTU allows? */
static inline bool
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
static inline void
transmit_put_behind(struct rte_mbuf **mbuf, unsigned int i, unsigned int n)
{
	struct rte_mbuf *moved = mbuf[i];

	memmove(mbuf + i, mbuf + i + 1, (n - i - 1) * sizeof(*mbuf));
	mbuf[n - 1] = moved;
}

/* Moves what is too long for the port behind the others. Returns how many those are. */
static inline unsigned int
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
static inline unsigned int
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

/*
 * Sends n frames by a queue, and frees what cannot be sent. What does not fit is dropped, never waited for;
 * what is refused is lost alone. sums: the device is to fill in their checksums.
 */
static inline struct transmitted
transmit(struct queue *queue, struct rte_mbuf **mbuf, unsigned int n, bool sums)
{
	const struct port *port = queue->port;
	struct transmitted told = { 0 };
	unsigned int short_enough, good = 0, done = 0;

	if (unlikely(!port_serves(port))) {
		told.down = n;
	} else {
		good = short_enough = transmit_fit(port, mbuf, n);
		told.too_long = n - short_enough;
		if (sums)
			good = transmit_prepare(queue, mbuf, short_enough);
		if (port->raw != NULL)
			done = raw_send(port->raw, queue->number, mbuf, good, &told.refused,
				&told.lost_bytes);
		else
			done = rte_eth_tx_burst(port->id, queue->number, mbuf, (uint16_t)good);
		told.sent = done - told.refused;
		told.full = good - done;
		told.refused += short_enough - good;
		stats_add(&queue->sent, told.sent);
		if (unlikely(told.full != 0))
			stats_add(&queue->full, told.full);
	}
	for (; unlikely(done < n); done++) {
		told.lost_bytes += mbuf[done]->pkt_len;
		rte_pktmbuf_free(mbuf[done]);
	}
	return told;
}
