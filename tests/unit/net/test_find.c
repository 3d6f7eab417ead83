/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "frames.h"
#include "guard_page.h"
#include "net/find.h"
#include "unit.h"

#define PAYLOAD 24u

/* Looks at the frame's first len bytes, and at nothing behind them. */
static enum hg_net_found
find(const struct frame *frame, size_t len, uint8_t tuple[HG_NET_TUPLE_MAX], uint8_t *ret_family)
{
	return hg_net_find_udp(guard_page_place(frame->bytes, len), len, tuple, ret_family);
}

/* Is it found to be the datagram whose ports are at l4, unless it is cut before their end? */
static void
assert_udp(const struct frame *frame, size_t l4)
{
	uint8_t tuple[HG_NET_TUPLE_MAX], family;
	size_t addresses = frame->family == 4 ? 8 : 32;
	size_t source = frame->l3 + (frame->family == 4 ? 12 : 8);

	for (size_t len = 0; len <= frame->len; len++) {
		if (len < l4 + 4) {
			assert_int_equal(find(frame, len, tuple, &family), HG_NET_FOUND_NOTHING);
			continue;
		}
		assert_int_equal(find(frame, len, tuple, &family), HG_NET_FOUND_UDP);
		assert_int_equal(family, frame->family);
		assert_memory_equal(tuple, frame->bytes + source, addresses);
		assert_memory_equal(tuple + addresses, frame->bytes + l4, 4);
	}
}

static void
assert_found(const struct frame *frame, enum hg_net_found expected)
{
	uint8_t tuple[HG_NET_TUPLE_MAX], family;

	assert_int_equal(find(frame, frame->len, tuple, &family), expected);
}

/* Puts len bytes before the ports, and accounts for them in the IP header's length. */
static void
insert(struct frame *frame, const uint8_t *bytes, size_t len)
{
	uint8_t *ip = frame->bytes + frame->l3, *length = ip + (frame->family == 4 ? 2 : 4);

	memmove(frame->bytes + frame->l4 + len, frame->bytes + frame->l4, frame->len - frame->l4);
	memcpy(frame->bytes + frame->l4, bytes, len);
	frame->len += len;
	frame_put16(length, (unsigned int)((length[0] << 8 | length[1]) + (int)len));
}

/* Puts an extension header there whose next one is that which was the first. */
static void
extend(struct frame *frame, uint8_t kind, uint8_t length, const uint8_t *rest, size_t len)
{
	uint8_t header[64] = { frame->bytes[frame->l3 + 6], length };

	memcpy(header + 2, rest, len - 2);
	frame->bytes[frame->l3 + 6] = kind;
	insert(frame, header, len);
}

static void
test_plain(void **state)
{
	static const uint8_t payload[PAYLOAD];
	struct frame frame;

	(void)state;
	for (unsigned int tags = 0; tags <= 2; tags++) {
		frame_udp(&frame, 4, tags, payload, PAYLOAD);
		assert_udp(&frame, frame.l4);
		frame_udp(&frame, 6, tags, payload, PAYLOAD);
		assert_udp(&frame, frame.l4);
		frame_icmp(&frame, 4, tags, 8, 0, payload, PAYLOAD);
		assert_found(&frame, HG_NET_FOUND_NO_UDP);
		frame_icmp(&frame, 6, tags, 128, 0, payload, PAYLOAD);
		assert_found(&frame, HG_NET_FOUND_NO_UDP);
		frame_arp(&frame, tags);
		assert_found(&frame, HG_NET_FOUND_NO_UDP);
	}
	frame_udp(&frame, 4, 3, payload, PAYLOAD);
	assert_found(&frame, HG_NET_FOUND_NO_UDP);
}

static void
test_ipv4(void **state)
{
	static const uint8_t payload[PAYLOAD], options[40];
	struct frame frame;

	(void)state;
	for (unsigned int words = 1; words <= 10; words++) {
		frame_udp(&frame, 4, 1, payload, PAYLOAD);
		insert(&frame, options, (size_t)words * 4);
		frame.bytes[frame.l3] = (uint8_t)(0x45 + words);
		assert_udp(&frame, frame.l4 + (size_t)words * 4);
	}
	frame_udp(&frame, 4, 0, payload, PAYLOAD);
	frame_put16(frame.bytes + frame.l3 + 6, 0x2000); /* the first of several fragments */
	assert_udp(&frame, frame.l4);
	frame_put16(frame.bytes + frame.l3 + 6, 0x0001);
	assert_found(&frame, HG_NET_FOUND_NO_UDP);
	frame_put16(frame.bytes + frame.l3 + 6, 0x3fff);
	assert_found(&frame, HG_NET_FOUND_NO_UDP);
	frame_put16(frame.bytes + frame.l3 + 6, 0);
	/* What is behind the IP packet is padding. */
	frame_put16(frame.bytes + frame.l3 + 2, 23);
	assert_found(&frame, HG_NET_FOUND_NOTHING);
	frame_put16(frame.bytes + frame.l3 + 2, 24);
	assert_found(&frame, HG_NET_FOUND_UDP);
	frame.bytes[frame.l3] = 0x44;
	assert_found(&frame, HG_NET_FOUND_NOTHING);
}

static void
test_ipv6(void **state)
{
	static const uint8_t payload[PAYLOAD], zero[64], later[6] = { 0, 8 };
	static const uint8_t kinds[] = { 0, 43, 60 };
	struct frame frame;

	(void)state;
	for (unsigned int k = 0; k < sizeof(kinds); k++)
		for (unsigned int length = 0; length < 3; length++) {
			frame_udp(&frame, 6, k, payload, PAYLOAD);
			extend(&frame, kinds[k], (uint8_t)length, zero, (length + 1) * 8u);
			assert_udp(&frame, frame.l4 + (length + 1) * 8u);
			extend(&frame, 60, 0, zero, 8);
			assert_udp(&frame, frame.l4 + (length + 2) * 8u);
		}
	frame_udp(&frame, 6, 0, payload, PAYLOAD);
	extend(&frame, 51, 4, zero, 24); /* authentication: in words of 4 bytes, less 2 */
	assert_udp(&frame, frame.l4 + 24);
	frame_udp(&frame, 6, 0, payload, PAYLOAD);
	extend(&frame, 44, 0, zero, 8);
	assert_udp(&frame, frame.l4 + 8);
	/* RFC 8200 4.5: the byte where others have their length is reserved, and ignored. */
	frame_udp(&frame, 6, 0, payload, PAYLOAD);
	extend(&frame, 44, 1, zero, 8);
	assert_udp(&frame, frame.l4 + 8);
	frame_udp(&frame, 6, 0, payload, PAYLOAD);
	extend(&frame, 44, 0, later, 8);
	assert_found(&frame, HG_NET_FOUND_NO_UDP);
	frame_udp(&frame, 6, 0, payload, PAYLOAD);
	extend(&frame, 50, 0, zero, 8); /* ESP: whatever is in it */
	assert_found(&frame, HG_NET_FOUND_NO_UDP);
	/* As many headers as a packet should have, and one more. */
	frame_udp(&frame, 6, 0, payload, PAYLOAD);
	for (unsigned int i = 0; i < 6; i++)
		extend(&frame, 60, 0, zero, 8);
	assert_udp(&frame, frame.l4 + 48);
	extend(&frame, 60, 0, zero, 8);
	assert_found(&frame, HG_NET_FOUND_NOTHING);
}

/* Is it found there, unless the frame is cut within the IP header, behind as many deep tags? */
static void
assert_destination(const struct frame *frame, unsigned int tags)
{
	size_t ip_len = frame->family == 4 ? 20 : 40, deep = 99;
	uint8_t family = 99;

	for (size_t len = 0; len <= frame->len; len++) {
		const uint8_t *bytes = guard_page_place(frame->bytes, len);
		const uint8_t *found = hg_net_find_destination(bytes, len, &family, &deep);

		if (len < frame->l3 + ip_len) {
			assert_null(found);
			assert_int_equal(family, 99);
			assert_int_equal(deep, 99);
			continue;
		}
		assert_ptr_equal(found, bytes + frame->l3 + (frame->family == 4 ? 16 : 24));
		assert_int_equal(family, frame->family);
		assert_int_equal(deep, tags > 2 ? 4 * (tags - 2) : 0);
		family = 99;
		deep = 99;
	}
}

static void
test_destination(void **state)
{
	static const uint8_t payload[PAYLOAD];
	uint8_t family, tags_only[12 + 400];
	struct frame frame;
	size_t deep;

	(void)state;
	for (unsigned int tags = 0; tags <= 7; tags++) {
		frame_udp(&frame, 4, tags, payload, PAYLOAD);
		assert_destination(&frame, tags);
		frame_icmp(&frame, 4, tags, 8, 0, payload, PAYLOAD);
		assert_destination(&frame, tags);
		frame_udp(&frame, 6, tags, payload, PAYLOAD);
		assert_destination(&frame, tags);
		frame_arp(&frame, tags);
		assert_null(hg_net_find_destination(frame.bytes, frame.len, &family, &deep));
	}
	/* What is in the IP header does not matter. */
	frame_udp(&frame, 4, 1, payload, PAYLOAD);
	memset(frame.bytes + frame.l3, 0xff, 16);
	assert_destination(&frame, 1);
	/* Nothing but tags, up to the end, wherever that is. */
	for (size_t i = 0; i < sizeof(tags_only); i++)
		tags_only[i] = i % 4 == 0 ? 0x81 : 0;
	for (size_t len = 0; len <= sizeof(tags_only); len++)
		assert_null(hg_net_find_destination(
			guard_page_place(tags_only, len), len, &family, &deep));
}

static bool
find_partial(const struct frame *frame, size_t len, struct hg_net_partial *ret_partial)
{
	return hg_net_find_partial(
		guard_page_place(frame->bytes, len), len, frame->len, ret_partial);
}

/* Is it found to lack the checksum at that place of its header, if as much of it is there? */
static void
assert_partial(struct frame *frame, size_t field)
{
	size_t l4 = frame->l4;
	uint8_t *sum = frame->bytes + l4 + field;
	struct hg_net_partial partial;

	assert_false(find_partial(frame, frame->len, &partial));
	frame_put16(sum, frame_pseudo_sum(frame));
	for (size_t len = 0; len <= frame->len; len++) {
		assert_int_equal(find_partial(frame, len, &partial), len >= l4 + field + 2);
		if (len < l4 + field + 2)
			continue;
		assert_int_equal(partial.l4, l4);
		assert_int_equal(partial.l4_len, frame->len - l4);
		assert_int_equal(partial.field, l4 + field);
	}
	sum[1] ^= 1;
	assert_false(find_partial(frame, frame->len, &partial));
	sum[1] ^= 1;
}

/* Makes TCP of a datagram: its checksum is elsewhere, and there is no length. */
static void
make_tcp(struct frame *frame)
{
	frame->bytes[frame->l3 + (frame->family == 4 ? 9 : 6)] = 6;
	memset(frame->bytes + frame->l4 + 4, 0x5a, 16);
}

static void
test_partial(void **state)
{
	static const uint8_t payload[PAYLOAD];
	struct hg_net_partial partial;
	struct frame frame;

	(void)state;
	for (unsigned int tags = 0; tags <= 5; tags++)
		for (uint8_t family = 4; family <= 6; family += 2) {
			frame_udp(&frame, family, tags, payload, PAYLOAD);
			assert_partial(&frame, 6);
			frame.len--; /* shorter than it says */
			assert_false(find_partial(&frame, frame.len, &partial));
			frame_udp(&frame, family, tags, payload, PAYLOAD);
			make_tcp(&frame);
			assert_partial(&frame, 16);
			frame_icmp(&frame, family, tags, 8, 0, payload, PAYLOAD);
			frame_put16(frame.bytes + frame.l4 + 6, frame_pseudo_sum(&frame));
			assert_false(find_partial(&frame, frame.len, &partial));
		}
	frame_arp(&frame, 0);
	assert_false(find_partial(&frame, frame.len, &partial));
	/* A length that is not that of the IP payload: nobody's kernel made this. */
	frame_udp(&frame, 4, 0, payload, PAYLOAD);
	frame_put16(frame.bytes + frame.l4 + 4, 8 + PAYLOAD - 1);
	frame_put16(frame.bytes + frame.l4 + 6, frame_pseudo_sum(&frame));
	assert_false(find_partial(&frame, frame.len, &partial));
	/* Nothing of the sum is there. */
	frame_udp(&frame, 4, 0, payload, 0);
	make_tcp(&frame);
	assert_false(find_partial(&frame, frame.len, &partial));
}

/* Behind options and extension headers, but not in fragments: a fragment has no sum of its own. */
static void
test_partial_behind(void **state)
{
	static const uint8_t payload[PAYLOAD], zero[40];
	struct hg_net_partial partial;
	struct frame frame;
	unsigned int sum;

	(void)state;
	frame_udp(&frame, 4, 1, payload, PAYLOAD);
	sum = frame_pseudo_sum(&frame);
	insert(&frame, zero, 40);
	frame.bytes[frame.l3] = 0x4f;
	frame_put16(frame.bytes + frame.l4 + 40 + 6, sum);
	assert_true(find_partial(&frame, frame.len, &partial));
	assert_int_equal(partial.field, frame.l4 + 40 + 6);

	frame_udp(&frame, 6, 0, payload, PAYLOAD);
	sum = frame_pseudo_sum(&frame);
	extend(&frame, 60, 0, zero, 8);
	frame_put16(frame.bytes + frame.l4 + 8 + 6, sum);
	assert_true(find_partial(&frame, frame.len, &partial));
	assert_int_equal(partial.field, frame.l4 + 8 + 6);

	frame_udp(&frame, 6, 0, payload, PAYLOAD);
	extend(&frame, 44, 0, zero, 8);
	frame_put16(frame.bytes + frame.l4 + 8 + 6, sum);
	assert_false(find_partial(&frame, frame.len, &partial));

	frame_udp(&frame, 4, 0, payload, PAYLOAD);
	frame_put16(frame.bytes + frame.l4 + 6, frame_pseudo_sum(&frame));
	assert_true(find_partial(&frame, frame.len, &partial));
	frame_put16(frame.bytes + frame.l3 + 6, 0x2000);
	assert_false(find_partial(&frame, frame.len, &partial));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_destination),
		cmocka_unit_test(test_partial),
		cmocka_unit_test(test_partial_behind),
	};

	return cmocka_run_group_tests(tests, guard_page_open, guard_page_close);
}
