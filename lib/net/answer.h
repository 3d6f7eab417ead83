/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Turning a received packet round in place, into its answer. MAC and IP addresses and ports are
 * swapped, VLAN tags stay: an answer goes back the way its question came, so no route is needed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/packet.h"

/*
 * Turns a UDP packet round; the payload_len bytes behind its UDP header are the answer's payload and
 * already final. payload_sum is their one's complement sum in memory order (RFC 1071), folded or not:
 * whoever wrote them has had them in registers. Sets TTL 64, DF and no options (RFC 6864: an atomic
 * datagram has no use for an identification). With device_sums the checksum fields are left as a
 * device that fills them in wants them. Returns the length of the frame.
 */
size_t hg_net_answer_udp(const struct hg_net_packet *packet, uint16_t payload_len,
	uint64_t payload_sum, bool device_sums);

/*
 * ARP request for one of the host's addresses (RFC 826): becomes the reply. Returns the length of
 * the frame, or 0 if it is anything else, and then the packet is unchanged.
 */
size_t hg_net_answer_arp(const struct hg_net_packet *packet, const struct hg_net_host *host);

/* ICMP or ICMPv6 echo request (RFC 792, RFC 4443 4.1): becomes the reply. Same results. */
size_t hg_net_answer_echo(const struct hg_net_packet *packet);

/*
 * Neighbour solicitation for one of the host's addresses (RFC 4861 7.2.3): becomes the
 * advertisement (7.2.4). The frame may grow by the 8 bytes of the target link-layer address option;
 * room says how many bytes the frame's buffer has. Same results.
 */
size_t hg_net_answer_neighbour(
	const struct hg_net_packet *packet, const struct hg_net_host *host, size_t room);
