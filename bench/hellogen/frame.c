/* SPDX-License-Identifier: BSD-3-Clause */
#include "frame.h"

#include <string.h>

#include "base/bytes.h"

#define ETHER_IPV4 0x0800u
#define ETHER_IPV6 0x86ddu
#define PROTOCOL_UDP 17u
#define TTL 64u

/* Random and number begin at odd offsets: their bytes are in the other halves of the sum's words. */
_Static_assert(HELLO_RANDOM % 2 == 1 && (RECORD_SEQ + 2) % 2 == 1, "");

static inline uint32_t
fold(uint64_t sum)
{
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint32_t)((sum & 0xffff) + (sum >> 16));
}

uint32_t
frame_sum(const uint8_t *bytes, size_t len, uint32_t sum)
{
	uint64_t total = sum;
	uint16_t word = 0;

	for (; len >= 2; len -= 2, bytes += 2) {
		memcpy(&word, bytes, sizeof(word));
		total += word;
	}
	return fold(total + (len == 1 ? bytes[0] : 0));
}

static uint8_t *
put_ip(struct blueprint *b, const struct frame_link *link, uint16_t udp_len)
{
	const struct address *target = &link->target;
	uint8_t *ip = b->bytes + FRAME_ETHER;
	uint16_t swapped = __builtin_bswap16(udp_len);

	b->udp_sum = (uint32_t)PROTOCOL_UDP << 8;
	b->udp_sum = frame_sum((const uint8_t *)&swapped, sizeof(swapped), b->udp_sum);
	if (target->family == 4) {
		ip[0] = 0x45;
		hg_store_be16(ip + 2, (uint16_t)(FRAME_IPV4 + udp_len));
		ip[6] = 0x40; /* do not fragment */
		ip[8] = TTL;
		ip[9] = PROTOCOL_UDP;
		memcpy(ip + 16, target->bytes, 4);
		b->ip_sum = frame_sum(ip, FRAME_IPV4, 0);
		b->udp_sum = frame_sum(ip + 16, 4, b->udp_sum);
		return ip + FRAME_IPV4;
	}
	ip[0] = 0x60;
	hg_store_be16(ip + 4, udp_len);
	ip[6] = PROTOCOL_UDP;
	ip[7] = TTL;
	memcpy(ip + 24, target->bytes, 16);
	b->udp_sum = frame_sum(ip + 24, 16, b->udp_sum);
	return ip + FRAME_IPV6;
}

void
frame_plan(struct blueprint *ret_blueprint, const struct frame_link *link, const uint8_t *payload,
	uint16_t len, enum frame_fresh fresh, enum frame_damage damage)
{
	struct blueprint *b = ret_blueprint;
	uint8_t *udp;

	memset(b, 0, sizeof(*b));
	b->family = link->target.family;
	b->damage = (uint8_t)damage;
	b->fresh = (uint8_t)fresh;
	memcpy(b->bytes, link->far_mac, 6);
	memcpy(b->bytes + 6, link->own_mac, 6);
	hg_store_be16(b->bytes + 12, b->family == 4 ? ETHER_IPV4 : ETHER_IPV6);
	udp = put_ip(b, link, (uint16_t)(FRAME_UDP + len));
	hg_store_be16(udp + 2, link->target.port);
	hg_store_be16(udp + 4, (uint16_t)(FRAME_UDP + len));
	if (damage == FRAME_BAD_UDP_LENGTH)
		hg_store_be16(udp + 4, (uint16_t)(FRAME_UDP + len + 1));
	memcpy(udp + FRAME_UDP, payload, len);
	b->payload = (uint16_t)(udp + FRAME_UDP - b->bytes);
	b->len = (uint16_t)(b->payload + len);
	if (fresh == FRAME_HELLO)
		memset(b->bytes + b->payload + HELLO_RANDOM, 0, HELLO_RANDOM_LEN);
	if (fresh != FRAME_FIXED)
		memset(b->bytes + b->payload + RECORD_SEQ + 2, 0, 4);
	b->udp_sum = frame_sum(udp, (size_t)FRAME_UDP + len, b->udp_sum);
}

static inline uint64_t
sum_of(uint64_t word)
{
	return (word & UINT32_MAX) + (word >> 32);
}

static void
put_sums(const struct blueprint *b, uint8_t *ip, uint8_t *udp, uint32_t source, uint32_t rest)
{
	uint16_t sum = (uint16_t)~fold((uint64_t)b->udp_sum + source + rest);

	if (sum == 0)
		sum = 0xffff; /* RFC 768: 0 says that there is none */
	if (b->damage == FRAME_BAD_UDP_SUM || (b->damage == FRAME_BAD_IP_SUM && b->family == 6)) {
		sum ^= 0x5555;
		sum = sum == 0 ? 1 : sum;
	}
	memcpy(udp + 6, &sum, sizeof(sum));
	if (b->family != 4)
		return;
	sum = (uint16_t)~fold((uint64_t)b->ip_sum + source);
	if (b->damage == FRAME_BAD_IP_SUM)
		sum ^= 0x5555;
	memcpy(ip + 10, &sum, sizeof(sum));
}

void
frame_write(const struct blueprint *blueprint, const struct source *source,
	const uint64_t random[4], uint32_t record_seq, uint8_t *ret_frame)
{
	uint8_t *payload = ret_frame + blueprint->payload, *udp = payload - FRAME_UDP;
	uint8_t *ip = ret_frame + FRAME_ETHER;
	uint64_t address[2] = { 0, 0 };
	uint64_t odd = 0;

	memcpy(ret_frame, blueprint->bytes, blueprint->len);
	if (blueprint->family == 4) {
		memcpy(ip + 12, source->address, 4);
		memcpy(address, source->address, 4);
	} else {
		memcpy(ip + 8, source->address, 16);
		memcpy(address, source->address, 16);
	}
	memcpy(udp, &source->port, 2);
	if (blueprint->fresh == FRAME_HELLO) {
		memcpy(payload + HELLO_RANDOM, random, HELLO_RANDOM_LEN);
		for (unsigned int i = 0; i < 4; i++)
			odd += sum_of(random[i]);
	}
	if (blueprint->fresh != FRAME_FIXED) {
		uint32_t number = __builtin_bswap32(record_seq);

		memcpy(payload + RECORD_SEQ + 2, &number, sizeof(number));
		odd = __builtin_bswap16((uint16_t)fold(odd + number));
	}
	put_sums(blueprint, ip, udp, fold(sum_of(address[0]) + sum_of(address[1])),
		(uint32_t)odd + source->port);
}

void
frame_fill(const struct blueprint *blueprint, uint8_t *frame, size_t at, const uint8_t *bytes,
	size_t len)
{
	uint8_t *payload = frame + blueprint->payload, *field = payload - FRAME_UDP + 6;
	uint32_t sum = frame_sum(bytes, len, 0);
	uint16_t before;

	memcpy(payload + at, bytes, len);
	if (at % 2 == 1)
		sum = __builtin_bswap16((uint16_t)sum);
	memcpy(&before, field, sizeof(before));
	before = (uint16_t)~fold((uint64_t)(uint16_t)~before + sum);
	if (before == 0)
		before = 0xffff;
	memcpy(field, &before, sizeof(before));
}
