/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Parsing one Ethernet frame: 0 to 2 VLAN tags (802.1Q, 802.1ad), then ARP, or IPv4 (RFC 791) or
 * IPv6 (RFC 8200) with UDP (RFC 768) or ICMP. What a DTLS client cannot have sent, or what cannot
 * be answered without risk to others, is refused here: see HG_DROPS in base/verdict.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/verdict.h"
#include "net/host.h"

#define HG_NET_ETHER_LEN 14u
#define HG_NET_VLAN_LEN 4u
#define HG_NET_VLAN_MAX 2u
#define HG_NET_IPV4_LEN 20u
#define HG_NET_IPV6_LEN 40u
#define HG_NET_UDP_LEN 8u

/* Checks that the device has already made, with a good result; they are not made again. */
#define HG_NET_IP_CHECKED 1u
#define HG_NET_L4_CHECKED 2u
/* In place of a UDP checksum the sum of the pseudo header will do: see hg_net_find_partial(). */
#define HG_NET_PARTIAL_SUM 4u

enum hg_net_protocol {
	HG_NET_UDP,
	HG_NET_ARP,
	HG_NET_ICMP,
	HG_NET_ICMPV6,
};

/* Where the parts of a parsed frame are; points into the frame. */
struct hg_net_packet {
	uint8_t *frame;
	uint8_t *l3;      /* IP header, or ARP */
	uint8_t *l4;      /* UDP or ICMP header */
	uint16_t l4_len;  /* bytes of L4 header and payload, Ethernet padding excluded */
	uint8_t family;   /* 4, 6, or 0 for ARP */
	uint8_t protocol; /* enum hg_net_protocol */
	bool partial_sum; /* of UDP: accepted because of HG_NET_PARTIAL_SUM alone */
};

/*
 * Parses a frame of len bytes that arrived at host; flags are a set of HG_NET_*_CHECKED and
 * HG_NET_PARTIAL_SUM. Returns HG_PASS with *ret_packet filled, or the
 * reason to drop it, and then *ret_packet is undefined. Nothing beyond len bytes is read.
 */
enum hg_verdict hg_net_parse(uint8_t *frame, size_t len, const struct hg_net_host *host,
	unsigned int flags, struct hg_net_packet *ret_packet);

/* Valid for a packet of protocol HG_NET_UDP. */
static inline uint8_t *
hg_net_payload(const struct hg_net_packet *packet)
{
	return packet->l4 + HG_NET_UDP_LEN;
}

static inline uint16_t
hg_net_payload_len(const struct hg_net_packet *packet)
{
	return (uint16_t)(packet->l4_len - HG_NET_UDP_LEN);
}

/*
 * Source address, destination address, source port and destination port of a UDP packet, in network
 * byte order and without a gap: 12 bytes for IPv4, 36 for IPv6.
 */
static inline const uint8_t *
hg_net_tuple(const struct hg_net_packet *packet)
{
	return packet->l3 + (packet->family == 4 ? 12 : 8);
}

static inline size_t
hg_net_tuple_len(const struct hg_net_packet *packet)
{
	return packet->family == 4 ? 12 : 36;
}
