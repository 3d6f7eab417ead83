/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/packet.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "net/ether.h"
#include "net/sum.h"

#define ARP_LEN 28u
#define ICMP_MIN_LEN 8u

static inline bool
is_group(const uint8_t *mac)
{
	return (mac[0] & 1) != 0;
}

/* RFC 1122 3.2.1.3: addresses that no client may send from, whatever the subnet. */
static inline bool
ipv4_source_is_martian(const uint8_t *src)
{
	return src[0] == 0 || src[0] == 127 || src[0] >= 224;
}

static enum hg_verdict
check_ipv4_addresses(const uint8_t *ip, const struct hg_net_host *host)
{
	uint32_t src, dst;

	memcpy(&src, ip + 12, sizeof(src));
	memcpy(&dst, ip + 16, sizeof(dst));
	if ((hg_net_host_is_ipv4(host, dst) & HG_NET_HOST_OWN) == 0)
		return HG_DROP_DESTINATION;
	if (ipv4_source_is_martian(ip + 12) || hg_net_host_is_ipv4(host, src) != 0)
		return HG_DROP_SOURCE;
	return HG_PASS;
}

static bool
ipv6_source_is_martian(const uint8_t *src)
{
	static const uint8_t loopback[16] = { [15] = 1 };
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t any[16];

	return src[0] == 0xff ||
	       (src[0] == 0 && (memcmp(src, any, 16) == 0 || memcmp(src, loopback, 16) == 0 ||
				       memcmp(src, mapped, sizeof(mapped)) == 0));
}

/* RFC 4291 2.7.1: ff02::1:ff00:0/104 and the low 24 bits of one of our addresses. */
static bool
is_solicited_node(const uint8_t *dst, const struct hg_net_host *host)
{
	static const uint8_t prefix[13] = { 0xff, 0x02, [11] = 1, [12] = 0xff };

	if (memcmp(dst, prefix, sizeof(prefix)) != 0)
		return false;
	for (unsigned int i = 0; i < host->n_ipv6; i++)
		if (memcmp(dst + 13, host->ipv6[i] + 13, 3) == 0)
			return true;
	return false;
}

static enum hg_verdict
check_ipv6_addresses(const uint8_t *ip, const struct hg_net_host *host, bool group_frame)
{
	static const uint8_t any[16];
	const uint8_t *src = ip + 8, *dst = ip + 24;
	bool to_us = hg_net_host_has_ipv6(host, dst), from_us = hg_net_host_has_ipv6(host, src);

	/* Neighbour solicitations alone may come to a group, or from :: (RFC 4861 4.3). */
	if (ip[6] == PROTO_ICMPV6) {
		to_us |= group_frame && is_solicited_node(dst, host);
		if (to_us && !from_us && memcmp(src, any, 16) == 0)
			return HG_PASS;
	}
	if (!to_us)
		return HG_DROP_DESTINATION;
	return from_us || ipv6_source_is_martian(src) ? HG_DROP_SOURCE : HG_PASS;
}

static enum hg_verdict
check_udp(struct hg_net_packet *packet, unsigned int flags)
{
	const uint8_t *udp = packet->l4;
	uint64_t pseudo;

	packet->partial_sum = false;
	if (packet->l4_len < HG_NET_UDP_LEN || hg_load_be16(udp + 4) != packet->l4_len)
		return HG_DROP_UDP_LENGTH;
	/* RFC 768: zero means no checksum; RFC 8200 8.1: IPv6 needs one. */
	if (hg_load_be16(udp + 6) == 0)
		return packet->family == 4 ? HG_PASS : HG_DROP_UDP_CHECKSUM;
	if ((flags & HG_NET_L4_CHECKED) != 0)
		return HG_PASS;
	pseudo = hg_net_sum_pseudo(packet->l3, packet->family, PROTO_UDP, packet->l4_len);
	if (hg_net_sum_fold(hg_net_sum(udp, packet->l4_len, pseudo)) == 0)
		return HG_PASS;
	if ((flags & HG_NET_PARTIAL_SUM) == 0 || !hg_net_sum_is_partial(udp + 6, pseudo))
		return HG_DROP_UDP_CHECKSUM;
	packet->partial_sum = true;
	return HG_PASS;
}

static enum hg_verdict
check_icmp(const struct hg_net_packet *packet)
{
	uint64_t sum = 0;

	if (packet->l4_len < ICMP_MIN_LEN)
		return HG_DROP_ICMP;
	if (packet->family == 6)
		sum = hg_net_sum_pseudo(packet->l3, 6, PROTO_ICMPV6, packet->l4_len);
	if (hg_net_sum_fold(hg_net_sum(packet->l4, packet->l4_len, sum)) != 0)
		return HG_DROP_ICMP_CHECKSUM;
	return HG_PASS;
}

static enum hg_verdict
parse_ipv4(size_t len, const struct hg_net_host *host, bool group_frame, unsigned int flags,
	struct hg_net_packet *packet)
{
	const uint8_t *ip = packet->l3;
	enum hg_verdict verdict;
	uint16_t total;

	if (len < HG_NET_IPV4_LEN)
		return HG_DROP_FRAME_SHORT;
	total = hg_load_be16(ip + 2);
	if (ip[0] != 0x45) {
		if (ip[0] >> 4 != 4 || (ip[0] & 15) < 5)
			return HG_DROP_IPV4_HEADER;
		return HG_DROP_IPV4_OPTIONS;
	}
	if (total < HG_NET_IPV4_LEN || total > len)
		return HG_DROP_IPV4_HEADER;
	if ((hg_load_be16(ip + 6) & 0x3fff) != 0) /* more fragments, or an offset */
		return HG_DROP_IPV4_FRAGMENT;
	if ((flags & HG_NET_IP_CHECKED) == 0 && hg_net_sum_fold(hg_net_sum_ipv4(ip)) != 0)
		return HG_DROP_IPV4_CHECKSUM;
	verdict = check_ipv4_addresses(ip, host);
	if (verdict != HG_PASS)
		return verdict;
	/* RFC 1122 3.3.6: a datagram in a broadcast frame for one host is not to be answered. */
	if (group_frame)
		return HG_DROP_FRAME_NOT_OURS;

	packet->family = 4;
	packet->l4 = packet->l3 + HG_NET_IPV4_LEN;
	packet->l4_len = (uint16_t)(total - HG_NET_IPV4_LEN);
	if (ip[9] == PROTO_UDP) {
		packet->protocol = HG_NET_UDP;
		return check_udp(packet, flags);
	}
	if (ip[9] == PROTO_ICMP) {
		packet->protocol = HG_NET_ICMP;
		return check_icmp(packet);
	}
	return HG_DROP_IP_PROTOCOL;
}

static bool
is_ipv6_extension(uint8_t next_header)
{
	switch (next_header) {
	case 0:   /* hop-by-hop */
	case 43:  /* routing */
	case 44:  /* fragment */
	case 50:  /* ESP */
	case 51:  /* AH */
	case 59:  /* no next header */
	case 60:  /* destination options */
	case 135: /* mobility */
	case 139: /* HIP */
	case 140: /* shim6 */
		return true;
	default:
		return false;
	}
}

static enum hg_verdict
parse_ipv6(size_t len, const struct hg_net_host *host, bool group_frame, unsigned int flags,
	struct hg_net_packet *packet)
{
	const uint8_t *ip = packet->l3;
	enum hg_verdict verdict;
	uint16_t payload;

	if (len < HG_NET_IPV6_LEN)
		return HG_DROP_FRAME_SHORT;
	payload = hg_load_be16(ip + 4);
	if (ip[0] >> 4 != 6 || payload > len - HG_NET_IPV6_LEN)
		return HG_DROP_IPV6_HEADER;
	if (ip[6] != PROTO_UDP && is_ipv6_extension(ip[6]))
		return HG_DROP_IPV6_EXTENSION;
	verdict = check_ipv6_addresses(ip, host, group_frame);
	if (verdict != HG_PASS)
		return verdict;
	if (group_frame && ip[6] != PROTO_ICMPV6)
		return HG_DROP_FRAME_NOT_OURS;

	packet->family = 6;
	packet->l4 = packet->l3 + HG_NET_IPV6_LEN;
	packet->l4_len = payload;
	if (ip[6] == PROTO_UDP) {
		packet->protocol = HG_NET_UDP;
		return check_udp(packet, flags);
	}
	if (ip[6] == PROTO_ICMPV6) {
		packet->protocol = HG_NET_ICMPV6;
		return check_icmp(packet);
	}
	return HG_DROP_IP_PROTOCOL;
}

enum hg_verdict
hg_net_parse(uint8_t *frame, size_t len, const struct hg_net_host *host, unsigned int flags,
	struct hg_net_packet *packet)
{
	size_t offset = HG_NET_ETHER_LEN;
	bool group_frame = false;
	uint16_t ether_type;

	if (len < HG_NET_ETHER_LEN)
		return HG_DROP_FRAME_SHORT;
	if (memcmp(frame, host->mac, sizeof(host->mac)) != 0) {
		group_frame = is_group(frame);
		if (!group_frame && !host->any_mac)
			return HG_DROP_FRAME_NOT_OURS;
	}
	if (is_group(frame + 6))
		return HG_DROP_SOURCE;

	ether_type = hg_load_be16(frame + 12);
	for (unsigned int tags = 0; ether_is_vlan(ether_type); tags++) {
		if (tags == HG_NET_VLAN_MAX)
			return HG_DROP_VLAN_DEPTH;
		if (len < offset + HG_NET_VLAN_LEN)
			return HG_DROP_FRAME_SHORT;
		ether_type = hg_load_be16(frame + offset + 2);
		offset += HG_NET_VLAN_LEN;
	}

	packet->frame = frame;
	packet->l3 = frame + offset;
	if (ether_type == ETHER_IPV4)
		return parse_ipv4(len - offset, host, group_frame, flags, packet);
	if (ether_type == ETHER_IPV6)
		return parse_ipv6(len - offset, host, group_frame, flags, packet);
	if (ether_type != ETHER_ARP)
		return HG_DROP_ETHER_TYPE;
	if (len - offset < ARP_LEN)
		return HG_DROP_FRAME_SHORT;
	packet->family = 0;
	packet->protocol = HG_NET_ARP;
	packet->l4 = packet->l3;
	packet->l4_len = ARP_LEN;
	return HG_PASS;
}
