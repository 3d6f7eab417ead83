/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames whose checksums the device fills in, on their way to it. */
#pragma once

#include <rte_ethdev.h>

#include <string.h>

#include "gateway.h"
#include "port.h"

/*
 * Gives the driver of a port with device_sums its look at n frames before they are sent: some write into
 * them what their device begins with, and some know what it cannot do. What they refuse is moved behind the
 * others, whose order stays; returns how many those are.
 */
static inline unsigned int
transmit_prepare(const struct queue *queue, struct rte_mbuf **mbuf, unsigned int n)
{
	unsigned int good = 0, end = n;

	for (;;) {
		struct rte_mbuf *refused;

		good += rte_eth_tx_prepare(
			queue->port->id, queue->number, mbuf + good, (uint16_t)(end - good));
		if (likely(good == end))
			return good;
		refused = mbuf[good];
		memmove(mbuf + good, mbuf + good + 1, (n - good - 1) * sizeof(*mbuf));
		mbuf[n - 1] = refused;
		end--;
	}
}
