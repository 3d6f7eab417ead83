/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames to send. A blueprint is a frame that lacks what differs from packet to packet, with the sum
 * of the rest of it, so that a packet costs a copy and a few additions (RFC 1071, RFC 1624).
 */
#pragma once

#include <stdint.h>

#include "source.h"
#include "template.h"

#define FRAME_ETHER 14u
#define FRAME_IPV4 20u
#define FRAME_IPV6 40u
#define FRAME_UDP 8u
#define FRAME_HEADERS_MAX (FRAME_ETHER + FRAME_IPV6 + FRAME_UDP)
#define FRAME_BYTES_MAX (FRAME_HEADERS_MAX + TEMPLATE_BYTES_MAX + TEMPLATE_COOKIE_MAX)

/* Where frames go. */
struct frame_link {
	uint8_t own_mac[6];
	uint8_t far_mac[6];
	struct address target; /* with its port */
};

/* What differs from packet to packet beside the source. */
enum frame_fresh {
	FRAME_FIXED,    /* nothing */
	FRAME_NUMBERED, /* the record sequence number */
	FRAME_HELLO,    /* that and the random */
};

enum frame_damage {
	FRAME_SOUND,
	FRAME_BAD_UDP_SUM,
	FRAME_BAD_IP_SUM, /* of IPv4; over IPv6 the UDP checksum is wrong */
	FRAME_BAD_UDP_LENGTH,
};

struct blueprint {
	uint8_t bytes[FRAME_BYTES_MAX];
	uint16_t len;
	uint16_t payload; /* offset */
	uint8_t family;
	uint8_t damage;  /* enum frame_damage */
	uint8_t fresh;   /* enum frame_fresh */
	uint32_t ip_sum; /* of the IPv4 header; what differs is 0 in it, as in the next */
	uint32_t udp_sum;
};

/* A datagram of len bytes, at most TEMPLATE_BYTES_MAX + TEMPLATE_COOKIE_MAX. */
void frame_plan(struct blueprint *ret_blueprint, const struct frame_link *link,
	const uint8_t *payload, uint16_t len, enum frame_fresh fresh, enum frame_damage damage);

/*
 * Writes a frame of blueprint->len bytes. The random and the low 32 bits of the record sequence number
 * are left out where the blueprint has none.
 */
void frame_write(const struct blueprint *blueprint, const struct source *source,
	const uint64_t random[4], uint32_t record_seq, uint8_t *ret_frame);

/*
 * Puts len bytes in the place of zeros at an offset of the payload of a frame that was written, and
 * mends its checksum.
 */
void frame_fill(const struct blueprint *blueprint, uint8_t *frame, size_t at, const uint8_t *bytes,
	size_t len);

/* The one's complement sum of len bytes in memory order, folded to 16 bits, added to sum. */
uint32_t frame_sum(const uint8_t *bytes, size_t len, uint32_t sum);

/* 32 bytes out of a seed and a number: always the same ones. */
static inline void
frame_random(uint64_t seed, uint64_t number, uint64_t ret_random[4])
{
	for (unsigned int i = 0; i < 4; i++) {
		/* splitmix64, by Sebastiano Vigna, as a function of a counter. */
		uint64_t z = seed + (4 * number + i + 1) * UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		ret_random[i] = z ^ z >> 31;
	}
}
