/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "guard_page.h"
#include "parsing.h"
#include "unit.h"

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

static enum hg_verdict
run_partial(const struct frame *frame, bool *ret_partial)
{
	struct hg_net_packet packet;
	enum hg_verdict verdict = parsing_run(frame, frame->len, HG_NET_PARTIAL_SUM, &packet);

	if (verdict == HG_PASS)
		*ret_partial = packet.partial_sum;
	return verdict;
}

/* The sum of the pseudo header, uncomplemented: accepted where that is asked for, and nothing else is. */
static void
test_udp_checksum_partial(void **state)
{
	struct hg_net_packet packet;
	uint8_t payload[80];
	struct frame frame;
	bool partial;

	(void)state;
	parsing_fill(payload, sizeof(payload));
	for (unsigned int f = 0; f < 2; f++)
		for (unsigned int i = 0; i < 3 * sizeof(payload); i++) {
			uint8_t *field;
			unsigned int sum;

			frame_udp(&frame, parsing_families[f], i % 3, payload, i / 3);
			field = frame.bytes + frame.l4 + 6;
			assert_int_equal(run_partial(&frame, &partial), HG_PASS);
			assert_false(partial);
			sum = frame_pseudo_sum(&frame);
			frame_put16(field, sum);
			assert_int_equal(run_partial(&frame, &partial), HG_PASS);
			assert_true(partial);
			assert_int_equal(parsing_verdict(&frame), HG_DROP_UDP_CHECKSUM);
			assert_int_equal(parsing_run(&frame, frame.len, HG_NET_IP_CHECKED, &packet),
				HG_DROP_UDP_CHECKSUM);
			frame.bytes[frame.len - 1] ^= 0x10; /* which nobody can see then */
			assert_int_equal(run_partial(&frame, &partial),
				i / 3 == 0 ? HG_DROP_UDP_CHECKSUM : HG_PASS);
			frame.bytes[frame.len - 1] ^= 0x10;
			for (int wrong = -1; wrong <= 1; wrong += 2) {
				frame_put16(field, (unsigned int)((int)sum + wrong));
				assert_int_equal(
					run_partial(&frame, &partial), HG_DROP_UDP_CHECKSUM);
			}
			frame_put16(field, ~sum & 0xffff);
			assert_int_equal(run_partial(&frame, &partial), HG_DROP_UDP_CHECKSUM);
		}
}

/* Puts into the low half of the source address what makes the pseudo header's sum all ones. */
static void
make_all_ones(struct frame *frame)
{
	uint8_t *low = frame->bytes + frame->l3 + (frame->family == 4 ? 14 : 22);

	frame_put16(low, 0);
	frame_put16(low, 0xffffu - frame_pseudo_sum(frame));
	assert_int_equal(frame_pseudo_sum(frame), 0xffff);
}

/* The sum of a pseudo header may be all ones, is never 0, and may be right by chance. */
static void
test_udp_checksum_partial_edges(void **state)
{
	uint8_t word[2] = { 0 };
	struct frame frame;
	bool partial = false;

	(void)state;
	for (unsigned int f = 0; f < 2; f++) {
		uint8_t *field;

		parsing_build(&frame, parsing_families[f]);
		make_all_ones(&frame);
		frame_seal(&frame);
		field = frame.bytes + frame.l4 + 6;
		frame_put16(field, 0xffff);
		assert_int_equal(run_partial(&frame, &partial), HG_PASS);
		assert_true(partial);
		assert_int_equal(parsing_verdict(&frame), HG_DROP_UDP_CHECKSUM);
		/* 0 is not the same: no checksum, which IPv6 does not have. */
		frame_put16(field, 0);
		assert_int_equal(run_partial(&frame, &partial),
			parsing_families[f] == 4 ? HG_PASS : HG_DROP_UDP_CHECKSUM);
		assert_false(parsing_families[f] == 4 && partial);

		/* A checksum that is right, and looks partial too, is nothing but right. */
		frame_udp(&frame, parsing_families[f], 0, word, sizeof(word));
		frame_put16(frame.bytes + frame.l4 + 6, frame_pseudo_sum(&frame));
		frame_put16(frame.bytes + frame.l4 + 8,
			frame_checksum(frame.bytes + frame.l4, 10, frame_pseudo_sum(&frame)));
		assert_int_equal(parsing_verdict(&frame), HG_PASS);
		assert_int_equal(run_partial(&frame, &partial), HG_PASS);
		assert_false(partial);
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
		cmocka_unit_test(test_udp_checksum_partial),
		cmocka_unit_test(test_udp_checksum_partial_edges),
		cmocka_unit_test(test_pseudo_header),
		cmocka_unit_test(test_icmp_checksum),
	};

	return cmocka_run_group_tests(tests, guard_page_open, guard_page_close);
}
