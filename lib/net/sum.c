/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/sum.h"

#include <string.h>

#include "base/bytes.h"

#define IPPROTO_UDP_BYTE 17

/* Two lanes of one register, in which sums of 32-bit words cannot overflow. */
typedef uint64_t lanes __attribute__((vector_size(16)));

static inline lanes
load_sum(const uint8_t *p)
{
	lanes pair;

	memcpy(&pair, p, sizeof(pair));
	return (pair & UINT32_MAX) + (pair >> 32);
}

uint64_t
hg_net_sum(const uint8_t *p, size_t len, uint64_t sum)
{
	lanes a = { 0 }, b = { 0 };
	uint16_t half;

	for (; len >= 32; p += 32, len -= 32) {
		a += load_sum(p);
		b += load_sum(p + 16);
	}
	if ((len & 16) != 0) {
		a += load_sum(p);
		p += 16;
	}
	a += b;
	sum += a[0] + a[1];
	if ((len & 8) != 0) {
		sum += hg_net_sum_load64(p);
		p += 8;
	}
	if ((len & 4) != 0) {
		sum += hg_net_sum_load32(p);
		p += 4;
	}
	if ((len & 2) != 0) {
		memcpy(&half, p, sizeof(half));
		sum += half;
		p += 2;
	}
	if ((len & 1) != 0)
		sum += *p; /* the odd byte, followed by a zero byte */
	return sum;
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
		store_sum(l3 + 10, hg_net_sum_fold(hg_net_sum_ipv4(l3)));
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
