/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/answer.h"

#include <string.h>

#include "base/bytes.h"
#include "net/ether.h"
#include "net/sum.h"

#define TTL 64u

#define ICMP_ECHO_REPLY 0
#define ICMP_ECHO_REQUEST 8
#define ICMPV6_ECHO_REQUEST 128
#define ICMPV6_ECHO_REPLY 129
#define ICMPV6_NEIGHBOUR_SOLICIT 135
#define ICMPV6_NEIGHBOUR_ADVERT 136

#define NEIGHBOUR_LEN 24u  /* RFC 4861 4.3: without options */
#define LINK_OPTION_LEN 8u /* RFC 4861 4.6.1, for Ethernet */

static inline void
store32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

static inline void
store64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}

static void
swap(uint8_t *a, uint8_t *b, size_t n)
{
	uint8_t t[16];

	memcpy(t, a, n);
	memcpy(a, b, n);
	memcpy(b, t, n);
}

static void
turn_ipv4(uint8_t *ip, uint16_t total)
{
	swap(ip + 12, ip + 16, 4);
	ip[1] = 0;
	hg_store_be16(ip + 2, total);
	hg_store_be16(ip + 4, 0);
	hg_store_be16(ip + 6, 0x4000); /* DF */
	ip[8] = TTL;
}

static void
turn_ipv6(uint8_t *ip, uint16_t payload)
{
	swap(ip + 8, ip + 24, 16);
	hg_store_be32(ip, 0x60000000);
	hg_store_be16(ip + 4, payload);
	ip[7] = TTL;
}

/* Swaps the addresses of the Ethernet and IP headers; returns the frame's length. */
static size_t
turn(const struct hg_net_packet *packet, uint16_t l4_len)
{
	swap(packet->frame, packet->frame + 6, 6);
	if (packet->family == 4)
		turn_ipv4(packet->l3, (uint16_t)(HG_NET_IPV4_LEN + l4_len));
	else
		turn_ipv6(packet->l3, l4_len);
	return (size_t)(packet->l4 - packet->frame) + l4_len;
}

static void
store_sum(uint8_t *p, uint64_t sum)
{
	uint16_t folded = hg_net_sum_fold(sum);

	memcpy(p, &folded, sizeof(folded));
}

/* Swaps destination and source of an Ethernet header. */
static inline void
turn_ether(uint8_t *frame)
{
	uint64_t first;
	uint32_t last;

	memcpy(&first, frame, sizeof(first));
	memcpy(&last, frame + 8, sizeof(last));
	store64(frame, first >> 48 | (uint64_t)last << 16 | first << 48);
	store32(frame + 8, (uint32_t)(first >> 16));
}

/* Writes the IPv4 header of an answer; returns the sum of its addresses. */
static inline uint64_t
answer_ipv4(uint8_t *ip, uint16_t l4_len, bool device_sums)
{
	uint16_t total = __builtin_bswap16((uint16_t)(HG_NET_IPV4_LEN + l4_len)), sum = 0;
	uint64_t start = 0x45 | (uint64_t)total << 16 | (uint64_t)0x40 << 48; /* 0x40: DF */
	uint32_t middle = TTL | PROTO_UDP << 8;
	uint64_t addresses;

	memcpy(&addresses, ip + 12, sizeof(addresses));
	if (!device_sums)
		sum = hg_net_sum_fold(hg_net_sum_word(start) + middle + hg_net_sum_word(addresses));
	store64(ip, start);
	store32(ip + 8, middle | (uint32_t)sum << 16);
	store64(ip + 12, addresses >> 32 | addresses << 32);
	return hg_net_sum_word(addresses);
}

static inline uint64_t
answer_ipv6(uint8_t *ip, uint16_t l4_len)
{
	uint64_t address[4];

	memcpy(address, ip + 8, sizeof(address));
	store64(ip, 0x60 | (uint64_t)__builtin_bswap16(l4_len) << 32 | (uint64_t)PROTO_UDP << 48 |
			    (uint64_t)TTL << 56);
	memcpy(ip + 8, address + 2, 16);
	memcpy(ip + 24, address, 16);
	return hg_net_sum_word(address[0]) + hg_net_sum_word(address[1]) +
	       hg_net_sum_word(address[2]) + hg_net_sum_word(address[3]);
}

/*
 * All of this is on every answer's way. Sums are made of what is in registers: reading back what was
 * written a moment ago in pieces of another size would wait for the writes (store forwarding).
 */
size_t
hg_net_answer_udp(const struct hg_net_packet *packet, uint16_t payload_len, uint64_t payload_sum,
	bool device_sums)
{
	uint16_t l4_len = (uint16_t)(HG_NET_UDP_LEN + payload_len), sum;
	uint32_t length = __builtin_bswap16(l4_len), ports;
	uint64_t pseudo;

	turn_ether(packet->frame);
	pseudo = length + (PROTO_UDP << 8);
	pseudo += packet->family == 4 ? answer_ipv4(packet->l3, l4_len, device_sums)
				      : answer_ipv6(packet->l3, l4_len);
	memcpy(&ports, packet->l4, sizeof(ports));
	ports = ports >> 16 | ports << 16;
	if (device_sums)
		sum = (uint16_t)~hg_net_sum_fold(pseudo);
	else
		sum = hg_net_sum_fold(pseudo + ports + length + payload_sum);
	if (sum == 0)
		sum = 0xffff; /* RFC 768: zero says that there is none */
	store32(packet->l4, ports);
	store32(packet->l4 + 4, length | (uint32_t)sum << 16);
	return (size_t)(packet->l4 - packet->frame) + l4_len;
}

size_t
hg_net_answer_arp(const struct hg_net_packet *packet, const struct hg_net_host *host)
{
	static const uint8_t request[8] = { 0, 1, 8, 0, 6, 4, 0, 1 }; /* Ethernet, IPv4, request */
	uint8_t *arp = packet->l3, ours[4];
	bool is_ours = false;

	memcpy(ours, arp + 24, sizeof(ours));
	for (unsigned int i = 0; i < host->n_ipv4; i++)
		is_ours |= memcmp(ours, host->ipv4[i].address, sizeof(ours)) == 0;
	/*
	 * A sender that claims our address would make us teach ourselves; a group cannot own one.
	 */
	if (!is_ours || memcmp(arp, request, sizeof(request)) != 0 ||
		memcmp(arp + 14, ours, sizeof(ours)) == 0 || (arp[8] & 1) != 0)
		return 0;

	memcpy(packet->frame, packet->frame + 6, 6);
	memcpy(packet->frame + 6, host->mac, 6);
	arp[7] = 2;                    /* reply */
	memcpy(arp + 18, arp + 8, 10); /* target: the sender's hardware and protocol address */
	memcpy(arp + 8, host->mac, 6);
	memcpy(arp + 14, ours, sizeof(ours));
	return (size_t)(arp - packet->frame) + packet->l4_len;
}

size_t
hg_net_answer_echo(const struct hg_net_packet *packet)
{
	uint8_t request = packet->family == 4 ? ICMP_ECHO_REQUEST : ICMPV6_ECHO_REQUEST;
	uint8_t *icmp = packet->l4;
	uint64_t sum = 0;
	size_t len;

	/* RFC 4443 2.4(e): nothing is answered that was sent to or from a group, nor from ::. */
	if (icmp[0] != request || icmp[1] != 0 || (packet->frame[0] & 1) != 0)
		return 0;
	if (packet->family == 6 && (packet->l3[24] == 0xff || hg_load_be64(packet->l3 + 8) == 0))
		return 0;

	len = turn(packet, packet->l4_len);
	icmp[0] = packet->family == 4 ? ICMP_ECHO_REPLY : ICMPV6_ECHO_REPLY;
	if (packet->family == 4) {
		hg_store_be16(packet->l3 + 10, 0);
		store_sum(packet->l3 + 10, hg_net_sum_ipv4(packet->l3));
	} else {
		sum = hg_net_sum_pseudo(packet->l3, 6, PROTO_ICMPV6, packet->l4_len);
	}
	hg_store_be16(icmp + 2, 0);
	store_sum(icmp + 2, hg_net_sum(icmp, packet->l4_len, sum));
	return len;
}

/* RFC 4861 7.1.1: what makes a solicitation valid, beside the checksum. */
static bool
is_solicitation(const struct hg_net_packet *packet)
{
	static const uint8_t any[16];
	const uint8_t *icmp = packet->l4;
	bool from_any = memcmp(packet->l3 + 8, any, 16) == 0;

	if (packet->l4_len < NEIGHBOUR_LEN || icmp[0] != ICMPV6_NEIGHBOUR_SOLICIT || icmp[1] != 0 ||
		packet->l3[7] != 255 || icmp[8] == 0xff)
		return false;
	for (size_t at = NEIGHBOUR_LEN; at < packet->l4_len; at += icmp[at + 1] * 8u) {
		if (at + 2 > packet->l4_len || icmp[at + 1] == 0 ||
			at + icmp[at + 1] * 8u > packet->l4_len)
			return false;
		if (from_any && icmp[at] == 1) /* source link-layer address */
			return false;
	}
	/* Duplicate address detection asks the solicited-node group, never the address. */
	return !from_any || packet->l3[24] == 0xff;
}

size_t
hg_net_answer_neighbour(
	const struct hg_net_packet *packet, const struct hg_net_host *host, size_t room)
{
	static const uint8_t all_nodes[16] = { 0xff, 0x02, [15] = 1 };
	static const uint8_t all_nodes_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	static const uint8_t any[16];
	uint8_t *ip = packet->l3, *icmp = packet->l4, target[16];
	uint16_t len = NEIGHBOUR_LEN + LINK_OPTION_LEN;
	bool from_any, is_ours = false;

	if (!is_solicitation(packet) || (size_t)(icmp - packet->frame) + len > room)
		return 0;
	memcpy(target, icmp + 8, sizeof(target));
	for (unsigned int i = 0; i < host->n_ipv6; i++)
		is_ours |= memcmp(target, host->ipv6[i], sizeof(target)) == 0;
	if (!is_ours)
		return 0;

	from_any = memcmp(ip + 8, any, sizeof(any)) == 0;
	memcpy(packet->frame, from_any ? all_nodes_mac : packet->frame + 6, 6);
	memcpy(packet->frame + 6, host->mac, 6);
	memcpy(ip + 24, from_any ? all_nodes : ip + 8, 16);
	memcpy(ip + 8, target, sizeof(target));
	hg_store_be32(ip, 0x60000000);
	hg_store_be16(ip + 4, len);
	ip[7] = 255;

	icmp[0] = ICMPV6_NEIGHBOUR_ADVERT;
	hg_store_be16(icmp + 2, 0);
	hg_store_be32(icmp + 4, from_any ? 0x20000000 : 0x60000000); /* override, and solicited */
	icmp[NEIGHBOUR_LEN] = 2;                                     /* target link-layer address */
	icmp[NEIGHBOUR_LEN + 1] = 1;
	memcpy(icmp + NEIGHBOUR_LEN + 2, host->mac, 6);
	store_sum(icmp + 2, hg_net_sum(icmp, len, hg_net_sum_pseudo(ip, 6, PROTO_ICMPV6, len)));
	return (size_t)(icmp - packet->frame) + len;
}
