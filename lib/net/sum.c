/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/sum.h"

#include <string.h>

#include "base/bytes.h"

#define IPPROTO_UDP_BYTE 17

uint64_t
hg_net_sum(const uint8_t *p, size_t len, uint64_t sum)
{
	uint32_t word;
	uint16_t half;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		sum += word;
	}
	if (len >= sizeof(half)) {
		memcpy(&half, p, sizeof(half));
		sum += half;
		p += sizeof(half);
		len -= sizeof(half);
	}
	if (len != 0)
		sum += *p; /* the odd byte, followed by a zero byte */
	return sum;
}

uint64_t
hg_net_sum_pseudo(const uint8_t *l3, uint8_t family, uint8_t next_header, uint16_t l4_len)
{
	uint64_t sum = __builtin_bswap16(l4_len) + ((uint64_t)next_header << 8);

	return family == 4 ? hg_net_sum(l3 + 12, 8, sum) : hg_net_sum(l3 + 8, 32, sum);
}

static void
store_sum(uint8_t *p, uint16_t sum)
{
	memcpy(p, &sum, sizeof(sum));
}

void
hg_net_sum_write(uint8_t *l3, uint8_t *udp, uint8_t family, uint16_t l4_len)
{
	uint16_t sum;

	if (family == 4) {
		store_sum(l3 + 10, 0);
		store_sum(l3 + 10, hg_net_sum_fold(hg_net_sum(l3, HG_NET_IPV4_LEN, 0)));
	}
	store_sum(udp + 6, 0);
	sum = hg_net_sum_fold(
		hg_net_sum(udp, l4_len, hg_net_sum_pseudo(l3, family, IPPROTO_UDP_BYTE, l4_len)));
	store_sum(udp + 6, sum == 0 ? 0xffff : sum); /* RFC 768: zero says that there is none */
}

void
hg_net_sum_prepare(uint8_t *l3, uint8_t *udp, uint8_t family, uint16_t l4_len)
{
	if (family == 4)
		store_sum(l3 + 10, 0);
	store_sum(udp + 6, (uint16_t)~hg_net_sum_fold(
				   hg_net_sum_pseudo(l3, family, IPPROTO_UDP_BYTE, l4_len)));
}
