/* SPDX-License-Identifier: BSD-3-Clause */
#include "neighbour.h"

#include <string.h>

#include "base/bytes.h"
#include "frame.h"
#include "net/answer.h"

/* Offsets in a frame: ARP for IPv4 over Ethernet, and ICMPv6 without extension headers. */
#define ARP_OPERATION 20u
#define ARP_SENDER_MAC 22u
#define ARP_SENDER 28u
#define ARP_TARGET 38u
#define ARP_LEN 42u
#define ICMP (FRAME_ETHER + FRAME_IPV6)
#define ICMP_TARGET (ICMP + 8u)
#define ICMP_OPTION (ICMP + 24u)
#define SOLICIT_LEN 32u /* with its option */
#define PROTOCOL_ICMPV6 58u

enum {
	ARP_REQUEST = 1,
	ARP_REPLY = 2,
	SOLICIT = 135,
	ADVERTISE = 136,
	OPTION_SOURCE = 1,
	OPTION_TARGET = 2,
};

static bool
is_ours(const struct neighbour *neighbour, const uint8_t *address)
{
	const struct source_range *range = &neighbour->range;
	size_t size = range->family == 4 ? 4 : 16;
	uint64_t number;

	return (neighbour->own.family == range->family &&
		       memcmp(neighbour->own.bytes, address, size) == 0) ||
	       source_find(range, address, __builtin_bswap16((uint16_t)range->first_port), &number);
}

size_t
neighbour_answer(const struct neighbour *neighbour, uint8_t *frame, size_t len, size_t room)
{
	bool four = neighbour->range.family == 4;
	size_t at = four ? ARP_TARGET : ICMP_TARGET, size = four ? 4 : 16;
	struct hg_net_packet packet;
	struct hg_net_host host;

	/* The host that the library answers for has just the address that is asked for. */
	if (len < at + size || !is_ours(neighbour, frame + at))
		return 0;
	memcpy(host.mac, neighbour->mac, sizeof(host.mac));
	host.n_ipv4 = four;
	host.n_ipv6 = !four;
	if (four) {
		memcpy(host.ipv4[0].address, frame + at, 4);
		memcpy(host.ipv4[0].broadcast, frame + at, 4);
		memcpy(host.ipv4[0].network, frame + at, 4);
	} else {
		memcpy(host.ipv6[0], frame + at, 16);
	}
	if (hg_net_parse(frame, len, &host, 0, &packet) != HG_PASS)
		return 0;
	if (packet.protocol == HG_NET_ARP)
		return hg_net_answer_arp(&packet, &host);
	if (packet.protocol == HG_NET_ICMPV6)
		return hg_net_answer_neighbour(&packet, &host, room);
	return 0;
}

static size_t
request_arp(uint8_t *frame, const uint8_t *mac, const uint8_t *own, const struct address *target)
{
	static const uint8_t head[] = { 8, 6, 0, 1, 8, 0, 6, 4, 0, ARP_REQUEST };

	memset(frame, 0, ARP_LEN);
	memset(frame, 0xff, 6);
	memcpy(frame + 6, mac, 6);
	memcpy(frame + 12, head, sizeof(head));
	memcpy(frame + ARP_SENDER_MAC, mac, 6);
	memcpy(frame + ARP_SENDER, own, 4);
	memcpy(frame + ARP_TARGET, target->bytes, 4);
	return ARP_LEN;
}

static size_t
request_nd(uint8_t *frame, const uint8_t *mac, const uint8_t *own, const struct address *target)
{
	uint8_t *ip = frame + FRAME_ETHER, *icmp = frame + ICMP;
	const uint8_t *low = target->bytes + 13;
	const uint8_t group[16] = { 0xff, 2, [11] = 1, [12] = 0xff, low[0], low[1], low[2] };
	const uint8_t pseudo[4] = { 0, SOLICIT_LEN, 0, PROTOCOL_ICMPV6 };
	uint16_t sum;

	memset(frame, 0, ICMP + SOLICIT_LEN);
	hg_store_be16(frame, 0x3333);
	memcpy(frame + 2, group + 12, 4);
	memcpy(frame + 6, mac, 6);
	hg_store_be16(frame + 12, 0x86dd);
	ip[0] = 0x60;
	ip[5] = SOLICIT_LEN;
	ip[6] = PROTOCOL_ICMPV6;
	ip[7] = 255;
	memcpy(ip + 8, own, 16);
	memcpy(ip + 24, group, 16);
	icmp[0] = SOLICIT;
	memcpy(frame + ICMP_TARGET, target->bytes, 16);
	frame[ICMP_OPTION] = OPTION_SOURCE;
	frame[ICMP_OPTION + 1] = 1;
	memcpy(frame + ICMP_OPTION + 2, mac, 6);
	sum = (uint16_t)~frame_sum(ip + 8, 32 + SOLICIT_LEN, frame_sum(pseudo, 4, 0));
	memcpy(icmp + 2, &sum, sizeof(sum));
	return ICMP + SOLICIT_LEN;
}

size_t
neighbour_request(const struct neighbour *neighbour, const struct address *target,
	uint8_t ret_frame[NEIGHBOUR_FRAME_MAX])
{
	const uint8_t *own =
		neighbour->own.family != 0 ? neighbour->own.bytes : neighbour->range.bytes;

	return target->family == 4 ? request_arp(ret_frame, neighbour->mac, own, target)
				   : request_nd(ret_frame, neighbour->mac, own, target);
}

bool
neighbour_learn(const uint8_t *frame, size_t len, const struct address *target, uint8_t ret_mac[6])
{
	uint16_t type;

	if (len < ARP_LEN)
		return false;
	type = hg_load_be16(frame + 12);
	if (target->family == 4) {
		if (type != 0x0806 || hg_load_be16(frame + ARP_OPERATION) != ARP_REPLY ||
			memcmp(frame + ARP_SENDER, target->bytes, 4) != 0)
			return false;
		memcpy(ret_mac, frame + ARP_SENDER_MAC, 6);
		return true;
	}
	if (len < ICMP_OPTION || type != 0x86dd || frame[FRAME_ETHER + 6] != PROTOCOL_ICMPV6 ||
		frame[FRAME_ETHER + 7] != 255 || frame[ICMP] != ADVERTISE ||
		memcmp(frame + ICMP_TARGET, target->bytes, 16) != 0)
		return false;
	if (len >= ICMP_OPTION + 8 && frame[ICMP_OPTION] == OPTION_TARGET &&
		frame[ICMP_OPTION + 1] == 1)
		memcpy(ret_mac, frame + ICMP_OPTION + 2, 6);
	else /* RFC 4861 4.4: the answer to a multicast request has the option; others may not */
		memcpy(ret_mac, frame + 6, 6);
	return true;
}
