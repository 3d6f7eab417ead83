/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "frames.h"
#include "unit.h"

#define UDP 17
#define ICMP 1
#define ICMPV6 58

const uint8_t frame_host_mac[6] = { 2, 0, 0, 0, 0, 0x0a };
const uint8_t frame_peer_mac[6] = { 2, 0, 0, 0, 0, 0x0b };
const uint8_t frame_host_ipv4[4] = { 198, 18, 0, 1 };
const uint8_t frame_peer_ipv4[4] = { 198, 18, 0, 77 };
const uint8_t frame_host_ipv6[16] = { 0x20, 1, 0, 2, [15] = 1 };
const uint8_t frame_peer_ipv6[16] = { 0x20, 1, 0, 2, [14] = 0xbe, [15] = 0xef };

const struct hg_net_host frame_host = {
	.mac = { 2, 0, 0, 0, 0, 0x0a },
	.n_ipv4 = 2,
	.n_ipv6 = 3,
	.ipv4 = {
		{ { 198, 18, 0, 1 }, { 198, 18, 0, 255 }, { 198, 18, 0, 0 } },
		{ { 203, 0, 113, 9 }, { 203, 0, 113, 9 }, { 203, 0, 113, 9 } },
	},
	.ipv6 = {
		{ 0x20, 1, 0, 2, [15] = 1 },
		{ 0x20, 1, 0, 2, [13] = 0x12, 0x34, 0x56 },
		{ 0xfe, 0x80, [15] = 1 },
	},
};

void
frame_put16(uint8_t *p, unsigned int v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static unsigned int
get16(const uint8_t *p)
{
	return (unsigned int)p[0] << 8 | p[1];
}

static uint32_t
add_words(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

uint16_t
frame_checksum(const uint8_t *p, size_t len, uint32_t sum)
{
	return (uint16_t)~add_words(p, len, sum);
}

/* Bytes behind the IP header, as the header says. */
static size_t
l4_len(const struct frame *frame)
{
	const uint8_t *ip = frame->bytes + frame->l3;

	return frame->family == 4 ? get16(ip + 2) - 20 : get16(ip + 4);
}

uint16_t
frame_pseudo_sum(const struct frame *frame)
{
	const uint8_t *ip = frame->bytes + frame->l3;
	uint8_t tail[4] = { 0 };

	frame_put16(tail, (unsigned int)l4_len(frame));
	tail[3] = frame->family == 4 ? ip[9] : ip[6];
	if (frame->family == 4)
		return (uint16_t)add_words(ip + 12, 8, add_words(tail, 4, 0));
	return (uint16_t)add_words(ip + 8, 32, add_words(tail, 4, 0));
}

void
frame_seal_ipv4(struct frame *frame)
{
	uint8_t *ip = frame->bytes + frame->l3;

	frame_put16(ip + 10, 0);
	frame_put16(ip + 10, frame_checksum(ip, 20, 0));
}

void
frame_seal_l4(struct frame *frame)
{
	const uint8_t *ip = frame->bytes + frame->l3;
	uint8_t protocol = frame->family == 4 ? ip[9] : ip[6];
	uint8_t *l4 = frame->bytes + frame->l4;
	uint8_t *field = protocol == UDP ? l4 + 6 : l4 + 2;
	uint16_t sum;

	frame_put16(field, 0);
	sum = frame_checksum(l4, l4_len(frame), protocol == ICMP ? 0 : frame_pseudo_sum(frame));
	frame_put16(field, sum == 0 && protocol == UDP ? 0xffff : sum);
}

void
frame_seal(struct frame *frame)
{
	if (frame->family == 4)
		frame_seal_ipv4(frame);
	frame_seal_l4(frame);
}

static void
add_ether(struct frame *frame, unsigned int tags, unsigned int type)
{
	uint8_t *p = frame->bytes + 12;

	memset(frame, 0, sizeof(*frame));
	memcpy(frame->bytes, frame_host_mac, 6);
	memcpy(frame->bytes + 6, frame_peer_mac, 6);
	for (unsigned int i = 0; i < tags; i++, p += 4) {
		frame_put16(p, tags > 1 && i == 0 ? 0x88a8 : 0x8100);
		frame_put16(p + 2, 0x6000 + 100 * i + 7);
	}
	frame_put16(p, type);
	frame->l3 = (size_t)(p + 2 - frame->bytes);
}

static void
add_ip(struct frame *frame, uint8_t family, unsigned int tags, uint8_t protocol, size_t len)
{
	static const uint8_t ipv4[12] = { 0x45, 0xb8, 0, 0, 0x12, 0x34, 0, 0, 3 };
	static const uint8_t ipv6[8] = { 0x6b, 0x81, 0x23, 0x45, 0, 0, 0, 5 };
	uint8_t *ip;

	add_ether(frame, tags, family == 4 ? 0x0800 : 0x86dd);
	ip = frame->bytes + frame->l3;
	frame->family = family;
	if (family == 4) {
		memcpy(ip, ipv4, sizeof(ipv4));
		frame_put16(ip + 2, (unsigned int)(20 + len));
		ip[9] = protocol;
		memcpy(ip + 12, frame_peer_ipv4, 4);
		memcpy(ip + 16, frame_host_ipv4, 4);
		frame->l4 = frame->l3 + 20;
	} else {
		memcpy(ip, ipv6, sizeof(ipv6));
		frame_put16(ip + 4, (unsigned int)len);
		ip[6] = protocol;
		memcpy(ip + 8, frame_peer_ipv6, 16);
		memcpy(ip + 24, frame_host_ipv6, 16);
		frame->l4 = frame->l3 + 40;
	}
	frame->len = frame->l4 + len;
	assert_true(frame->len <= FRAME_MAX);
}

void
frame_udp(struct frame *frame, uint8_t family, unsigned int tags, const void *payload, size_t len)
{
	uint8_t *udp;

	add_ip(frame, family, tags, UDP, 8 + len);
	udp = frame->bytes + frame->l4;
	frame_put16(udp, FRAME_PEER_PORT);
	frame_put16(udp + 2, FRAME_HOST_PORT);
	frame_put16(udp + 4, (unsigned int)(8 + len));
	if (len != 0)
		memcpy(udp + 8, payload, len);
	frame_seal(frame);
}

void
frame_udp_answer(struct frame *frame, uint8_t family, unsigned int tags, const void *payload,
	size_t len, bool sums)
{
	uint8_t *ip, *udp;

	frame_udp(frame, family, tags, payload, len);
	ip = frame->bytes + frame->l3;
	udp = frame->bytes + frame->l4;
	memcpy(frame->bytes, frame_peer_mac, 6);
	memcpy(frame->bytes + 6, frame_host_mac, 6);
	frame_put16(udp, FRAME_HOST_PORT);
	frame_put16(udp + 2, FRAME_PEER_PORT);
	if (family == 4) {
		ip[1] = 0;
		frame_put16(ip + 4, 0);
		frame_put16(ip + 6, 0x4000);
		ip[8] = 64;
		memcpy(ip + 12, frame_host_ipv4, 4);
		memcpy(ip + 16, frame_peer_ipv4, 4);
	} else {
		memset(ip, 0, 4);
		ip[0] = 0x60;
		ip[7] = 64;
		memcpy(ip + 8, frame_host_ipv6, 16);
		memcpy(ip + 24, frame_peer_ipv6, 16);
	}
	if (sums) {
		frame_seal(frame);
		return;
	}
	if (family == 4)
		frame_put16(ip + 10, 0);
	frame_put16(udp + 6, frame_pseudo_sum(frame));
}

void
frame_icmp(struct frame *frame, uint8_t family, unsigned int tags, uint8_t type, uint8_t code,
	const void *rest, size_t len)
{
	uint8_t *icmp;

	add_ip(frame, family, tags, family == 4 ? ICMP : ICMPV6, 4 + len);
	icmp = frame->bytes + frame->l4;
	icmp[0] = type;
	icmp[1] = code;
	memcpy(icmp + 4, rest, len);
	frame_seal(frame);
}

void
frame_solicit(struct frame *frame, unsigned int tags, const uint8_t *target, const void *options,
	size_t len)
{
	uint8_t rest[256] = { 0 };

	assert_true(20 + len <= sizeof(rest));
	memcpy(rest + 4, target, 16);
	if (len != 0)
		memcpy(rest + 20, options, len);
	frame_icmp(frame, 6, tags, 135, 0, rest, 20 + len);
	frame->bytes[frame->l3 + 7] = 255;
}

void
frame_arp(struct frame *frame, unsigned int tags)
{
	static const uint8_t request[8] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	uint8_t *arp;

	add_ether(frame, tags, 0x0806);
	memset(frame->bytes, 0xff, 6);
	arp = frame->bytes + frame->l3;
	memcpy(arp, request, sizeof(request));
	memcpy(arp + 8, frame_peer_mac, 6);
	memcpy(arp + 14, frame_peer_ipv4, 4);
	memcpy(arp + 24, frame_host_ipv4, 4);
	frame->l4 = frame->l3;
	frame->len = frame->l3 + 28;
}
