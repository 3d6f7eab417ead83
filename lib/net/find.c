/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/find.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "net/packet.h"

#define ETHER_IPV4 0x0800
#define ETHER_VLAN 0x8100
#define ETHER_QINQ 0x88a8
#define ETHER_IPV6 0x86dd

#define PROTO_HOP_BY_HOP 0
#define PROTO_UDP 17
#define PROTO_ROUTING 43
#define PROTO_FRAGMENT 44
#define PROTO_AUTHENTICATION 51
#define PROTO_OPTIONS 60

#define EXTENSION_LEN 8u /* at least */
/* RFC 8200 4.1 has five that can be read before UDP, one of them twice. */
#define EXTENSIONS_MAX 6u
#define PORTS_LEN 4u

static inline size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

static enum hg_net_found
find_ipv4(const uint8_t *ip, size_t len, uint8_t *tuple)
{
	size_t header;

	if (len < HG_NET_IPV4_LEN)
		return HG_NET_FOUND_NOTHING;
	header = (ip[0] & 15u) * 4u;
	len = smaller(len, hg_load_be16(ip + 2));
	if (header < HG_NET_IPV4_LEN || len < header)
		return HG_NET_FOUND_NOTHING;
	if (ip[9] != PROTO_UDP || (hg_load_be16(ip + 6) & 0x1fff) != 0)
		return HG_NET_FOUND_NO_UDP;
	if (len < header + PORTS_LEN)
		return HG_NET_FOUND_NOTHING;
	memcpy(tuple, ip + 12, 8);
	memcpy(tuple + 8, ip + header, PORTS_LEN);
	return HG_NET_FOUND_UDP;
}

static bool
is_extension(uint8_t next_header)
{
	return next_header == PROTO_HOP_BY_HOP || next_header == PROTO_ROUTING ||
	       next_header == PROTO_FRAGMENT || next_header == PROTO_AUTHENTICATION ||
	       next_header == PROTO_OPTIONS;
}

/*
 * In bytes. RFC 4302 2.2 counts in words of 4, RFC 8200 4 in 8; a fragment's header has no length, and
 * what stands in its place is ignored (RFC 8200 4.5).
 */
static size_t
extension_len(uint8_t header, uint8_t length)
{
	if (header == PROTO_FRAGMENT)
		return EXTENSION_LEN;
	return header == PROTO_AUTHENTICATION ? (length + 2u) * 4u : (length + 1u) * 8u;
}

static enum hg_net_found
find_ipv6(const uint8_t *ip, size_t len, uint8_t *tuple)
{
	size_t offset = HG_NET_IPV6_LEN, step;
	uint8_t next;

	if (len < HG_NET_IPV6_LEN)
		return HG_NET_FOUND_NOTHING;
	next = ip[6];
	len = smaller(len, HG_NET_IPV6_LEN + (size_t)hg_load_be16(ip + 4));
	for (unsigned int n = 0; next != PROTO_UDP; n++) {
		if (!is_extension(next))
			return HG_NET_FOUND_NO_UDP;
		if (n == EXTENSIONS_MAX || len < offset + EXTENSION_LEN)
			return HG_NET_FOUND_NOTHING;
		if (next == PROTO_FRAGMENT && (hg_load_be16(ip + offset + 2) & 0xfff8) != 0)
			return HG_NET_FOUND_NO_UDP;
		step = extension_len(next, ip[offset + 1]);
		next = ip[offset];
		offset += step;
		if (len < offset)
			return HG_NET_FOUND_NOTHING;
	}
	if (len < offset + PORTS_LEN)
		return HG_NET_FOUND_NOTHING;
	memcpy(tuple, ip + 8, 32);
	memcpy(tuple + 32, ip + offset, PORTS_LEN);
	return HG_NET_FOUND_UDP;
}

enum hg_net_found
hg_net_find_udp(
	const uint8_t *frame, size_t len, uint8_t tuple[HG_NET_TUPLE_MAX], uint8_t *ret_family)
{
	size_t offset = HG_NET_ETHER_LEN;
	uint16_t ether_type;

	if (len < HG_NET_ETHER_LEN)
		return HG_NET_FOUND_NOTHING;
	ether_type = hg_load_be16(frame + 12);
	for (unsigned int tags = 0; tags < HG_NET_VLAN_MAX; tags++) {
		if (ether_type != ETHER_VLAN && ether_type != ETHER_QINQ)
			break;
		if (len < offset + HG_NET_VLAN_LEN)
			return HG_NET_FOUND_NOTHING;
		ether_type = hg_load_be16(frame + offset + 2);
		offset += HG_NET_VLAN_LEN;
	}
	switch (ether_type) {
	case ETHER_IPV4:
		*ret_family = 4;
		return find_ipv4(frame + offset, len - offset, tuple);
	case ETHER_IPV6:
		*ret_family = 6;
		return find_ipv6(frame + offset, len - offset, tuple);
	default:
		return HG_NET_FOUND_NO_UDP;
	}
}
