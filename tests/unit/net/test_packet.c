/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "guard_page.h"
#include "parsing.h"
#include "unit.h"

static void
test_udp(void **state)
{
	uint8_t payload[200];
	struct frame frame;
	struct hg_net_packet packet;

	(void)state;
	parsing_fill(payload, sizeof(payload));
	for (unsigned int f = 0; f < 2; f++)
		for (unsigned int tags = 0; tags <= 2; tags++) {
			size_t tuple_len = parsing_families[f] == 4 ? 12 : 36;
			const uint8_t *tuple;

			frame_udp(&frame, parsing_families[f], tags, payload, sizeof(payload));
			assert_int_equal(parsing_run(&frame, frame.len, 0, &packet), HG_PASS);
			assert_int_equal(packet.family, parsing_families[f]);
			assert_int_equal(packet.protocol, HG_NET_UDP);
			assert_int_equal(packet.l3 - packet.frame, frame.l3);
			assert_int_equal(packet.l4 - packet.frame, frame.l4);
			assert_int_equal(packet.l4_len, 8 + sizeof(payload));
			assert_int_equal(hg_net_payload_len(&packet), sizeof(payload));
			assert_memory_equal(hg_net_payload(&packet), payload, sizeof(payload));
			assert_int_equal(hg_net_tuple_len(&packet), tuple_len);
			tuple = hg_net_tuple(&packet);
			assert_ptr_equal(tuple + tuple_len, packet.l4 + 4);
			assert_memory_equal(tuple,
				parsing_families[f] == 4 ? frame_peer_ipv4 : frame_peer_ipv6,
				(tuple_len - 4) / 2);
		}
}

static void
test_icmp_and_arp(void **state)
{
	static const uint8_t rest[] = { 1, 2, 3, 4, 5 };
	struct hg_net_packet packet;
	struct frame frame;

	(void)state;
	for (unsigned int tags = 0; tags <= 2; tags++) {
		frame_icmp(&frame, 4, tags, 8, 0, rest, sizeof(rest));
		assert_int_equal(parsing_run(&frame, frame.len, 0, &packet), HG_PASS);
		assert_int_equal(packet.protocol, HG_NET_ICMP);
		assert_int_equal(packet.l4_len, 9);
		frame_icmp(&frame, 6, tags, 128, 0, rest, sizeof(rest));
		assert_int_equal(parsing_run(&frame, frame.len, 0, &packet), HG_PASS);
		assert_int_equal(packet.protocol, HG_NET_ICMPV6);
		assert_int_equal(packet.l4_len, 9);
		frame_arp(&frame, tags);
		assert_int_equal(parsing_run(&frame, frame.len, 0, &packet), HG_PASS);
		assert_int_equal(packet.protocol, HG_NET_ARP);
		assert_int_equal(packet.family, 0);
		assert_int_equal(packet.l3 - packet.frame, frame.l3);
	}
}

/* Cut anywhere, a frame without padding is refused, and nothing behind the cut is read. */
static void
test_truncation_at_every_length(void **state)
{
	static const uint8_t option[8] = { 1, 1, 2, 0, 0, 0, 0, 0x0b };
	struct hg_net_packet packet;
	uint8_t payload[61];
	struct frame frame;

	(void)state;
	parsing_fill(payload, sizeof(payload));
	for (unsigned int kind = 0; kind < 6; kind++)
		for (unsigned int tags = 0; tags <= 2; tags++) {
			if (kind < 2)
				frame_udp(&frame, parsing_families[kind], tags, payload,
					sizeof(payload));
			else if (kind < 4)
				frame_icmp(&frame, parsing_families[kind - 2], tags,
					kind == 2 ? 8 : 128, 0, payload, sizeof(payload));
			else if (kind == 4)
				frame_solicit(&frame, tags, frame_host_ipv6, option, 8);
			else
				frame_arp(&frame, tags);
			assert_int_equal(parsing_run(&frame, frame.len, 0, &packet), HG_PASS);
			for (size_t len = 0; len < frame.len; len++) {
				enum hg_verdict verdict = parsing_run(&frame, len, 0, &packet);
				size_t header = frame.family == 4   ? 20
						: frame.family == 6 ? 40
								    : 28;

				if (len < frame.l3 + header)
					assert_int_equal(verdict, HG_DROP_FRAME_SHORT);
				else
					assert_int_equal(verdict, frame.family == 4
									  ? HG_DROP_IPV4_HEADER
									  : HG_DROP_IPV6_HEADER);
			}
		}
}

/* The same with checks left to a device: its good verdict makes no byte readable. */
static void
test_truncation_with_device_checks(void **state)
{
	struct hg_net_packet packet;
	struct frame frame;

	(void)state;
	for (unsigned int f = 0; f < 2; f++) {
		parsing_build(&frame, parsing_families[f]);
		for (size_t len = 0; len < frame.len; len++)
			assert_int_not_equal(
				parsing_run(&frame, len, HG_NET_IP_CHECKED | HG_NET_L4_CHECKED,
					&packet),
				HG_PASS);
	}
}

/* An L4 header that the IP header leaves no room for, at every length. */
static void
test_short_l4(void **state)
{
	struct frame frame;

	(void)state;
	for (unsigned int f = 0; f < 2; f++)
		for (size_t len = 0; len < 8; len++) {
			parsing_build(&frame, parsing_families[f]);
			frame.len = frame.l4 + len;
			if (parsing_families[f] == 4) {
				frame_put16(frame.bytes + frame.l3 + 2, (unsigned int)(20 + len));
				frame_seal_ipv4(&frame);
			} else {
				frame_put16(frame.bytes + frame.l3 + 4, (unsigned int)len);
			}
			assert_int_equal(parsing_verdict(&frame), HG_DROP_UDP_LENGTH);
			frame.bytes[frame.l3 + (parsing_families[f] == 4 ? 9 : 6)] =
				parsing_families[f] == 4 ? 1 : 58;
			if (parsing_families[f] == 4)
				frame_seal_ipv4(&frame);
			assert_int_equal(parsing_verdict(&frame), HG_DROP_ICMP);
		}
}

static void
test_padding(void **state)
{
	struct hg_net_packet packet;
	struct frame frame;
	size_t len;

	(void)state;
	for (unsigned int f = 0; f < 2; f++)
		for (size_t padding = 1; padding < 46; padding++) {
			frame_udp(&frame, parsing_families[f], 0, "abc", 3);
			len = frame.len;
			memset(frame.bytes + len, 0xee, padding);
			assert_int_equal(parsing_run(&frame, len + padding, 0, &packet), HG_PASS);
			assert_int_equal(hg_net_payload_len(&packet), 3);
		}
	frame_arp(&frame, 0);
	memset(frame.bytes + frame.len, 0xee, 18);
	assert_int_equal(parsing_run(&frame, 60, 0, &packet), HG_PASS);
	assert_int_equal(packet.l4_len, 28);
}

static void
test_ethernet_addresses(void **state)
{
	struct frame frame;

	(void)state;
	for (unsigned int f = 0; f < 2; f++) {
		for (unsigned int at = 0; at < 6; at++) {
			parsing_build(&frame, parsing_families[f]);
			frame.bytes[at] ^= 0x40;
			assert_int_equal(parsing_verdict(&frame), HG_DROP_FRAME_NOT_OURS);
		}
		/* RFC 1122 3.3.6: unicast in a broadcast or multicast frame. */
		parsing_build(&frame, parsing_families[f]);
		memset(frame.bytes, 0xff, 6);
		assert_int_equal(parsing_verdict(&frame), HG_DROP_FRAME_NOT_OURS);
		parsing_build(&frame, parsing_families[f]);
		frame.bytes[0] |= 1;
		assert_int_equal(parsing_verdict(&frame), HG_DROP_FRAME_NOT_OURS);
		parsing_build(&frame, parsing_families[f]);
		frame.bytes[6] |= 1; /* a group cannot have sent it */
		assert_int_equal(parsing_verdict(&frame), HG_DROP_SOURCE);
		frame_icmp(&frame, 4, 0, 8, 0, "abcd", 4);
		memset(frame.bytes, 0xff, 6);
		assert_int_equal(parsing_verdict(&frame), HG_DROP_FRAME_NOT_OURS);
	}
}

static void
test_vlan_tags(void **state)
{
	static const uint16_t outer[] = { 0x8100, 0x88a8 };
	struct hg_net_packet packet;
	struct frame frame;

	(void)state;
	for (unsigned int f = 0; f < 2; f++) {
		frame_udp(&frame, parsing_families[f], 3, "abc", 3);
		assert_int_equal(parsing_verdict(&frame), HG_DROP_VLAN_DEPTH);
		for (unsigned int a = 0; a < 2; a++)
			for (unsigned int b = 0; b < 2; b++) {
				frame_udp(&frame, parsing_families[f], 2, "abc", 3);
				frame_put16(frame.bytes + 12, outer[a]);
				frame_put16(frame.bytes + 16, outer[b]);
				assert_int_equal(
					parsing_run(&frame, frame.len, 0, &packet), HG_PASS);
				assert_int_equal(packet.l3 - packet.frame, 22);
			}
	}
	/* Three tags with nothing behind them: depth, not length, is what is wrong. */
	assert_int_equal(parsing_run(&frame, 22, 0, &packet), HG_DROP_FRAME_SHORT);
	frame_udp(&frame, 4, 3, "abc", 3);
	assert_int_equal(parsing_run(&frame, 22, 0, &packet), HG_DROP_VLAN_DEPTH);
}

static void
test_ether_types(void **state)
{
	struct frame frame;

	(void)state;
	parsing_build(&frame, 4);
	frame_put16(frame.bytes + 12, 0x88cc);
	frame.len = 14; /* nothing but a header, which says enough */
	assert_int_equal(parsing_verdict(&frame), HG_DROP_ETHER_TYPE);
	for (unsigned int type = 0; type < 0x10000; type++) {
		parsing_build(&frame, 4);
		frame_put16(frame.bytes + 12, type);
		if (type == 0x0800 || type == 0x0806)
			assert_int_equal(parsing_verdict(&frame), HG_PASS);
		else if (type == 0x86dd) /* its first byte says version 4 */
			assert_int_equal(parsing_verdict(&frame), HG_DROP_IPV6_HEADER);
		else if (type != 0x8100 && type != 0x88a8)
			assert_int_equal(parsing_verdict(&frame), HG_DROP_ETHER_TYPE);
	}
}

static void
test_ipv4_header(void **state)
{
	struct frame frame;

	(void)state;
	for (unsigned int first = 0; first < 256; first++) {
		enum hg_verdict expected = HG_DROP_IPV4_HEADER;

		parsing_build(&frame, 4);
		frame.bytes[frame.l3] = (uint8_t)first;
		frame_seal_ipv4(&frame);
		if (first == 0x45)
			expected = HG_PASS;
		else if (first >> 4 == 4 && (first & 15) > 5)
			expected = HG_DROP_IPV4_OPTIONS;
		assert_int_equal(parsing_verdict(&frame), expected);
	}
	for (unsigned int total = 0; total < 20; total++) {
		parsing_build(&frame, 4);
		frame_put16(frame.bytes + frame.l3 + 2, total);
		frame_seal_ipv4(&frame);
		assert_int_equal(parsing_verdict(&frame), HG_DROP_IPV4_HEADER);
	}
	parsing_build(&frame, 4);
	frame_put16(frame.bytes + frame.l3 + 2, 20 + 8 + 61 + 1);
	frame_seal_ipv4(&frame);
	assert_int_equal(parsing_verdict(&frame), HG_DROP_IPV4_HEADER);
	frame_put16(frame.bytes + frame.l3 + 2, 0xffff);
	frame_seal_ipv4(&frame);
	assert_int_equal(parsing_verdict(&frame), HG_DROP_IPV4_HEADER);
}

static void
test_ipv4_fragments(void **state)
{
	struct frame frame;

	(void)state;
	for (unsigned int bit = 0; bit < 14; bit++) { /* 13 of the offset, more fragments */
		parsing_build(&frame, 4);
		frame_put16(frame.bytes + frame.l3 + 6, 1u << bit);
		frame_seal_ipv4(&frame);
		assert_int_equal(parsing_verdict(&frame), HG_DROP_IPV4_FRAGMENT);
	}
	parsing_build(&frame, 4);
	frame_put16(frame.bytes + frame.l3 + 6, 0x4000); /* DF */
	frame_seal_ipv4(&frame);
	assert_int_equal(parsing_verdict(&frame), HG_PASS);
}

static void
test_ipv4_checksum(void **state)
{
	struct hg_net_packet packet;
	struct frame frame;

	(void)state;
	for (unsigned int bit = 0; bit < 16; bit++) {
		parsing_build(&frame, 4);
		frame.bytes[frame.l3 + 10 + bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(parsing_verdict(&frame), HG_DROP_IPV4_CHECKSUM);
		assert_int_equal(parsing_run(&frame, frame.len, HG_NET_L4_CHECKED, &packet),
			HG_DROP_IPV4_CHECKSUM);
		assert_int_equal(
			parsing_run(&frame, frame.len, HG_NET_IP_CHECKED, &packet), HG_PASS);
	}
	/* A header whose one's complement sum needs its carries folded twice. */
	parsing_build(&frame, 4);
	frame_put16(frame.bytes + frame.l3 + 4, 0xffff);
	frame.bytes[frame.l3 + 8] = 0xff;
	frame_seal_ipv4(&frame);
	assert_int_equal(parsing_verdict(&frame), HG_PASS);
}

static void
test_ipv6_header(void **state)
{
	struct frame frame;

	(void)state;
	for (unsigned int version = 0; version < 16; version++) {
		parsing_build(&frame, 6);
		frame.bytes[frame.l3] = (uint8_t)(version << 4 | 11);
		assert_int_equal(
			parsing_verdict(&frame), version == 6 ? HG_PASS : HG_DROP_IPV6_HEADER);
	}
	parsing_build(&frame, 6);
	frame_put16(frame.bytes + frame.l3 + 4, 8 + 61 + 1);
	assert_int_equal(parsing_verdict(&frame), HG_DROP_IPV6_HEADER);
	frame_put16(frame.bytes + frame.l3 + 4, 0xffff);
	assert_int_equal(parsing_verdict(&frame), HG_DROP_IPV6_HEADER);
	frame_put16(frame.bytes + frame.l3 + 4, 8 + 61 - 1); /* the UDP length says otherwise now */
	assert_int_equal(parsing_verdict(&frame), HG_DROP_UDP_LENGTH);
}

static void
test_ip_protocols(void **state)
{
	/* RFC 7045 2.2: what IANA lists as IPv6 extension headers, and no next header. */
	static const uint8_t extensions[] = { 0, 43, 44, 50, 51, 59, 60, 135, 139, 140 };
	struct frame frame;

	(void)state;
	for (unsigned int protocol = 0; protocol < 256; protocol++) {
		enum hg_verdict expected = HG_DROP_IP_PROTOCOL;

		if (protocol != 17 && protocol != 1) {
			parsing_build(&frame, 4);
			frame.bytes[frame.l3 + 9] = (uint8_t)protocol;
			frame_seal_ipv4(&frame);
			assert_int_equal(parsing_verdict(&frame), HG_DROP_IP_PROTOCOL);
		}
		if (protocol == 17 || protocol == 58)
			continue;
		for (unsigned int i = 0; i < sizeof(extensions); i++)
			if (extensions[i] == protocol)
				expected = HG_DROP_IPV6_EXTENSION;
		parsing_build(&frame, 6);
		frame.bytes[frame.l3 + 6] = (uint8_t)protocol;
		assert_int_equal(parsing_verdict(&frame), expected);
	}
}

static void
test_ipv4_addresses(void **state)
{
	static const struct {
		uint8_t source[4];
		enum hg_verdict verdict;
	} sources[] = {
		{ { 0, 0, 0, 0 }, HG_DROP_SOURCE },
		{ { 0, 1, 2, 3 }, HG_DROP_SOURCE },
		{ { 1, 0, 0, 0 }, HG_PASS },
		{ { 10, 0, 0, 1 }, HG_PASS },
		{ { 126, 255, 255, 255 }, HG_PASS },
		{ { 127, 0, 0, 1 }, HG_DROP_SOURCE },
		{ { 127, 255, 255, 255 }, HG_DROP_SOURCE },
		{ { 128, 0, 0, 0 }, HG_PASS },
		{ { 223, 255, 255, 255 }, HG_PASS },
		{ { 224, 0, 0, 0 }, HG_DROP_SOURCE },
		{ { 239, 1, 1, 1 }, HG_DROP_SOURCE },
		{ { 240, 0, 0, 1 }, HG_DROP_SOURCE },
		{ { 255, 255, 255, 255 }, HG_DROP_SOURCE },
		{ { 198, 18, 0, 1 }, HG_DROP_SOURCE },   /* ours */
		{ { 203, 0, 113, 9 }, HG_DROP_SOURCE },  /* ours, another */
		{ { 198, 18, 0, 255 }, HG_DROP_SOURCE }, /* directed broadcast */
		{ { 198, 18, 0, 0 }, HG_DROP_SOURCE },   /* RFC 1122 3.3.6: all-zeros broadcast */
		{ { 203, 0, 113, 8 }, HG_PASS },         /* a /32 has neither */
		{ { 203, 0, 113, 255 }, HG_PASS },
	};
	static const struct {
		uint8_t destination[4];
		enum hg_verdict verdict;
	} destinations[] = {
		{ { 198, 18, 0, 1 }, HG_PASS },
		{ { 203, 0, 113, 9 }, HG_PASS },
		{ { 198, 18, 0, 2 }, HG_DROP_DESTINATION },
		{ { 198, 18, 0, 255 }, HG_DROP_DESTINATION },
		{ { 198, 18, 0, 0 }, HG_DROP_DESTINATION },
		{ { 255, 255, 255, 255 }, HG_DROP_DESTINATION },
		{ { 224, 0, 0, 1 }, HG_DROP_DESTINATION },
		{ { 0, 0, 0, 0 }, HG_DROP_DESTINATION },
	};
	struct frame frame;

	(void)state;
	for (unsigned int i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		parsing_build(&frame, 4);
		memcpy(frame.bytes + frame.l3 + 12, sources[i].source, 4);
		frame_seal(&frame);
		assert_int_equal(parsing_verdict(&frame), sources[i].verdict);
	}
	for (unsigned int i = 0; i < sizeof(destinations) / sizeof(destinations[0]); i++) {
		parsing_build(&frame, 4);
		memcpy(frame.bytes + frame.l3 + 16, destinations[i].destination, 4);
		frame_seal(&frame);
		assert_int_equal(parsing_verdict(&frame), destinations[i].verdict);
	}
}

/* ICMPv6 is let through from :: alone, and only to us. */
static void
test_icmpv6_sources(void **state)
{
	static const struct {
		uint8_t source[16];
		enum hg_verdict verdict;
	} sources[] = {
		{ { 0 }, HG_PASS },
		{ { [15] = 1 }, HG_DROP_SOURCE },
		{ { [15] = 2 }, HG_PASS },
		{ { [10] = 0xff, 0xff, 192, 0, 2, 1 }, HG_DROP_SOURCE },
		{ { 0xff, 0x02, [15] = 1 }, HG_DROP_SOURCE },
		{ { 0x20, 1, 0, 2, [15] = 1 }, HG_DROP_SOURCE },
	};
	struct frame frame;

	(void)state;
	for (unsigned int i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		frame_icmp(&frame, 6, 0, 128, 0, "abcd", 4);
		memcpy(frame.bytes + frame.l3 + 8, sources[i].source, 16);
		frame_seal(&frame);
		assert_int_equal(parsing_verdict(&frame), sources[i].verdict);
		frame.bytes[frame.l3 + 39] = 0x77; /* not ours */
		frame_seal(&frame);
		assert_int_equal(parsing_verdict(&frame), HG_DROP_DESTINATION);
	}
}

static void
test_ipv6_addresses(void **state)
{
	static const struct {
		uint8_t address[16];
		enum hg_verdict as_source, as_destination;
	} addresses[] = {
		{ { 0 }, HG_DROP_SOURCE, HG_DROP_DESTINATION },
		{ { [15] = 1 }, HG_DROP_SOURCE, HG_DROP_DESTINATION },
		{ { [10] = 0xff, 0xff, 192, 0, 2, 1 }, HG_DROP_SOURCE, HG_DROP_DESTINATION },
		{ { 0xff, 0x02, [15] = 1 }, HG_DROP_SOURCE, HG_DROP_DESTINATION },
		{ { 0xff, 0x02, [11] = 1, 0xff, [15] = 1 }, HG_DROP_SOURCE, HG_DROP_DESTINATION },
		{ { 0xff, 0x0e, [15] = 1 }, HG_DROP_SOURCE, HG_DROP_DESTINATION },
		{ { 0x20, 1, 0, 2, [15] = 1 }, HG_DROP_SOURCE, HG_PASS },
		{ { 0x20, 1, 0, 2, [13] = 0x12, 0x34, 0x56 }, HG_DROP_SOURCE, HG_PASS },
		{ { 0xfe, 0x80, [15] = 1 }, HG_DROP_SOURCE, HG_PASS },
		{ { 0xfe, 0x80, [15] = 2 }, HG_PASS, HG_DROP_DESTINATION },
		{ { 0, 0x64, 0xff, 0x9b, [12] = 192, 0, 2, 1 }, HG_PASS, HG_DROP_DESTINATION },
		{ { 0x20, 1, 0, 2, [15] = 2 }, HG_PASS, HG_DROP_DESTINATION },
	};
	struct frame frame;

	(void)state;
	for (unsigned int i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		parsing_build(&frame, 6);
		memcpy(frame.bytes + frame.l3 + 8, addresses[i].address, 16);
		frame_seal(&frame);
		assert_int_equal(parsing_verdict(&frame), addresses[i].as_source);
		parsing_build(&frame, 6);
		memcpy(frame.bytes + frame.l3 + 24, addresses[i].address, 16);
		frame_seal(&frame);
		assert_int_equal(parsing_verdict(&frame), addresses[i].as_destination);
	}
}

/* RFC 4861 4.3: solicitations come to a solicited-node group, from anyone or from ::. */
static void
test_solicited_node(void **state)
{
	static const uint8_t group[16] = { 0xff, 0x02, [11] = 1, 0xff, 0x12, 0x34, 0x56 };
	static const uint8_t group_mac[6] = { 0x33, 0x33, 0xff, 0x12, 0x34, 0x56 };
	struct frame frame;

	(void)state;
	frame_solicit(&frame, 0, frame_host.ipv6[1], NULL, 0);
	memcpy(frame.bytes, group_mac, 6);
	memcpy(frame.bytes + frame.l3 + 24, group, 16);
	frame_seal(&frame);
	assert_int_equal(parsing_verdict(&frame), HG_PASS);
	memset(frame.bytes + frame.l3 + 8, 0, 16);
	frame_seal(&frame);
	assert_int_equal(parsing_verdict(&frame), HG_PASS);
	/* Our own address as the source: somebody else uses it, or a loop. */
	memcpy(frame.bytes + frame.l3 + 8, frame_host_ipv6, 16);
	frame_seal(&frame);
	assert_int_equal(parsing_verdict(&frame), HG_DROP_SOURCE);
	memcpy(frame.bytes + frame.l3 + 8, frame_peer_ipv6, 16);
	frame.bytes[frame.l3 + 39] ^= 1; /* the group of another host */
	frame_seal(&frame);
	assert_int_equal(parsing_verdict(&frame), HG_DROP_DESTINATION);
	/* Every address has its group. */
	frame_solicit(&frame, 0, frame_host_ipv6, NULL, 0);
	memcpy(frame.bytes, group_mac, 6);
	memcpy(frame.bytes + frame.l3 + 24, group, 16);
	memset(frame.bytes + frame.l3 + 24 + 13, 0, 3);
	frame.bytes[frame.l3 + 39] = 1;
	frame_seal(&frame);
	assert_int_equal(parsing_verdict(&frame), HG_PASS);
	/* Other groups with the same end: all nodes, and one that differs in its scope. */
	frame.bytes[frame.l3 + 24 + 11] = 0;
	frame.bytes[frame.l3 + 24 + 12] = 0;
	frame_seal(&frame);
	assert_int_equal(parsing_verdict(&frame), HG_DROP_DESTINATION);
	memcpy(frame.bytes + frame.l3 + 24, group, 16);
	frame.bytes[frame.l3 + 25] = 5;
	frame_seal(&frame);
	assert_int_equal(parsing_verdict(&frame), HG_DROP_DESTINATION);
	/* UDP to the group is nobody's. */
	parsing_build(&frame, 6);
	memcpy(frame.bytes, group_mac, 6);
	memcpy(frame.bytes + frame.l3 + 24, group, 16);
	frame_seal(&frame);
	assert_int_equal(parsing_verdict(&frame), HG_DROP_DESTINATION);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_udp),
		cmocka_unit_test(test_icmp_and_arp),
		cmocka_unit_test(test_truncation_at_every_length),
		cmocka_unit_test(test_truncation_with_device_checks),
		cmocka_unit_test(test_short_l4),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_ethernet_addresses),
		cmocka_unit_test(test_vlan_tags),
		cmocka_unit_test(test_ether_types),
		cmocka_unit_test(test_ipv4_header),
		cmocka_unit_test(test_ipv4_fragments),
		cmocka_unit_test(test_ipv4_checksum),
		cmocka_unit_test(test_ipv6_header),
		cmocka_unit_test(test_ip_protocols),
		cmocka_unit_test(test_ipv4_addresses),
		cmocka_unit_test(test_ipv6_addresses),
		cmocka_unit_test(test_icmpv6_sources),
		cmocka_unit_test(test_solicited_node),
	};

	return cmocka_run_group_tests(tests, guard_page_open, guard_page_close);
}
