/* SPDX-License-Identifier: BSD-3-Clause */
#include "model.h"

/* What a packet carries: from where to where, of which protocol. */
struct carried {
	unsigned int family;
	unsigned int protocol;
	size_t ip;
	size_t l4;
	size_t end;
};

static bool
is_in_ipv4(const uint8_t *frame, size_t seen, struct carried *c)
{
	const uint8_t *ip = frame + c->ip;
	size_t header, total;

	if (seen < c->ip + 20)
		return false;
	header = ip[0] % 16 * 4u;
	total = model_be16(ip + 2);
	c->protocol = ip[9];
	c->l4 = c->ip + header;
	c->end = c->ip + total;
	return header >= 20 && header <= total && c->l4 <= seen &&
	       model_be16(ip + 6) % 0x4000 == 0; /* no fragment */
}

static bool
is_in_ipv6(const uint8_t *frame, size_t seen, struct carried *c)
{
	const uint8_t *ip = frame + c->ip;
	unsigned int next;

	if (seen < c->ip + 40)
		return false;
	next = ip[6];
	c->l4 = c->ip + 40;
	c->end = c->l4 + model_be16(ip + 4);
	for (unsigned int n = 0; next == 0 || next == 43 || next == 51 || next == 60; n++) {
		const uint8_t *header = frame + c->l4;

		if (n == 6 || c->l4 + 8 > seen || c->l4 + 8 > c->end)
			return false;
		c->l4 += next == 51 ? header[1] * 4u + 8 : header[1] * 8u + 8;
		next = header[0];
		if (c->l4 > seen || c->l4 > c->end)
			return false;
	}
	c->protocol = next;
	return true;
}

bool
model_partial(const uint8_t *frame, size_t seen, size_t len, size_t *ret_l4, size_t *ret_end,
	size_t *ret_field)
{
	struct carried c = { 0 };
	unsigned int type = 0;
	size_t at = 12, field;

	for (; at + 2 <= seen; at += 4) {
		type = model_be16(frame + at);
		if (type != 0x8100 && type != 0x88a8)
			break;
	}
	if (at + 2 > seen || (type != 0x0800 && type != 0x86dd))
		return false;
	c.family = type == 0x0800 ? 4 : 6;
	c.ip = at + 2;
	if (c.family == 4 ? !is_in_ipv4(frame, seen, &c) : !is_in_ipv6(frame, seen, &c))
		return false;
	if (c.protocol != 17 && c.protocol != 6)
		return false;
	field = c.l4 + (c.protocol == 17 ? 6 : 16);
	if (c.end > len || field + 2 > c.end || field + 2 > seen)
		return false;
	if (c.protocol == 17 && model_be16(frame + c.l4 + 4) != c.end - c.l4)
		return false;
	*ret_l4 = c.l4;
	*ret_end = c.end;
	*ret_field = field;
	return model_be16(frame + field) ==
	       model_pseudo_sum(frame + c.ip, (uint8_t)c.family, c.protocol, c.end - c.l4);
}

bool
model_fill(uint8_t *frame, size_t seen, size_t len)
{
	size_t l4, end, field;
	uint16_t sum;

	if (!model_partial(frame, seen, len, &l4, &end, &field))
		return false;
	sum = (uint16_t)(0xffff - model_sum(frame + l4, end - l4, 0));
	if (sum == 0)
		sum = 0xffff;
	frame[field] = (uint8_t)(sum >> 8);
	frame[field + 1] = (uint8_t)sum;
	return true;
}
