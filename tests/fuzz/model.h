/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What docs/protocol.md and the RFCs say about frames and datagrams, a second time: written as plainly
 * as possible, a byte at a time, with nothing of the code under test but its types. The targets
 * compare the two.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/verdict.h"
#include "net/host.h"
#include "net/packet.h"

#define MODEL_HVR_LEN 48u
#define MODEL_GROWTH 8u /* bytes by which an advertisement may exceed its solicitation */

/* A frame: what hg_net_parse() should find. Offsets from its start. */
struct model_packet {
	enum hg_verdict verdict; /* HG_PASS or the reason to drop it; then the rest means nothing */
	uint8_t family;          /* 4, 6, or 0 for ARP */
	uint8_t protocol;        /* enum hg_net_protocol */
	bool partial; /* of UDP: its checksum is that of the pseudo header, and will do */
	size_t l3;
	size_t l4;
	size_t l4_len;
};

/* A datagram: what hg_hello_parse() should find. */
struct model_hello {
	enum hg_verdict verdict;
	bool is_hello;
	bool is_fragment; /* a later one of a hello */
	size_t client;
	size_t client_len;
	size_t cookie;
	size_t cookie_len;
	size_t offer;
	size_t offer_len;
	size_t record_len;
	unsigned int message_seq;
	uint32_t message_len;
	uint64_t record_seq;
};

static inline unsigned int
model_be16(const uint8_t *p)
{
	return p[0] * 256u + p[1];
}

/* The bytes as one number of n bytes, network byte order. */
static inline uint64_t
model_be(const uint8_t *p, unsigned int n)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < n; i++)
		value = value * 256 + p[i];
	return value;
}

/* One's complement sum of the 16-bit words of len bytes and of sum, as RFC 1071 describes it. */
uint16_t model_sum(const uint8_t *p, size_t len, uint32_t sum);

/* That of the pseudo header of an IP packet (RFC 768, RFC 8200 8.1). */
uint16_t model_pseudo_sum(
	const uint8_t *l3, uint8_t family, unsigned int next_header, size_t l4_len);

struct model_packet model_frame(
	const struct hg_net_host *host, const uint8_t *frame, size_t len, unsigned int flags);

/* Where a frame with any number of VLAN tags has its IP header, 4 or 6; 0: nowhere, or not all 20 or 40 bytes of it. */
size_t model_ip(const uint8_t *frame, size_t len, unsigned int *ret_family);

/*
 * Has the frame of len bytes, of which the first so many are seen, been left without the checksum of its
 * UDP or TCP? Then: what that covers, beside the pseudo header, and where it belongs.
 */
bool model_partial(const uint8_t *frame, size_t seen, size_t len, size_t *ret_l4, size_t *ret_end,
	size_t *ret_field);

/* Puts it there; returns whether it was missing. */
bool model_fill(uint8_t *frame, size_t seen, size_t len);

struct model_hello model_hello(const uint8_t *datagram, size_t len);

/*
 * What a server finds of a hello anywhere in a datagram: 0 nothing, 1 the rest of one, 2 the beginning. That is
 * the most that one of two readers finds. The first knows records of five types and waits for those that do
 * not end; the second takes any type, but skips what has no version of DTLS or does not end.
 */
unsigned int model_find(const uint8_t *datagram, size_t len);

/*
 * The answers, written to ret, which has room for len + MODEL_GROWTH bytes, from the frame of len bytes
 * that the packet is of. Each returns the answer's length, or 0 if there is none.
 */
size_t model_answer_udp(uint8_t *ret, const uint8_t *frame, const struct model_packet *packet,
	const uint8_t *payload, size_t payload_len);
size_t model_answer_arp(uint8_t *ret, const uint8_t *frame, const struct model_packet *packet,
	const struct hg_net_host *host);
size_t model_answer_echo(uint8_t *ret, const uint8_t *frame, const struct model_packet *packet);
size_t model_answer_neighbour(uint8_t *ret, const uint8_t *frame, const struct model_packet *packet,
	const struct hg_net_host *host, size_t room);

/* The HelloVerifyRequest to a hello. */
void model_hvr(uint8_t ret[MODEL_HVR_LEN], const uint8_t *datagram, const uint8_t cookie[20]);

/* What a device does that was asked to fill in the checksums of an IP and UDP packet. */
void model_device_sums(uint8_t *frame, size_t l3, uint8_t family);

/* Makes the sums of the IP header and of UDP, ICMP or ICMPv6 at l4 right. */
void model_seal(uint8_t *frame, const struct model_packet *packet);
