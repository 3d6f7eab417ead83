/* SPDX-License-Identifier: BSD-3-Clause */
#include "repair.h"

#include <string.h>

#include "lab.h"

static void
put16(uint8_t *p, size_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void
put24(uint8_t *p, size_t value)
{
	p[0] = (uint8_t)(value >> 16);
	put16(p + 1, value);
}

struct model_packet
repair_locate(const uint8_t *frame, size_t len)
{
	struct model_packet m = { 0 };
	size_t at = 12, header, next;
	unsigned int type = 0;

	for (; at + 2 <= len; at += 4) {
		type = model_be16(frame + at);
		if (type != 0x8100 && type != 0x88a8)
			break;
	}
	m.l3 = at + 2;
	header = type == 0x0800 ? 20 : 40;
	next = type == 0x0800 ? 9 : 6;
	if ((type != 0x0800 && type != 0x86dd) || m.l3 + header + 8 > len)
		return m;
	m.family = type == 0x0800 ? 4 : 6;
	m.l4 = m.l3 + header;
	m.l4_len = len - m.l4;
	m.protocol = frame[m.l3 + next] == 17 ? HG_NET_UDP
		     : m.family == 4          ? HG_NET_ICMP
					      : HG_NET_ICMPV6;
	return m;
}

static void
repair_lengths(uint8_t *frame, const struct model_packet *m)
{
	uint8_t *ip = frame + m->l3;

	if (m->family == 4) {
		ip[0] = 0x45;
		put16(ip + 2, 20 + m->l4_len);
		put16(ip + 6, 0x4000);
	} else {
		ip[0] = (uint8_t)(0x60 | ip[0] % 16);
		put16(ip + 4, m->l4_len);
	}
	if (m->protocol == HG_NET_UDP)
		put16(frame + m->l4 + 4, m->l4_len);
}

static void
repair_addresses(uint8_t *frame, const struct model_packet *m, unsigned int peer, unsigned int port)
{
	bool six = m->family == 6;
	uint8_t *ip = frame + m->l3, tuple[36];

	lab_tuple(tuple, m->family, peer, port);
	if (m->protocol == HG_NET_UDP) {
		memcpy(ip + (six ? 8 : 12), tuple, six ? 36 : 12);
		return;
	}
	/* Echo requests and solicitations: the latter to a group as well, and about an address. */
	memcpy(ip + (six ? 8 : 12), tuple, six ? 16 : 4);
	if (!six || frame[0] % 2 == 0)
		memcpy(ip + (six ? 24 : 16), tuple + (six ? 16 : 4), six ? 16 : 4);
	if (six && frame[m->l4] == 135 && m->l4_len >= 24) {
		memcpy(frame + m->l4 + 8, tuple + 16, 16);
		ip[7] = 255;
	}
}

void
repair_hello(uint8_t *datagram, size_t len)
{
	if (len < 25)
		return;
	datagram[0] = 22;
	datagram[1] = 0xfe;
	put16(datagram + 3, 0);
	put16(datagram + 11, len - 13);
	datagram[13] = 1;
	put24(datagram + 14, len - 25);
	put16(datagram + 17, datagram[18] % 2);
	put24(datagram + 19, 0);
	put24(datagram + 22, len - 25);
}

void
repair_frame(uint8_t *frame, size_t len, unsigned int what, unsigned int peer, unsigned int port)
{
	const struct hg_net_host *host = &lab_host[port % LAB_PORTS];
	struct model_packet m = repair_locate(frame, len);

	if ((what & REPAIR_ETHER) != 0 && len >= 12) {
		if (frame[0] % 2 == 0 || (m.family != 0 && m.protocol != HG_NET_ICMPV6))
			memcpy(frame, host->mac, 6);
		frame[6] &= 0xfe;
	}
	if (m.family == 0)
		return;
	if ((what & REPAIR_ADDRESSES) != 0)
		repair_addresses(frame, &m, peer, port);
	if ((what & REPAIR_HELLO) != 0 && m.protocol == HG_NET_UDP)
		repair_hello(frame + m.l4 + 8, m.l4_len - 8);
	if ((what & REPAIR_LENGTHS) != 0)
		repair_lengths(frame, &m);
	if ((what & REPAIR_SUMS) != 0)
		model_seal(frame, &m);
}

void
repair_partial(uint8_t *frame, size_t len)
{
	struct model_packet m = repair_locate(frame, len);
	unsigned int protocol;
	size_t field;

	if (m.family == 0)
		return;
	protocol = frame[m.l3 + (m.family == 4 ? 9 : 6)];
	field = protocol == 6 ? 16 : 6;
	if ((protocol == 6 || protocol == 17) && m.l4_len >= field + 2)
		put16(frame + m.l4 + field,
			model_pseudo_sum(frame + m.l3, m.family, protocol, m.l4_len));
}

size_t
repair_cookie(uint8_t *datagram, size_t len, size_t max, const uint8_t cookie[20])
{
	struct model_hello hello = model_hello(datagram, len);
	size_t tail, grown;

	if (hello.verdict != HG_PASS || !hello.is_hello)
		return len;
	tail = len - hello.offer;
	grown = hello.cookie + HG_COOKIE_LEN + tail;
	if (grown > max || hello.record_len + HG_COOKIE_LEN > 0xffff ||
		hello.message_len + HG_COOKIE_LEN > 0xffffff)
		return len;
	memmove(datagram + hello.cookie + HG_COOKIE_LEN, datagram + hello.offer, tail);
	datagram[hello.cookie - 1] = HG_COOKIE_LEN;
	memcpy(datagram + hello.cookie, cookie, HG_COOKIE_LEN);
	/* The message and its only fragment grow, or shrink, with it. */
	put16(datagram + 11, hello.record_len - 13 + HG_COOKIE_LEN - hello.cookie_len);
	put24(datagram + 14, hello.message_len + HG_COOKIE_LEN - hello.cookie_len);
	put24(datagram + 22, hello.record_len - 25 + HG_COOKIE_LEN - hello.cookie_len);
	return grown;
}
