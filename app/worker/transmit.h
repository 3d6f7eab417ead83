/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames on their way to a device: the one place from which drivers get any. */
#pragma once

#include <rte_mbuf.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/gateway.h"
#include "net/packet.h"

/* Counters of what becomes of frames of one kind. */
struct transmit_counters {
	_Atomic uint64_t *sent;     /* the driver has them */
	_Atomic uint64_t *full;     /* lost: no room in the transmit queue */
	_Atomic uint64_t *refused;  /* lost: the driver or the device does not want them */
	_Atomic uint64_t *too_long; /* lost: longer than the port's MTU */
	_Atomic uint64_t *down;     /* lost: the port is not in service */
};

/* Is there more in a frame than headers of the link layer and what the MTU allows? */
bool transmit_is_long(const struct rte_mbuf *mbuf, uint32_t mtu);

/* Moves what is too long for the port behind the others, whose order stays. Returns how many those are. */
unsigned int transmit_fit(const struct port *port, struct rte_mbuf **mbuf, unsigned int n);

/* Asks the device to fill in the checksums of a frame of UDP, with l2_len bytes before its IP header. */
static inline void
transmit_request_sums(struct rte_mbuf *mbuf, uint8_t family, size_t l2_len)
{
	mbuf->l2_len = (uint64_t)l2_len & 0x7f;
	mbuf->l3_len = family == 4 ? HG_NET_IPV4_LEN : HG_NET_IPV6_LEN;
	mbuf->ol_flags = RTE_MBUF_F_TX_UDP_CKSUM;
	mbuf->ol_flags |=
		family == 4 ? RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM : RTE_MBUF_F_TX_IPV6;
}

/*
 * Sends n frames by a queue, and frees what cannot be sent. What does not fit is dropped, never waited for;
 * what is refused is lost alone. sums: the device has been asked to fill in their checksums. Returns the
 * bytes that are lost.
 */
uint64_t transmit(struct queue *queue, struct rte_mbuf **mbuf, unsigned int n, bool sums,
	const struct transmit_counters *counters);

/*
 * The same of frames that go by the queues that their notes say, one call for those that follow each other to
 * the same. With sums, they are NOTE_OUT, without checksums at a port whose device fills those in.
 */
void transmit_runs(struct gateway *gateway, struct rte_mbuf **mbuf, unsigned int n, bool sums,
	const struct transmit_counters *counters);
