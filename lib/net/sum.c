/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/sum.h"

#include <string.h>

#include "base/bytes.h"
#include "net/ether.h"

/* Two words of eight bytes side by side in one register. */
typedef uint64_t lanes __attribute__((vector_size(16)));

/*
 * Sums of 64-bit words modulo 2^64, and of their upper halves: those of the lower halves follow, as
 * they cannot overflow. One operation less for each register than to part the halves.
 */
struct sums {
	lanes words, upper;
};

static inline void
add(struct sums *sums, const uint8_t *p)
{
	lanes pair;

	memcpy(&pair, p, sizeof(pair));
	sums->words += pair;
	sums->upper += pair >> 32;
}

uint64_t
hg_net_sum_portable(const uint8_t *p, size_t len, uint64_t sum)
{
	struct sums a = { 0 }, b = { 0 };
	uint16_t half;

	for (; len >= 32; p += 32, len -= 32) {
		add(&a, p);
		add(&b, p + 16);
	}
	if ((len & 16) != 0) {
		add(&a, p);
		p += 16;
	}
	a.words += b.words;
	a.upper += b.upper;
	a.words -= (a.upper << 32) - a.upper; /* lower halves and upper ones */
	sum += a.words[0] + a.words[1];
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
		hg_net_sum(udp, l4_len, hg_net_sum_pseudo(l3, family, PROTO_UDP, l4_len)));
	store_sum(udp + 6, sum == 0 ? 0xffff : sum); /* RFC 768: zero says that there is none */
}

void
hg_net_sum_prepare(uint8_t *l3, uint8_t *udp, uint8_t family, uint16_t l4_len)
{
	if (family == 4)
		store_sum(l3 + 10, 0);
	store_sum(udp + 6,
		(uint16_t)~hg_net_sum_fold(hg_net_sum_pseudo(l3, family, PROTO_UDP, l4_len)));
}
