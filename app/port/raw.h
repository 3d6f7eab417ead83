/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sending by an interface of the kernel, over packet sockets of our own: one for each queue. For
 * net_af_packet, whose transmit ring begins again with a frame that the device has refused, for ever
 * (docs/decisions/0020-ports-that-stop.md). Here such a frame is lost alone.
 */
#pragma once

#include <rte_mbuf.h>

#include <stdbool.h>
#include <stdint.h>

struct raw;

/*
 * Sockets that send by the interface of that index and receive nothing; bypass: past its queueing
 * discipline. Takes CAP_NET_RAW. Returns 0 or a negative errno.
 */
int raw_open(struct raw **ret_raw, unsigned int index, unsigned int n_queues, bool bypass);
void raw_close(struct raw *raw);

/*
 * Sends up to n frames in order and frees them. Returns the number of those that are done with; the others found no
 * room, and are the caller's. *ret_refused of those that are done with, of so many bytes, were refused by
 * the interface, and lost.
 */
unsigned int raw_send(const struct raw *raw, uint16_t queue, struct rte_mbuf **mbuf, unsigned int n,
	unsigned int *ret_refused, uint64_t *ret_refused_bytes);
