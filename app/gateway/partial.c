/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/partial.h"

#include <rte_ip.h>

#include <string.h>

#include "net/find.h"

bool
partial_fill(struct rte_mbuf *mbuf)
{
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	struct hg_net_partial partial;
	uint16_t sum;

	if (!hg_net_find_partial(frame, mbuf->data_len, mbuf->pkt_len, &partial))
		return false;
	/* The field has the sum of the pseudo header, so the sum of all is what is to be complemented. */
	if (rte_raw_cksum_mbuf(mbuf, (uint32_t)partial.l4, (uint32_t)partial.l4_len, &sum) != 0)
		return false;
	sum = (uint16_t)~sum;
	if (sum == 0)
		sum = 0xffff; /* RFC 768: zero says that there is none; to TCP it is the same */
	memcpy(frame + partial.field, &sum, sizeof(sum));
	return true;
}
