/* SPDX-License-Identifier: BSD-3-Clause */
#include "model.h"

#include <string.h>

static void
put16(uint8_t *p, size_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

void
model_seal(uint8_t *frame, const struct model_packet *packet)
{
	uint8_t *ip = frame + packet->l3, *l4 = frame + packet->l4;
	size_t at = packet->protocol == HG_NET_UDP ? 6 : 2;
	unsigned int next_header = packet->protocol == HG_NET_UDP ? 17 : 58;
	uint16_t pseudo = 0, sum;

	if (packet->family == 4) {
		put16(ip + 10, 0);
		put16(ip + 10, model_sum(ip, 20, 0) ^ 0xffffu);
	}
	if (packet->protocol != HG_NET_ICMP)
		pseudo = model_pseudo_sum(ip, packet->family, next_header, packet->l4_len);
	put16(l4 + at, 0);
	sum = model_sum(l4, packet->l4_len, pseudo) ^ 0xffff;
	if (packet->protocol == HG_NET_UDP && sum == 0)
		sum = 0xffff; /* RFC 768 */
	put16(l4 + at, sum);
}

/* Headers of an answer with l4_len bytes behind the IP header; what is there is left. */
static void
turn(uint8_t *ret, const uint8_t *frame, const struct model_packet *packet, size_t l4_len)
{
	uint8_t *ip = ret + packet->l3;
	const uint8_t *asked = frame + packet->l3;

	memcpy(ret, frame, packet->l3);
	memcpy(ret, frame + 6, 6);
	memcpy(ret + 6, frame, 6);
	memset(ip, 0, packet->l4 - packet->l3);
	if (packet->family == 4) {
		ip[0] = 0x45;
		put16(ip + 2, 20 + l4_len);
		ip[6] = 0x40; /* DF */
		ip[8] = 64;
		ip[9] = asked[9];
		memcpy(ip + 12, asked + 16, 4);
		memcpy(ip + 16, asked + 12, 4);
	} else {
		ip[0] = 0x60;
		put16(ip + 4, l4_len);
		ip[6] = asked[6];
		ip[7] = 64;
		memcpy(ip + 8, asked + 24, 16);
		memcpy(ip + 24, asked + 8, 16);
	}
}

size_t
model_answer_udp(uint8_t *ret, const uint8_t *frame, const struct model_packet *packet,
	const uint8_t *payload, size_t payload_len)
{
	struct model_packet answer = *packet;
	uint8_t *udp = ret + packet->l4;

	answer.l4_len = 8 + payload_len;
	turn(ret, frame, packet, answer.l4_len);
	memcpy(udp, frame + packet->l4 + 2, 2);
	memcpy(udp + 2, frame + packet->l4, 2);
	put16(udp + 4, answer.l4_len);
	if (payload_len != 0)
		memcpy(udp + 8, payload, payload_len);
	model_seal(ret, &answer);
	return answer.l4 + answer.l4_len;
}

size_t
model_answer_echo(uint8_t *ret, const uint8_t *frame, const struct model_packet *packet)
{
	static const uint8_t unspecified[16];
	const uint8_t *icmp = frame + packet->l4;
	bool six = packet->family == 6;

	if (icmp[0] != (six ? 128 : 8) || icmp[1] != 0 || frame[0] % 2 == 1)
		return 0;
	/*
	 * RFC 4443 2.4(e): not from ::. Nor from what differs from it in its lower half alone: that
	 * is IPv4-compatible (deprecated, RFC 4291 2.5.5.1), and nobody's.
	 */
	if (six && memcmp(frame + packet->l3 + 8, unspecified, 8) == 0)
		return 0;
	turn(ret, frame, packet, packet->l4_len);
	memcpy(ret + packet->l4, icmp, packet->l4_len);
	ret[packet->l4] = six ? 129 : 0;
	model_seal(ret, packet);
	return packet->l4 + packet->l4_len;
}

size_t
model_answer_arp(uint8_t *ret, const uint8_t *frame, const struct model_packet *packet,
	const struct hg_net_host *host)
{
	static const uint8_t request[] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	static const uint8_t reply[] = { 0, 1, 8, 0, 6, 4, 0, 2 };
	const uint8_t *arp = frame + packet->l3;
	const uint8_t *sender_mac = arp + 8, *sender = arp + 14, *target = arp + 24;
	uint8_t *to = ret + packet->l3;
	bool ours = false;

	for (unsigned int i = 0; i < host->n_ipv4; i++)
		ours |= memcmp(host->ipv4[i].address, target, 4) == 0;
	if (memcmp(arp, request, 8) != 0 || !ours || sender_mac[0] % 2 == 1 ||
		memcmp(sender, target, 4) == 0)
		return 0;
	memcpy(ret, frame, packet->l3);
	memcpy(ret, frame + 6, 6);
	memcpy(ret + 6, host->mac, 6);
	memcpy(to, reply, 8);
	memcpy(to + 8, host->mac, 6);
	memcpy(to + 14, target, 4);
	memcpy(to + 18, sender_mac, 6);
	memcpy(to + 24, sender, 4);
	return packet->l3 + 28;
}

/* RFC 4861 7.1.1 */
static bool
is_solicitation(const uint8_t *frame, const struct model_packet *packet, bool unspecified)
{
	const uint8_t *ip = frame + packet->l3, *icmp = frame + packet->l4;
	size_t at = 24, len;

	if (packet->protocol != HG_NET_ICMPV6 || ip[7] != 255 || packet->l4_len < 24 ||
		icmp[0] != 135 || icmp[1] != 0 || icmp[8] == 0xff)
		return false;
	while (at < packet->l4_len) {
		if (packet->l4_len - at < 2)
			return false;
		len = icmp[at + 1] * 8u;
		if (len == 0 || len > packet->l4_len - at || (unspecified && icmp[at] == 1))
			return false;
		at += len;
	}
	return !unspecified || ip[24] == 0xff;
}

size_t
model_answer_neighbour(uint8_t *ret, const uint8_t *frame, const struct model_packet *packet,
	const struct hg_net_host *host, size_t room)
{
	static const uint8_t any[16], all_nodes[16] = { 0xff, 2, [15] = 1 };
	static const uint8_t all_nodes_mac[6] = { 0x33, 0x33, [5] = 1 };
	const uint8_t *ip = frame + packet->l3, *icmp = frame + packet->l4;
	bool unspecified = packet->family == 6 && memcmp(ip + 8, any, 16) == 0, ours = false;
	struct model_packet answer = *packet;
	uint8_t *to = ret + packet->l3;

	if (!is_solicitation(frame, packet, unspecified) || packet->l4 + 32 > room)
		return 0;
	for (unsigned int i = 0; i < host->n_ipv6; i++)
		ours |= memcmp(host->ipv6[i], icmp + 8, 16) == 0;
	if (!ours)
		return 0;
	answer.l4_len = 32;
	turn(ret, frame, packet, 32);
	memcpy(ret, unspecified ? all_nodes_mac : frame + 6, 6);
	memcpy(ret + 6, host->mac, 6);
	to[7] = 255;
	memcpy(to + 8, icmp + 8, 16);
	memcpy(to + 24, unspecified ? all_nodes : ip + 8, 16);
	to = ret + packet->l4;
	memset(to, 0, 32);
	to[0] = 136;
	to[4] = unspecified ? 0x20 : 0x60; /* override, solicited */
	memcpy(to + 8, icmp + 8, 16);
	to[24] = 2;
	to[25] = 1;
	memcpy(to + 26, host->mac, 6);
	model_seal(ret, &answer);
	return packet->l4 + 32;
}

void
model_device_sums(uint8_t *frame, size_t l3, uint8_t family)
{
	uint8_t *ip = frame + l3, *udp = ip + (family == 4 ? 20 : 40);
	uint16_t sum;

	if (family == 4)
		put16(ip + 10, model_sum(ip, 20, 0) ^ 0xffffu);
	sum = model_sum(udp, model_be16(udp + 4), 0) ^ 0xffff;
	put16(udp + 6, sum == 0 ? 0xffff : sum);
}
