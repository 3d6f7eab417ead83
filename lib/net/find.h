/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finding what is in a frame that hg_net_parse() refuses: addresses behind any number of VLAN tags, the
 * ports of a datagram behind IPv4 options, IPv6 extension headers, and in a first fragment. For those who
 * pass such frames on to another host, which understands them, and must know which not to pass on, or what
 * they lack.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HG_NET_TUPLE_MAX 36u

enum hg_net_found {
	HG_NET_FOUND_UDP,     /* a datagram, or its first fragment */
	HG_NET_FOUND_NO_UDP,  /* another protocol, or a later fragment: it has no ports */
	HG_NET_FOUND_NOTHING, /* the headers end too early, or are too many: nobody is to have it */
};

/*
 * Looks into a frame of len bytes; a frame with more than 2 VLAN tags has no UDP. With
 * HG_NET_FOUND_UDP, tuple is filled in the order of hg_net_tuple(), and *ret_family is 4 or 6.
 * Nothing beyond len bytes is read.
 */
enum hg_net_found hg_net_find_udp(
	const uint8_t *frame, size_t len, uint8_t tuple[HG_NET_TUPLE_MAX], uint8_t *ret_family);

/*
 * Returns the destination's address in a frame of len bytes with any number of VLAN tags, 4 or 16 bytes as
 * *ret_family says, which is 4 or 6; or NULL for a frame that is not of IP, or ends within the first 20 or 40
 * bytes of the IP header, with nothing filled. *ret_deep is the number of bytes of the tags before the last
 * two: who takes as many away, as Linux does with tags of VLAN 0, has a frame that hg_net_find_udp() and
 * hg_net_parse() read, but for its MAC addresses. Nothing beyond len bytes is read.
 */
const uint8_t *hg_net_find_destination(
	const uint8_t *frame, size_t len, uint8_t *ret_family, size_t *ret_deep);

/* A checksum that is still to be filled in; offsets from the start of the frame. */
struct hg_net_partial {
	size_t l4; /* what it covers beside the pseudo header, with the field as it is */
	size_t l4_len;
	size_t field;
};

/*
 * A kernel leaves the checksums of UDP and TCP to its network card. What it hands over has the folded sum of the
 * pseudo header in their place, not complemented (Linux: CHECKSUM_PARTIAL), and a neighbour on the same
 * host, by a veth or from a virtual machine, receives it so: there is no card on the way. Returns whether the
 * frame, of which the first len bytes of whole are at frame, is like that, with any number of VLAN tags and
 * what may stand before UDP and TCP. A checksum that happens to be right as it is stays the same when it is
 * filled in.
 */
bool hg_net_find_partial(
	const uint8_t *frame, size_t len, size_t whole, struct hg_net_partial *ret_partial);
