/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "frames.h"
#include "guard.h"
#include "net/packet.h"

static const uint8_t families[] = { 4, 6 };
static struct guard guard;

/* Parses len bytes of a frame that end at a page that cannot be read. */
static enum hg_verdict
parse_as(const struct frame *frame, size_t len, unsigned int checked, struct hg_net_packet *packet)
{
	uint8_t *bytes = guard_place(&guard, frame->bytes, len);
	enum hg_verdict verdict = hg_net_parse(bytes, len, &frame_host, checked, packet);

	assert_memory_equal(bytes, frame->bytes, len);
	return verdict;
}

static enum hg_verdict
parse(const struct frame *frame)
{
	struct hg_net_packet packet;

	return parse_as(frame, frame->len, 0, &packet);
}

static void
fill(uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 151 + 3);
}

static void
build(struct frame *frame, uint8_t family)
{
	uint8_t payload[61];

	fill(payload, sizeof(payload));
	frame_udp(frame, family, 0, payload, sizeof(payload));
}

static void
test_udp_length(void **state)
{
	static const int wrong[] = { -1, 1, -61, -69, 8, 1000 };
	struct frame frame;

	(void)state;
	for (unsigned int f = 0; f < 2; f++) {
		for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
			build(&frame, families[f]);
			frame_put16(frame.bytes + frame.l4 + 4, (unsigned int)(8 + 61 + wrong[i]));
			frame_seal_l4(&frame);
			assert_int_equal(parse(&frame), HG_DROP_UDP_LENGTH);
		}
		frame_udp(&frame, families[f], 0, NULL, 0);
		assert_int_equal(parse(&frame), HG_PASS);
		frame_put16(frame.bytes + frame.l4 + 4, 7);
		assert_int_equal(parse(&frame), HG_DROP_UDP_LENGTH);
	}
}

static void
test_udp_checksum(void **state)
{
	struct hg_net_packet packet;
	uint8_t payload[80];
	struct frame frame;

	(void)state;
	fill(payload, sizeof(payload));
	for (unsigned int f = 0; f < 2; f++) {
		for (size_t len = 0; len <= sizeof(payload); len++) {
			frame_udp(&frame, families[f], 0, payload, len);
			assert_int_equal(parse(&frame), HG_PASS);
			for (unsigned int bit = 0; bit < 8; bit++) {
				frame.bytes[frame.len - 1] ^= (uint8_t)(1 << bit);
				assert_int_equal(parse(&frame), HG_DROP_UDP_CHECKSUM);
				assert_int_equal(
					parse_as(&frame, frame.len, HG_NET_IP_CHECKED, &packet),
					HG_DROP_UDP_CHECKSUM);
				assert_int_equal(
					parse_as(&frame, frame.len, HG_NET_L4_CHECKED, &packet),
					HG_PASS);
				frame.bytes[frame.len - 1] ^= (uint8_t)(1 << bit);
			}
		}
		/* RFC 768: none on IPv4; RFC 8200 8.1: IPv6 needs one, whatever the device says. */
		build(&frame, families[f]);
		frame_put16(frame.bytes + frame.l4 + 6, 0);
		assert_int_equal(parse(&frame), families[f] == 4 ? HG_PASS : HG_DROP_UDP_CHECKSUM);
		assert_int_equal(parse_as(&frame, frame.len, HG_NET_L4_CHECKED, &packet),
			families[f] == 4 ? HG_PASS : HG_DROP_UDP_CHECKSUM);
	}
}

/* A sum of zero is sent as all ones, and accepted as that. */
static void
test_udp_checksum_all_ones(void **state)
{
	struct frame frame;
	uint16_t sum;

	(void)state;
	for (unsigned int f = 0; f < 2; f++) {
		uint8_t word[2] = { 0 };

		frame_udp(&frame, families[f], 0, word, sizeof(word));
		sum = (uint16_t)((unsigned int)frame.bytes[frame.l4 + 6] << 8 |
				 frame.bytes[frame.l4 + 7]);
		frame_put16(word, sum);
		frame_udp(&frame, families[f], 0, word, sizeof(word));
		assert_int_equal(frame.bytes[frame.l4 + 6], 0xff);
		assert_int_equal(frame.bytes[frame.l4 + 7], 0xff);
		assert_int_equal(parse(&frame), HG_PASS);
		frame.bytes[frame.l4 + 7] = 0xfe;
		assert_int_equal(parse(&frame), HG_DROP_UDP_CHECKSUM);
	}
}

/* One wrong bit anywhere in the pseudo header is noticed too. */
static void
test_pseudo_header(void **state)
{
	struct hg_net_host host = frame_host;
	struct hg_net_packet packet;
	struct frame frame;

	(void)state;
	build(&frame, 6);
	for (unsigned int bit = 0; bit < 128; bit++) {
		uint8_t *bytes, *destination = frame.bytes + frame.l3 + 24;

		destination[bit / 8] ^= (uint8_t)(1 << bit % 8);
		memcpy(host.ipv6[0], destination, 16);
		bytes = guard_place(&guard, frame.bytes, frame.len);
		assert_int_equal(
			hg_net_parse(bytes, frame.len, &host, 0, &packet), HG_DROP_UDP_CHECKSUM);
		destination[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void
test_icmp_checksum(void **state)
{
	uint8_t rest[41];
	struct frame frame;

	(void)state;
	fill(rest, sizeof(rest));
	for (unsigned int f = 0; f < 2; f++)
		for (size_t len = 4; len <= sizeof(rest); len++) {
			frame_icmp(
				&frame, families[f], 0, families[f] == 4 ? 8 : 128, 0, rest, len);
			assert_int_equal(parse(&frame), HG_PASS);
			frame.bytes[frame.len - 1] ^= 0x10;
			assert_int_equal(parse(&frame), HG_DROP_ICMP_CHECKSUM);
		}
}

static int
open_guard(void **state)
{
	(void)state;
	guard_open(&guard, FRAME_MAX);
	return 0;
}

static int
close_guard(void **state)
{
	(void)state;
	guard_close(&guard);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_udp_length),
		cmocka_unit_test(test_udp_checksum),
		cmocka_unit_test(test_udp_checksum_all_ones),
		cmocka_unit_test(test_pseudo_header),
		cmocka_unit_test(test_icmp_checksum),
	};

	return cmocka_run_group_tests(tests, open_guard, close_guard);
}
