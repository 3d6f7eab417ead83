/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames between a peer and the host of these tests, built and summed without the code under test. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/host.h"

#define FRAME_MAX 2048u
#define FRAME_PEER_PORT 40000u
#define FRAME_HOST_PORT 5684u

/* 198.18.0.1/24, 203.0.113.9/32, 2001:2::1, 2001:2::12:3456 and fe80::1 at 02:00:00:00:00:0a. */
extern const struct hg_net_host frame_host;

extern const uint8_t frame_host_mac[6];
extern const uint8_t frame_peer_mac[6];
extern const uint8_t frame_host_ipv4[4];
extern const uint8_t frame_peer_ipv4[4];
extern const uint8_t frame_host_ipv6[16];
extern const uint8_t frame_peer_ipv6[16];

struct frame {
	size_t len;
	size_t l3; /* offsets */
	size_t l4;
	uint8_t family; /* 4, 6, or 0 for ARP */
	uint8_t bytes[FRAME_MAX];
};

/*
 * From the peer to the host, with 0 to 3 VLAN tags, checksums right. The fields of the IP header that
 * an answer does not take over are set to something that an answer never has.
 */
void frame_udp(
	struct frame *frame, uint8_t family, unsigned int tags, const void *payload, size_t len);
void frame_icmp(struct frame *frame, uint8_t family, unsigned int tags, uint8_t type, uint8_t code,
	const void *rest, size_t len);
void frame_arp(struct frame *frame, unsigned int tags);

/*
 * What the host sends in reply to a UDP frame: the way back, len bytes of payload, TTL 64, DF, and
 * nothing else set. Without sums the IPv4 checksum is 0 and the UDP one the pseudo header's sum.
 */
void frame_udp_answer(struct frame *frame, uint8_t family, unsigned int tags, const void *payload,
	size_t len, bool sums);

/* Neighbour solicitation for target, with the len bytes of options behind it. */
void frame_solicit(struct frame *frame, unsigned int tags, const uint8_t *target,
	const void *options, size_t len);

/* Makes IPv4, UDP, ICMP and ICMPv6 checksums right again after a change. */
void frame_seal(struct frame *frame);
void frame_seal_ipv4(struct frame *frame);
void frame_seal_l4(struct frame *frame);

/* The Internet checksum as RFC 1071 describes it, 16 bits at a time, in network byte order. */
uint16_t frame_checksum(const uint8_t *p, size_t len, uint32_t sum);

/* Sum of the pseudo header, not complemented. */
uint16_t frame_pseudo_sum(const struct frame *frame);

void frame_put16(uint8_t *p, unsigned int v);
