/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "frames.h"
#include "guard_page.h"
#include "net/answer.h"
#include "net/path.h"
#include "unit.h"

static const uint8_t families[] = { 4, 6 };
static const uint8_t any[16];

/* Places a frame with room bytes behind it before the guard page and parses it. */
static uint8_t *
receive(const struct frame *frame, size_t room, struct hg_net_packet *packet)
{
	uint8_t area[FRAME_MAX + 64];
	uint8_t *bytes;

	memset(area, 0xcc, sizeof(area));
	memcpy(area, frame->bytes, frame->len);
	bytes = guard_page_place(area, frame->len + room);
	assert_int_equal(hg_net_parse(bytes, frame->len, &frame_host, 0, packet), HG_PASS);
	return bytes;
}

static void
fill(uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 151 + 3);
}

/* One's complement sum in memory order, byte by byte. */
static uint64_t
memory_sum(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint64_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += (uint64_t)p[i] << (i % 2 * 8);
	return sum;
}

static void
test_udp(void **state)
{
	uint8_t question[90], answer[120];
	struct frame frame, expected;
	struct hg_net_packet packet;

	(void)state;
	fill(question, sizeof(question));
	fill(answer, sizeof(answer));
	for (unsigned int i = 0; i < 2 * 3 * 2; i++)
		for (uint16_t len = 0; len <= sizeof(answer); len++) {
			uint8_t family = families[i & 1];
			bool device_sums = (i & 2) != 0;
			uint8_t *bytes;

			frame_udp(&frame, family, i / 4, question, sizeof(question));
			bytes = receive(&frame, len > 90 ? len - 90u : 0, &packet);
			memcpy(hg_net_payload(&packet), answer, len);
			frame_udp_answer(&expected, family, i / 4, answer, len, !device_sums);
			assert_int_equal(hg_net_answer_udp(&packet, len, memory_sum(answer, len),
						 device_sums),
				expected.len);
			assert_memory_equal(bytes, expected.bytes, expected.len);
		}
}

/* RFC 768: a checksum that comes to zero is sent as all ones. */
static void
test_udp_checksum_never_zero(void **state)
{
	struct frame frame, expected;
	struct hg_net_packet packet;

	(void)state;
	for (unsigned int f = 0; f < 2; f++) {
		uint8_t word[2] = { 0 }, *bytes;

		frame_udp_answer(&expected, families[f], 0, word, 2, true);
		memcpy(word, expected.bytes + expected.l4 + 6, 2);
		frame_udp(&frame, families[f], 0, word, 2);
		bytes = receive(&frame, 0, &packet);
		assert_int_equal(
			hg_net_answer_udp(&packet, 2, memory_sum(word, 2), false), expected.len);
		assert_int_equal(bytes[frame.l4 + 6], 0xff);
		assert_int_equal(bytes[frame.l4 + 7], 0xff);
	}
}

/* The peer that gets the answer must accept it, and can answer it in turn. */
static void
test_udp_is_accepted_by_the_peer(void **state)
{
	struct hg_net_host peer = { .n_ipv4 = 1, .n_ipv6 = 1 };
	struct hg_net_packet packet, back;
	struct frame frame;

	(void)state;
	memcpy(peer.mac, frame_peer_mac, 6);
	memcpy(peer.ipv4[0].address, frame_peer_ipv4, 4);
	memcpy(peer.ipv6[0], frame_peer_ipv6, 16);
	for (unsigned int f = 0; f < 2; f++) {
		uint8_t *bytes;
		size_t len;

		frame_udp(&frame, families[f], 2, "question", 8);
		bytes = receive(&frame, 0, &packet);
		memcpy(hg_net_payload(&packet), "reply", 5);
		len = hg_net_answer_udp(&packet, 5, memory_sum("reply", 5), false);
		assert_int_equal(hg_net_parse(bytes, len, &peer, 0, &back), HG_PASS);
		assert_int_equal(hg_net_payload_len(&back), 5);
		assert_memory_equal(hg_net_payload(&back), "reply", 5);
	}
}

static void
test_path(void **state)
{
	uint8_t payload[120], area[FRAME_MAX];
	struct frame frame, expected;
	struct hg_net_packet packet;
	struct hg_net_path path;

	(void)state;
	fill(payload, sizeof(payload));
	for (unsigned int i = 0; i < 2 * 3 * 2; i++)
		for (uint16_t len = 0; len <= sizeof(payload); len++) {
			uint8_t family = families[i & 1], *bytes;
			bool device_sums = (i & 2) != 0;

			frame_udp(&frame, family, i / 4, "question", 8);
			bytes = receive(&frame, 0, &packet);
			memset(&path, 0xee, sizeof(path));
			hg_net_path_init(&path, &packet);
			assert_memory_equal(bytes, frame.bytes, frame.len);
			assert_int_equal(path.family, family);
			assert_int_equal(path.l3_offset, frame.l3);
			assert_int_equal(path.header_len, frame.l4 + 8);
			assert_true(path.header_len <= HG_NET_PATH_MAX);

			frame_udp_answer(&expected, family, i / 4, payload, len, !device_sums);
			memset(area, 0xee, sizeof(area));
			memcpy(area + path.header_len, payload, len);
			bytes = guard_page_place(area, expected.len);
			assert_int_equal(
				hg_net_path_write(&path, bytes, len, device_sums), expected.len);
			assert_memory_equal(bytes, expected.bytes, expected.len);
		}
}

static void
test_path_longest_payload(void **state)
{
	struct hg_net_packet packet;
	struct hg_net_path path;
	struct frame frame;

	(void)state;
	for (unsigned int f = 0; f < 2; f++) {
		uint16_t len = families[f] == 4 ? 65535 - 20 - 8 : 65535 - 8;
		size_t whole = HG_NET_ETHER_LEN + 8 + len +
			       (families[f] == 4 ? HG_NET_IPV4_LEN : HG_NET_IPV6_LEN);
		uint8_t *bytes = guard_page_before(whole);
		struct hg_net_host peer = { .n_ipv4 = 1, .n_ipv6 = 1 };

		memcpy(peer.mac, frame_peer_mac, 6);
		memcpy(peer.ipv4[0].address, frame_peer_ipv4, 4);
		memcpy(peer.ipv6[0], frame_peer_ipv6, 16);
		frame_udp(&frame, families[f], 0, "x", 1);
		receive(&frame, 0, &packet);
		hg_net_path_init(&path, &packet);
		memset(bytes, 0xff, whole);
		assert_int_equal(hg_net_path_write(&path, bytes, len, false), whole);
		assert_int_equal(hg_net_parse(bytes, whole, &peer, 0, &packet), HG_PASS);
		assert_int_equal(hg_net_payload_len(&packet), len);
	}
}

static void
test_arp(void **state)
{
	struct frame frame, expected;
	struct hg_net_packet packet;
	uint8_t *arp, *bytes;

	(void)state;
	for (unsigned int i = 0; i < 3 * 4; i++) {
		frame_arp(&frame, i / 4);
		arp = frame.bytes + frame.l3;
		if ((i & 1) != 0) /* asked directly, as a neighbour that is checked */
			memcpy(frame.bytes, frame_host_mac, 6);
		if ((i & 2) != 0)
			memset(arp + 14, 0, 4); /* RFC 5227 2.1.1: a probe */
		memcpy(arp + 24, frame_host.ipv4[i % 2].address, 4);
		memset(arp + 18, 0x77, 6); /* RFC 826: means nothing in a request */

		expected = frame;
		memcpy(expected.bytes, frame_peer_mac, 6);
		memcpy(expected.bytes + 6, frame_host_mac, 6);
		arp = expected.bytes + expected.l3;
		arp[7] = 2;
		memcpy(arp + 18, frame.bytes + frame.l3 + 8, 10);
		memcpy(arp + 8, frame_host_mac, 6);
		memcpy(arp + 14, frame_host.ipv4[i % 2].address, 4);
		bytes = receive(&frame, 0, &packet);
		assert_int_equal(hg_net_answer_arp(&packet, &frame_host), expected.len);
		assert_memory_equal(bytes, expected.bytes, expected.len);
	}
}

static void
test_arp_refused(void **state)
{
	/* Where one byte of a good request is changed, and to what. */
	static const struct {
		uint8_t at, value;
	} changes[] = {
		{ 0, 1 },
		{ 1, 6 },
		{ 2, 0x86 },
		{ 3, 1 },
		{ 4, 8 },
		{ 5, 16 },
		{ 6, 1 },
		{ 7, 0 },
		{ 7, 2 },
		{ 7, 3 },
		{ 8, 3 }, /* the sender's hardware address is a group */
		{ 27, 2 },
		{ 24, 0 },
		{ 27, 0xff },
		{ 25, 0x13 },
	};
	struct hg_net_packet packet;
	struct frame frame;
	uint8_t *bytes;

	(void)state;
	for (unsigned int i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		frame_arp(&frame, i % 3);
		frame.bytes[frame.l3 + changes[i].at] = changes[i].value;
		bytes = receive(&frame, 0, &packet);
		assert_int_equal(hg_net_answer_arp(&packet, &frame_host), 0);
		assert_memory_equal(bytes, frame.bytes, frame.len);
	}
	/* RFC 5227 3: an announcement of our own address by another. */
	frame_arp(&frame, 0);
	memcpy(frame.bytes + frame.l3 + 14, frame_host_ipv4, 4);
	bytes = receive(&frame, 0, &packet);
	assert_int_equal(hg_net_answer_arp(&packet, &frame_host), 0);
	assert_memory_equal(bytes, frame.bytes, frame.len);
}

static void
test_echo(void **state)
{
	struct frame frame, expected;
	struct hg_net_packet packet;
	uint8_t rest[130], *bytes, *ip;

	(void)state;
	fill(rest, sizeof(rest));
	for (unsigned int i = 0; i < 2 * 3; i++)
		for (size_t len = 4; len <= sizeof(rest); len++) {
			uint8_t family = families[i & 1];

			frame_icmp(&frame, family, i / 2, family == 4 ? 8 : 128, 0, rest, len);
			bytes = receive(&frame, 0, &packet);

			frame_udp_answer(&expected, family, i / 2, rest, len, true);
			expected.len = frame.len;
			ip = expected.bytes + expected.l3;
			if (family == 4) {
				ip[9] = 1;
				frame_put16(ip + 2, (unsigned int)(20 + 4 + len));
			} else {
				ip[6] = 58;
				frame_put16(ip + 4, (unsigned int)(4 + len));
			}
			memset(expected.bytes + expected.l4, 0, 4);
			expected.bytes[expected.l4] = family == 4 ? 0 : 129;
			memcpy(expected.bytes + expected.l4 + 4, rest, len);
			frame_seal(&expected);
			assert_int_equal(hg_net_answer_echo(&packet), expected.len);
			assert_memory_equal(bytes, expected.bytes, expected.len);
		}
}

/* Padding behind a short echo request is not sent back: it could be somebody's memory. */
static void
test_echo_without_padding(void **state)
{
	struct hg_net_packet packet;
	struct frame frame;
	size_t len;

	(void)state;
	frame_icmp(&frame, 4, 0, 8, 0, "abcdefgh", 8);
	len = frame.len;
	memset(frame.bytes + len, 0xee, 60 - len);
	frame.len = 60;
	receive(&frame, 0, &packet);
	assert_int_equal(hg_net_answer_echo(&packet), len);
}

static void
assert_no_echo(const struct frame *frame)
{
	struct hg_net_packet packet;
	uint8_t *bytes = receive(frame, 0, &packet);

	assert_int_equal(hg_net_answer_echo(&packet), 0);
	assert_memory_equal(bytes, frame->bytes, frame->len);
}

static void
test_echo_refused(void **state)
{
	static const uint8_t group[16] = { 0xff, 0x02, [11] = 1, 0xff, 0x12, 0x34, 0x56 };
	struct frame frame;

	(void)state;
	for (unsigned int type = 0; type < 256; type++) {
		if (type != 8) {
			frame_icmp(&frame, 4, 0, (uint8_t)type, 0, "abcd", 4);
			assert_no_echo(&frame);
		}
		if (type != 128) {
			frame_icmp(&frame, 6, 0, (uint8_t)type, 0, "abcd", 4);
			assert_no_echo(&frame);
		}
	}
	for (unsigned int code = 1; code < 256; code++)
		for (unsigned int f = 0; f < 2; f++) {
			frame_icmp(
				&frame, families[f], 0, f == 0 ? 8 : 128, (uint8_t)code, "abcd", 4);
			assert_no_echo(&frame);
		}
	/* RFC 4443 2.4(e): from ::, to a group, or in a frame to one. */
	frame_icmp(&frame, 6, 0, 128, 0, "abcd", 4);
	memcpy(frame.bytes + frame.l3 + 8, any, 16);
	frame_seal(&frame);
	assert_no_echo(&frame);
	frame_icmp(&frame, 6, 0, 128, 0, "abcd", 4);
	frame.bytes[0] = 0x33;
	assert_no_echo(&frame);
	memcpy(frame.bytes + frame.l3 + 24, group, 16);
	frame_seal(&frame);
	assert_no_echo(&frame);
}

/* The advertisement for target that answers frame, built by hand (RFC 4861 4.4). */
static void
advert(struct frame *expected, const struct frame *frame, const uint8_t *target)
{
	static const uint8_t all_nodes_mac[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	static const uint8_t all_nodes[16] = { 0xff, 2, [15] = 1 };
	uint8_t *ip, *icmp;
	bool dad;

	*expected = *frame;
	ip = expected->bytes + expected->l3;
	icmp = expected->bytes + expected->l4;
	dad = memcmp(ip + 8, any, 16) == 0;
	memcpy(expected->bytes, dad ? all_nodes_mac : frame->bytes + 6, 6);
	memcpy(expected->bytes + 6, frame_host_mac, 6);
	memset(ip, 0, 4);
	ip[0] = 0x60;
	frame_put16(ip + 4, 32);
	ip[7] = 255;
	memcpy(ip + 24, dad ? all_nodes : ip + 8, 16);
	memcpy(ip + 8, target, 16);
	memset(icmp, 0, 32);
	icmp[0] = 136;
	icmp[4] = dad ? 0x20 : 0x60;
	memcpy(icmp + 8, target, 16);
	icmp[24] = 2;
	icmp[25] = 1;
	memcpy(icmp + 26, frame_host_mac, 6);
	expected->len = expected->l4 + 32;
	frame_seal_l4(expected);
}

static void
assert_advert(const struct frame *frame, size_t room, const uint8_t *target)
{
	struct hg_net_packet packet;
	struct frame expected;
	uint8_t *bytes = receive(frame, room, &packet);

	advert(&expected, frame, target);
	assert_int_equal(
		hg_net_answer_neighbour(&packet, &frame_host, frame->len + room), expected.len);
	assert_memory_equal(bytes, expected.bytes, expected.len);
}

static void
assert_no_advert(const struct frame *frame, size_t room)
{
	struct hg_net_packet packet;
	uint8_t *bytes = receive(frame, room, &packet);

	assert_int_equal(hg_net_answer_neighbour(&packet, &frame_host, frame->len + room), 0);
	assert_memory_equal(bytes, frame->bytes, frame->len);
}

static const uint8_t source_option[8] = { 1, 1, 2, 0, 0, 0, 0, 0x0b };

/* From source to the solicited-node group of the host's second address, asking for it. */
static void
solicit_group(struct frame *frame, unsigned int tags, const uint8_t *source, const void *options,
	size_t len)
{
	static const uint8_t group_mac[6] = { 0x33, 0x33, 0xff, 0x12, 0x34, 0x56 };
	static const uint8_t group[16] = { 0xff, 0x02, [11] = 1, 0xff, 0x12, 0x34, 0x56 };

	frame_solicit(frame, tags, frame_host.ipv6[1], options, len);
	memcpy(frame->bytes, group_mac, 6);
	memcpy(frame->bytes + frame->l3 + 8, source, 16);
	memcpy(frame->bytes + frame->l3 + 24, group, 16);
	frame_seal(frame);
}

static void
test_neighbour(void **state)
{
	static const uint8_t nonce[24] = { 1, 1, 2, 0, 0, 0, 0, 0x0b, 14, 1, 1, 2, 3, 4, 5, 6, 253,
		1 };
	struct frame frame;

	(void)state;
	for (unsigned int tags = 0; tags <= 2; tags++) {
		solicit_group(&frame, tags, frame_peer_ipv6, source_option, 8);
		assert_advert(&frame, 0, frame_host.ipv6[1]);
		solicit_group(&frame, tags, frame_peer_ipv6, nonce, 24); /* the answer is shorter */
		assert_advert(&frame, 0, frame_host.ipv6[1]);
		/* RFC 4861 7.3.1: a neighbour is checked by unicast, with or without the option. */
		frame_solicit(&frame, tags, frame_host_ipv6, source_option, 8);
		assert_advert(&frame, 0, frame_host_ipv6);
		frame_solicit(&frame, tags, frame_host_ipv6, NULL, 0);
		assert_advert(&frame, 8, frame_host_ipv6);
		/* Asked at one of our addresses for another one. */
		frame_solicit(&frame, tags, frame_host.ipv6[2], source_option, 8);
		assert_advert(&frame, 0, frame_host.ipv6[2]);
	}
}

/* RFC 4862 5.4.3: somebody tries out our address; all nodes are told that it is taken. */
static void
test_neighbour_duplicate_detection(void **state)
{
	static const uint8_t nonce[8] = { 14, 1, 1, 2, 3, 4, 5, 6 };
	struct frame frame;

	(void)state;
	solicit_group(&frame, 1, any, NULL, 0);
	assert_advert(&frame, 8, frame_host.ipv6[1]);
	solicit_group(&frame, 0, any, nonce, 8); /* RFC 7527 */
	assert_advert(&frame, 0, frame_host.ipv6[1]);
	/* RFC 4861 7.1.1: no source link-layer address from ::, and to the group alone. */
	solicit_group(&frame, 0, any, source_option, 8);
	assert_no_advert(&frame, 8);
	frame_solicit(&frame, 0, frame_host_ipv6, NULL, 0);
	memcpy(frame.bytes + frame.l3 + 8, any, 16);
	frame_seal(&frame);
	assert_no_advert(&frame, 8);
}

static void
test_neighbour_room(void **state)
{
	struct frame frame;

	(void)state;
	for (size_t room = 0; room < 12; room++) {
		solicit_group(&frame, 0, frame_peer_ipv6, NULL, 0);
		if (room < 8)
			assert_no_advert(&frame, room);
		else
			assert_advert(&frame, room, frame_host.ipv6[1]);
	}
}

static void
test_neighbour_refused(void **state)
{
	static const uint8_t bad_options[][8] = {
		{ 1, 0 }, /* length 0 */
		{ 1, 2 }, /* reaches past the end */
		{ 1, 255 },
		{ 253, 0 },
	};
	static const uint8_t group[16] = { 0xff, 0x02, [15] = 1 };
	struct frame frame;

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad_options) / sizeof(bad_options[0]); i++) {
		frame_solicit(&frame, 0, frame_host_ipv6, bad_options[i], 8);
		assert_no_advert(&frame, 8);
	}
	for (size_t len = 1; len < 8; len++) { /* an option cut short */
		frame_solicit(&frame, 0, frame_host_ipv6, source_option, len);
		assert_no_advert(&frame, 8);
	}
	for (size_t len = 4; len < 20; len++) { /* a solicitation cut short */
		uint8_t rest[20] = { 0 };

		memcpy(rest + 4, frame_host_ipv6, 16);
		frame_icmp(&frame, 6, 0, 135, 0, rest, len);
		frame.bytes[frame.l3 + 7] = 255;
		assert_no_advert(&frame, 32);
	}
	for (unsigned int limit = 0; limit < 255; limit++) {
		frame_solicit(&frame, 0, frame_host_ipv6, source_option, 8);
		frame.bytes[frame.l3 + 7] = (uint8_t)limit;
		assert_no_advert(&frame, 0);
	}
	frame_solicit(&frame, 0, frame_host_ipv6, source_option, 8);
	frame.bytes[frame.l4 + 1] = 1; /* code */
	frame_seal(&frame);
	assert_no_advert(&frame, 0);
	frame_solicit(&frame, 0, frame_peer_ipv6, source_option, 8); /* not ours */
	assert_no_advert(&frame, 0);
	frame_solicit(&frame, 0, group, source_option, 8);
	assert_no_advert(&frame, 0);
	frame_solicit(&frame, 0, frame_host_ipv6, source_option, 8);
	frame.bytes[frame.l4] = 136; /* an advertisement */
	frame_seal(&frame);
	assert_no_advert(&frame, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_udp_checksum_never_zero),
		cmocka_unit_test(test_udp_is_accepted_by_the_peer),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_path_longest_payload),
		cmocka_unit_test(test_arp),
		cmocka_unit_test(test_arp_refused),
		cmocka_unit_test(test_echo),
		cmocka_unit_test(test_echo_without_padding),
		cmocka_unit_test(test_echo_refused),
		cmocka_unit_test(test_neighbour),
		cmocka_unit_test(test_neighbour_duplicate_detection),
		cmocka_unit_test(test_neighbour_room),
		cmocka_unit_test(test_neighbour_refused),
	};

	return cmocka_run_group_tests(tests, guard_page_open, guard_page_close);
}
