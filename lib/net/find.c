/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/find.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "net/ether.h"
#include "net/packet.h"
#include "net/sum.h"

#define EXTENSION_LEN 8u /* at least */
/* RFC 8200 4.1 has five that can be read before UDP, one of them twice. */
#define EXTENSIONS_MAX 6u
#define PORTS_LEN 4u
#define UDP_SUM 6u /* where the checksums are */
#define TCP_SUM 16u

/* Where an IP packet has what it carries; offsets from its header. */
struct place {
	const uint8_t *ip;
	uint8_t family;
	uint8_t protocol;
	bool fragment; /* the first one */
	size_t l4;
	size_t end; /* as the IP header says: perhaps beyond what is there */
};

static inline size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* HG_NET_FOUND_UDP says here that the place is found, of whatever protocol. */
static enum hg_net_found
locate_ipv4(const uint8_t *ip, size_t len, struct place *place)
{
	uint16_t fragment;

	if (len < HG_NET_IPV4_LEN)
		return HG_NET_FOUND_NOTHING;
	place->l4 = (ip[0] & 15u) * 4u;
	place->end = hg_load_be16(ip + 2);
	if (place->l4 < HG_NET_IPV4_LEN || smaller(len, place->end) < place->l4)
		return HG_NET_FOUND_NOTHING;
	fragment = hg_load_be16(ip + 6) & 0x3fff;
	if ((fragment & 0x1fff) != 0)
		return HG_NET_FOUND_NO_UDP;
	place->fragment = fragment != 0;
	place->protocol = ip[9];
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
locate_ipv6(const uint8_t *ip, size_t len, struct place *place)
{
	size_t offset = HG_NET_IPV6_LEN, step;
	uint8_t next;

	if (len < HG_NET_IPV6_LEN)
		return HG_NET_FOUND_NOTHING;
	next = ip[6];
	place->end = HG_NET_IPV6_LEN + (size_t)hg_load_be16(ip + 4);
	len = smaller(len, place->end);
	place->fragment = false;
	for (unsigned int n = 0; is_extension(next); n++) {
		if (n == EXTENSIONS_MAX || len < offset + EXTENSION_LEN)
			return HG_NET_FOUND_NOTHING;
		if (next == PROTO_FRAGMENT) {
			if ((hg_load_be16(ip + offset + 2) & 0xfff8) != 0)
				return HG_NET_FOUND_NO_UDP;
			place->fragment = true;
		}
		step = extension_len(next, ip[offset + 1]);
		next = ip[offset];
		offset += step;
		if (len < offset)
			return HG_NET_FOUND_NOTHING;
	}
	place->protocol = next;
	place->l4 = offset;
	return HG_NET_FOUND_UDP;
}

/* Of a frame with so many VLAN tags at most. */
static enum hg_net_found
locate(const uint8_t *frame, size_t len, size_t tags_max, struct place *place)
{
	size_t offset = HG_NET_ETHER_LEN;
	uint16_t ether_type;

	if (len < HG_NET_ETHER_LEN)
		return HG_NET_FOUND_NOTHING;
	ether_type = hg_load_be16(frame + 12);
	for (size_t tags = 0; tags < tags_max; tags++) {
		if (!ether_is_vlan(ether_type))
			break;
		if (len < offset + HG_NET_VLAN_LEN)
			return HG_NET_FOUND_NOTHING;
		ether_type = hg_load_be16(frame + offset + 2);
		offset += HG_NET_VLAN_LEN;
	}
	place->ip = frame + offset;
	switch (ether_type) {
	case ETHER_IPV4:
		place->family = 4;
		return locate_ipv4(frame + offset, len - offset, place);
	case ETHER_IPV6:
		place->family = 6;
		return locate_ipv6(frame + offset, len - offset, place);
	default:
		return HG_NET_FOUND_NO_UDP;
	}
}

enum hg_net_found
hg_net_find_udp(
	const uint8_t *frame, size_t len, uint8_t tuple[HG_NET_TUPLE_MAX], uint8_t *ret_family)
{
	enum hg_net_found found;
	struct place place;
	size_t addresses;

	found = locate(frame, len, HG_NET_VLAN_MAX, &place);
	if (found != HG_NET_FOUND_UDP)
		return found;
	if (place.protocol != PROTO_UDP)
		return HG_NET_FOUND_NO_UDP;
	len = smaller(len - (size_t)(place.ip - frame), place.end);
	if (len < place.l4 + PORTS_LEN)
		return HG_NET_FOUND_NOTHING;
	addresses = place.family == 4 ? 8 : 32;
	memcpy(tuple, place.ip + (place.family == 4 ? 12 : 8), addresses);
	memcpy(tuple + addresses, place.ip + place.l4, PORTS_LEN);
	*ret_family = place.family;
	return HG_NET_FOUND_UDP;
}

const uint8_t *
hg_net_find_destination(const uint8_t *frame, size_t len, uint8_t *ret_family, size_t *ret_deep)
{
	size_t offset = HG_NET_ETHER_LEN, tags = 0;
	uint16_t ether_type;

	for (;; offset += HG_NET_VLAN_LEN, tags++) {
		if (len < offset)
			return NULL;
		ether_type = hg_load_be16(frame + offset - 2);
		if (!ether_is_vlan(ether_type))
			break;
	}
	if (ether_type == ETHER_IPV4 && len >= offset + HG_NET_IPV4_LEN) {
		*ret_family = 4;
		offset += 16;
	} else if (ether_type == ETHER_IPV6 && len >= offset + HG_NET_IPV6_LEN) {
		*ret_family = 6;
		offset += 24;
	} else {
		return NULL;
	}
	*ret_deep = tags > HG_NET_VLAN_MAX ? (tags - HG_NET_VLAN_MAX) * HG_NET_VLAN_LEN : 0;
	return frame + offset;
}

bool
hg_net_find_partial(
	const uint8_t *frame, size_t len, size_t whole, struct hg_net_partial *ret_partial)
{
	size_t offset, l4_len, field;
	struct place place;
	uint64_t pseudo;

	/* Who sends fragments, sums what they are of. */
	if (locate(frame, len, len, &place) != HG_NET_FOUND_UDP || place.fragment)
		return false;
	offset = (size_t)(place.ip - frame);
	if (place.protocol == PROTO_UDP)
		field = UDP_SUM;
	else if (place.protocol == PROTO_TCP)
		field = TCP_SUM;
	else
		return false;
	l4_len = place.end - place.l4;
	if (place.end > whole - offset || l4_len < field + 2 || len < offset + place.l4 + field + 2)
		return false;
	if (place.protocol == PROTO_UDP && hg_load_be16(place.ip + place.l4 + 4) != l4_len)
		return false;
	pseudo = hg_net_sum_pseudo(place.ip, place.family, place.protocol, (uint16_t)l4_len);
	if (!hg_net_sum_is_partial(place.ip + place.l4 + field, pseudo))
		return false;
	*ret_partial = (struct hg_net_partial){
		.l4 = offset + place.l4,
		.l4_len = l4_len,
		.field = offset + place.l4 + field,
	};
	return true;
}
