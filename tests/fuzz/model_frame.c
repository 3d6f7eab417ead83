/* SPDX-License-Identifier: BSD-3-Clause */
#include "model.h"

#include <string.h>

static const uint8_t unspecified[16];

uint16_t
model_sum(const uint8_t *p, size_t len, uint32_t sum)
{
	uint64_t total = sum;

	for (size_t i = 0; i < len; i++)
		total += i % 2 == 0 ? p[i] * 256u : p[i];
	while (total > 0xffff)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)total;
}

uint16_t
model_pseudo_sum(const uint8_t *l3, uint8_t family, unsigned int next_header, size_t l4_len)
{
	uint8_t pseudo[40] = { 0 };
	size_t size = family == 4 ? 4 : 16;

	memcpy(pseudo, l3 + (family == 4 ? 12 : 8), 2 * size);
	pseudo[2 * size + 2] = (uint8_t)(l4_len >> 8);
	pseudo[2 * size + 3] = (uint8_t)l4_len;
	pseudo[2 * size + 7] = (uint8_t)next_header;
	return model_sum(pseudo, 2 * size + 8, 0);
}

static bool
is_our_ipv4(const struct hg_net_host *host, const uint8_t *address)
{
	for (unsigned int i = 0; i < host->n_ipv4; i++)
		if (memcmp(host->ipv4[i].address, address, 4) == 0)
			return true;
	return false;
}

static bool
is_our_ipv6(const struct hg_net_host *host, const uint8_t *address)
{
	for (unsigned int i = 0; i < host->n_ipv6; i++)
		if (memcmp(host->ipv6[i], address, 16) == 0)
			return true;
	return false;
}

/* Neither martian (RFC 1122 3.2.1.3), nor ours, nor one that stands for a whole subnet of ours. */
static bool
is_client_ipv4(const struct hg_net_host *host, const uint8_t *address)
{
	unsigned int first = address[0];

	if (first == 0 || first == 127 || first > 223 || is_our_ipv4(host, address))
		return false;
	for (unsigned int i = 0; i < host->n_ipv4; i++)
		if (memcmp(host->ipv4[i].broadcast, address, 4) == 0 ||
			memcmp(host->ipv4[i].network, address, 4) == 0)
			return false;
	return true;
}

static bool
is_client_ipv6(const struct hg_net_host *host, const uint8_t *address)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t loopback[16] = { [15] = 1 };

	return address[0] != 0xff && memcmp(address, unspecified, 16) != 0 &&
	       memcmp(address, loopback, 16) != 0 && memcmp(address, mapped, 12) != 0 &&
	       !is_our_ipv6(host, address);
}

/* ff02::1:ffXX:XXXX with the last three bytes of an address of ours (RFC 4291 2.7.1). */
static bool
is_our_group(const struct hg_net_host *host, const uint8_t *address)
{
	uint8_t group[16] = { 0xff, 2, [11] = 1, [12] = 0xff };

	for (unsigned int i = 0; i < host->n_ipv6; i++) {
		memcpy(group + 13, host->ipv6[i] + 13, 3);
		if (memcmp(group, address, 16) == 0)
			return true;
	}
	return false;
}

static enum hg_verdict
judge_udp(const uint8_t *frame, struct model_packet *m, unsigned int flags)
{
	const uint8_t *udp = frame + m->l4;
	uint16_t pseudo;

	if (m->l4_len < 8 || model_be16(udp + 4) != m->l4_len)
		return HG_DROP_UDP_LENGTH;
	if (model_be16(udp + 6) == 0)
		return m->family == 4 ? HG_PASS : HG_DROP_UDP_CHECKSUM;
	pseudo = model_pseudo_sum(frame + m->l3, m->family, 17, m->l4_len);
	if ((flags & HG_NET_L4_CHECKED) != 0 || model_sum(udp, m->l4_len, pseudo) == 0xffff)
		return HG_PASS;
	m->partial = (flags & HG_NET_PARTIAL_SUM) != 0 && model_be16(udp + 6) == pseudo;
	return m->partial ? HG_PASS : HG_DROP_UDP_CHECKSUM;
}

static enum hg_verdict
judge_icmp(const uint8_t *frame, const struct model_packet *m)
{
	uint16_t pseudo = 0;

	if (m->l4_len < 8)
		return HG_DROP_ICMP;
	if (m->family == 6)
		pseudo = model_pseudo_sum(frame + m->l3, 6, 58, m->l4_len);
	return model_sum(frame + m->l4, m->l4_len, pseudo) == 0xffff ? HG_PASS
								     : HG_DROP_ICMP_CHECKSUM;
}

static enum hg_verdict
judge_ipv4(const struct hg_net_host *host, const uint8_t *frame, size_t len, unsigned int flags,
	struct model_packet *m)
{
	const uint8_t *ip = frame + m->l3;
	size_t left = len - m->l3, total;

	if (left < 20)
		return HG_DROP_FRAME_SHORT;
	if (ip[0] / 16 != 4 || ip[0] % 16 < 5)
		return HG_DROP_IPV4_HEADER;
	if (ip[0] % 16 > 5)
		return HG_DROP_IPV4_OPTIONS;
	total = model_be16(ip + 2);
	if (total < 20 || total > left)
		return HG_DROP_IPV4_HEADER;
	if (model_be16(ip + 6) % 0x4000 != 0) /* all but DF and the reserved bit */
		return HG_DROP_IPV4_FRAGMENT;
	if ((flags & HG_NET_IP_CHECKED) == 0 && model_sum(ip, 20, 0) != 0xffff)
		return HG_DROP_IPV4_CHECKSUM;
	if (!is_our_ipv4(host, ip + 16))
		return HG_DROP_DESTINATION;
	if (!is_client_ipv4(host, ip + 12))
		return HG_DROP_SOURCE;
	if (memcmp(frame, host->mac, 6) != 0)
		return HG_DROP_FRAME_NOT_OURS;
	m->family = 4;
	m->l4 = m->l3 + 20;
	m->l4_len = total - 20;
	m->protocol = ip[9] == 17 ? HG_NET_UDP : HG_NET_ICMP;
	if (ip[9] != 17 && ip[9] != 1)
		return HG_DROP_IP_PROTOCOL;
	return ip[9] == 17 ? judge_udp(frame, m, flags) : judge_icmp(frame, m);
}

static enum hg_verdict
judge_ipv6_addresses(const struct hg_net_host *host, const uint8_t *frame, const uint8_t *ip)
{
	bool to_group = memcmp(frame, host->mac, 6) != 0;
	bool icmp = ip[6] == 58;
	bool for_us =
		is_our_ipv6(host, ip + 24) || (icmp && to_group && is_our_group(host, ip + 24));

	if (!for_us)
		return HG_DROP_DESTINATION;
	/* A host that is about to take an address asks from ::, whether somebody has it (RFC 4862 5.4). */
	if (icmp && memcmp(ip + 8, unspecified, 16) == 0)
		return HG_PASS;
	if (!is_client_ipv6(host, ip + 8))
		return HG_DROP_SOURCE;
	return to_group && !icmp ? HG_DROP_FRAME_NOT_OURS : HG_PASS;
}

static enum hg_verdict
judge_ipv6(const struct hg_net_host *host, const uint8_t *frame, size_t len, unsigned int flags,
	struct model_packet *m)
{
	static const uint8_t extensions[] = { 0, 43, 44, 50, 51, 59, 60, 135, 139, 140 };
	const uint8_t *ip = frame + m->l3;
	enum hg_verdict verdict;

	if (len - m->l3 < 40)
		return HG_DROP_FRAME_SHORT;
	m->l4 = m->l3 + 40;
	m->l4_len = model_be16(ip + 4);
	if (ip[0] / 16 != 6 || m->l4 + m->l4_len > len)
		return HG_DROP_IPV6_HEADER;
	if (memchr(extensions, ip[6], sizeof(extensions)) != NULL)
		return HG_DROP_IPV6_EXTENSION;
	verdict = judge_ipv6_addresses(host, frame, ip);
	if (verdict != HG_PASS)
		return verdict;
	m->family = 6;
	m->protocol = ip[6] == 17 ? HG_NET_UDP : HG_NET_ICMPV6;
	if (ip[6] != 17 && ip[6] != 58)
		return HG_DROP_IP_PROTOCOL;
	return ip[6] == 17 ? judge_udp(frame, m, flags) : judge_icmp(frame, m);
}

static enum hg_verdict
judge(const struct hg_net_host *host, const uint8_t *frame, size_t len, unsigned int flags,
	struct model_packet *m)
{
	unsigned int tags = 0, type;
	size_t at = 12;

	if (len < 14)
		return HG_DROP_FRAME_SHORT;
	if (memcmp(frame, host->mac, 6) != 0 && frame[0] % 2 == 0)
		return HG_DROP_FRAME_NOT_OURS;
	if (frame[6] % 2 == 1)
		return HG_DROP_SOURCE;
	while ((type = model_be16(frame + at)) == 0x8100 || type == 0x88a8) {
		if (++tags == 3)
			return HG_DROP_VLAN_DEPTH;
		at += 4;
		if (at + 2 > len)
			return HG_DROP_FRAME_SHORT;
	}
	m->l3 = at + 2;
	if (type == 0x0800)
		return judge_ipv4(host, frame, len, flags, m);
	if (type == 0x86dd)
		return judge_ipv6(host, frame, len, flags, m);
	if (type != 0x0806)
		return HG_DROP_ETHER_TYPE;
	m->family = 0;
	m->protocol = HG_NET_ARP;
	m->l4 = m->l3;
	m->l4_len = 28;
	return m->l3 + 28 > len ? HG_DROP_FRAME_SHORT : HG_PASS;
}

size_t
model_ip(const uint8_t *frame, size_t len, unsigned int *ret_family)
{
	unsigned int type = 0;
	size_t at = 12;

	for (; at + 2 <= len; at += 4) {
		type = model_be16(frame + at);
		if (type != 0x8100 && type != 0x88a8)
			break;
	}
	if (at + 2 > len || (type != 0x0800 && type != 0x86dd))
		return 0;
	*ret_family = type == 0x0800 ? 4 : 6;
	return len >= at + 2 + (type == 0x0800 ? 20 : 40) ? at + 2 : 0;
}

struct model_packet
model_frame(const struct hg_net_host *host, const uint8_t *frame, size_t len, unsigned int flags)
{
	struct model_packet m = { 0 };

	m.verdict = judge(host, frame, len, flags, &m);
	return m;
}
