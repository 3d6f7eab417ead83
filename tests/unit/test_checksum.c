/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "parsing.h"

static void
test_udp_length(void **state)
{
	static const int wrong[] = { -1, 1, -61, -69, 8, 1000 };
	struct frame frame;

	(void)state;
	for (unsigned int f = 0; f < 2; f++) {
		for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
			parsing_build(&frame, parsing_families[f]);
			frame_put16(frame.bytes + frame.l4 + 4, (unsigned int)(8 + 61 + wrong[i]));
			frame_seal_l4(&frame);
			assert_int_equal(parsing_verdict(&frame), HG_DROP_UDP_LENGTH);
		}
		frame_udp(&frame, parsing_families[f], 0, NULL, 0);
		assert_int_equal(parsing_verdict(&frame), HG_PASS);
		frame_put16(frame.bytes + frame.l4 + 4, 7);
		assert_int_equal(parsing_verdict(&frame), HG_DROP_UDP_LENGTH);
	}
}

static void
test_udp_checksum(void **state)
{
	struct hg_net_packet packet;
	uint8_t payload[80];
	struct frame frame;

	(void)state;
	parsing_fill(payload, sizeof(payload));
	for (unsigned int f = 0; f < 2; f++) {
		for (size_t len = 0; len <= sizeof(payload); len++) {
			frame_udp(&frame, parsing_families[f], 0, payload, len);
			assert_int_equal(parsing_verdict(&frame), HG_PASS);
			for (unsigned int bit = 0; bit < 8; bit++) {
				frame.bytes[frame.len - 1] ^= (uint8_t)(1 << bit);
				assert_int_equal(parsing_verdict(&frame), HG_DROP_UDP_CHECKSUM);
				assert_int_equal(
					parsing_run(&frame, frame.len, HG_NET_IP_CHECKED, &packet),
					HG_DROP_UDP_CHECKSUM);
				assert_int_equal(
					parsing_run(&frame, frame.len, HG_NET_L4_CHECKED, &packet),
					HG_PASS);
				frame.bytes[frame.len - 1] ^= (uint8_t)(1 << bit);
			}
		}
		/* RFC 768: none on IPv4; RFC 8200 8.1: IPv6 needs one, whatever the device says. */
		parsing_build(&frame, parsing_families[f]);
		frame_put16(frame.bytes + frame.l4 + 6, 0);
		assert_int_equal(parsing_verdict(&frame),
			parsing_families[f] == 4 ? HG_PASS : HG_DROP_UDP_CHECKSUM);
		assert_int_equal(parsing_run(&frame, frame.len, HG_NET_L4_CHECKED, &packet),
			parsing_families[f] == 4 ? HG_PASS : HG_DROP_UDP_CHECKSUM);
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

		frame_udp(&frame, parsing_families[f], 0, word, sizeof(word));
		sum = (uint16_t)((unsigned int)frame.bytes[frame.l4 + 6] << 8 |
				 frame.bytes[frame.l4 + 7]);
		frame_put16(word, sum);
		frame_udp(&frame, parsing_families[f], 0, word, sizeof(word));
		assert_int_equal(frame.bytes[frame.l4 + 6], 0xff);
		assert_int_equal(frame.bytes[frame.l4 + 7], 0xff);
		assert_int_equal(parsing_verdict(&frame), HG_PASS);
		frame.bytes[frame.l4 + 7] = 0xfe;
		assert_int_equal(parsing_verdict(&frame), HG_DROP_UDP_CHECKSUM);
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
	parsing_build(&frame, 6);
	for (unsigned int bit = 0; bit < 128; bit++) {
		uint8_t *bytes, *destination = frame.bytes + frame.l3 + 24;

		destination[bit / 8] ^= (uint8_t)(1 << bit % 8);
		memcpy(host.ipv6[0], destination, 16);
		bytes = parsing_place(&frame, frame.len);
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
	parsing_fill(rest, sizeof(rest));
	for (unsigned int f = 0; f < 2; f++)
		for (size_t len = 4; len <= sizeof(rest); len++) {
			frame_icmp(&frame, parsing_families[f], 0,
				parsing_families[f] == 4 ? 8 : 128, 0, rest, len);
			assert_int_equal(parsing_verdict(&frame), HG_PASS);
			frame.bytes[frame.len - 1] ^= 0x10;
			assert_int_equal(parsing_verdict(&frame), HG_DROP_ICMP_CHECKSUM);
		}
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

	return cmocka_run_group_tests(tests, parsing_open, parsing_close);
}
