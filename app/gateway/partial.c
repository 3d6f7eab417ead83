/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/partial.h"

#include <rte_ip.h>

#include <string.h>

#include "net/find.h"

/*
 * The sum of len bytes from an offset on, which is in the first buffer. rte_raw_cksum_mbuf() of DPDK 22.11 loses
 * carries where a buffer begins at an odd one of them.
 */
static uint16_t
sum_chain(const struct rte_mbuf *mbuf, uint32_t offset, uint32_t len)
{
	uint32_t sum = 0, done = 0;

	while (mbuf != NULL && done < len) {
		uint32_t n = RTE_MIN(mbuf->data_len - offset, len - done);
		uint16_t part =
			rte_raw_cksum(rte_pktmbuf_mtod_offset(mbuf, const void *, offset), n);

		sum += done % 2 == 0 ? part : rte_bswap16(part);
		done += n;
		offset = 0;
		mbuf = mbuf->next;
	}
	while (sum > UINT16_MAX)
		sum = (sum & UINT16_MAX) + (sum >> 16);
	return (uint16_t)sum;
}

bool
partial_fill(struct rte_mbuf *mbuf)
{
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	struct hg_net_partial partial;
	uint16_t sum;

	if (!hg_net_find_partial(frame, mbuf->data_len, mbuf->pkt_len, &partial))
		return false;
	/* The field has the sum of the pseudo header, so the sum of all is what is to be complemented. */
	sum = (uint16_t)~sum_chain(mbuf, (uint32_t)partial.l4, (uint32_t)partial.l4_len);
	if (sum == 0)
		sum = 0xffff; /* RFC 768: zero says that there is none; to TCP it is the same */
	memcpy(frame + partial.field, &sum, sizeof(sum));
	return true;
}
