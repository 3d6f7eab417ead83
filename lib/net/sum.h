/* SPDX-License-Identifier: BSD-3-Clause */
/* The Internet checksum (RFC 1071). Internal to lib/net. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "net/packet.h"

/* One's complement sum of len bytes in memory order, not yet folded, added to sum. */
uint64_t hg_net_sum_portable(const uint8_t *p, size_t len, uint64_t sum);

#ifdef __x86_64__
uint64_t hg_net_sum_avx512(const uint8_t *p, size_t len, uint64_t sum);

/* Of these, what this CPU is faster with; settled while the program is loaded. */
uint64_t hg_net_sum(const uint8_t *p, size_t len, uint64_t sum);
#else
#define hg_net_sum hg_net_sum_portable
#endif

/* The same for 8 bytes in a register, or 4. */
static inline uint64_t
hg_net_sum_word(uint64_t word)
{
	return (word & UINT32_MAX) + (word >> 32);
}

static inline uint64_t
hg_net_sum_load64(const uint8_t *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
	return hg_net_sum_word(word);
}

static inline uint64_t
hg_net_sum_load32(const uint8_t *p)
{
	uint32_t word;

	memcpy(&word, p, sizeof(word));
	return word;
}

/* An IPv4 header without options. */
static inline uint64_t
hg_net_sum_ipv4(const uint8_t *ip)
{
	return hg_net_sum_load64(ip) + hg_net_sum_load64(ip + 8) + hg_net_sum_load32(ip + 16);
}

/*
 * Folds to 16 bits and complements; the result is stored in memory order with memcpy(). A word and
 * the same with its halves exchanged add up to the folded sum, with its carry, in the upper half.
 */
static inline uint16_t
hg_net_sum_fold(uint64_t sum)
{
	uint32_t half = (uint32_t)((sum + (sum << 32 | sum >> 32)) >> 32);

	return (uint16_t) ~((half + (half << 16 | half >> 16)) >> 16);
}

/* Sum of the pseudo header (RFC 768, RFC 8200 8.1) of the addresses in the IP header at l3. */
static inline uint64_t
hg_net_sum_pseudo(const uint8_t *l3, uint8_t family, uint8_t next_header, uint16_t l4_len)
{
	uint64_t sum = __builtin_bswap16(l4_len) + ((uint64_t)next_header << 8);

	if (family == 4)
		return sum + hg_net_sum_load64(l3 + 12);
	return sum + hg_net_sum_load64(l3 + 8) + hg_net_sum_load64(l3 + 16) +
	       hg_net_sum_load64(l3 + 24) + hg_net_sum_load64(l3 + 32);
}

/*
 * Is a checksum field what the sum of a pseudo header comes to before it is complemented? That is never
 * 0, which would say that there is no checksum: the length at least is not.
 */
static inline bool
hg_net_sum_is_partial(const uint8_t *field, uint64_t pseudo)
{
	uint16_t sum = (uint16_t)~hg_net_sum_fold(pseudo);

	return memcmp(field, &sum, sizeof(sum)) == 0;
}

/* Writes the IPv4 header checksum and the UDP checksum of a packet whose other bytes are final. */
void hg_net_sum_write(uint8_t *l3, uint8_t *udp, uint8_t family, uint16_t l4_len);

/*
 * The same for a device that fills in both (RTE_MBUF_F_TX_IP_CKSUM, RTE_MBUF_F_TX_UDP_CKSUM): zero
 * and the pseudo header's sum.
 */
void hg_net_sum_prepare(uint8_t *l3, uint8_t *udp, uint8_t family, uint16_t l4_len);
