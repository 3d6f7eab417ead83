/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdbool.h>
#include <string.h>

#include "frames.h"
#include "guard_page.h"
#include "hellos.h"
#include "port/table.h"
#include "unit.h"
#include "worker/classify.h"

static const uint8_t families[] = { 4, 6 };
static struct port_table table;

static void
add(uint8_t family, const uint8_t *address, unsigned int port, unsigned int listener)
{
	assert_int_equal(
		port_table_add(&table, family, address, (uint16_t)port, (uint16_t)listener), 0);
}

static void
use_binds(void)
{
	assert_int_equal(port_table_index(&table), 0);
}

static void
clear(void)
{
	port_table_free(&table);
	memset(&table, 0, sizeof(table));
	table.host = frame_host;
	table.denied_low = 1;
}

/* Listeners 3 and 4 on the host's first addresses, 5 on the second ones and on another port. */
static void
reset(void)
{
	clear();
	add(4, frame_host_ipv4, FRAME_HOST_PORT, 3);
	add(4, frame_host.ipv4[1].address, FRAME_HOST_PORT, 5);
	add(4, frame_host_ipv4, 5685, 5);
	add(6, frame_host_ipv6, FRAME_HOST_PORT, 4);
	add(6, frame_host.ipv6[1], FRAME_HOST_PORT, 5);
	add(6, frame_host_ipv6, 5685, 5);
	use_binds();
}

static enum hg_verdict
classify_frame(const struct frame *frame, struct classified *ret)
{
	uint8_t *bytes = guard_page_place(frame->bytes, frame->len);
	enum hg_verdict verdict = classify(&table, bytes, frame->len, 0, ret);

	assert_memory_equal(bytes, frame->bytes, frame->len);
	return verdict;
}

static void
build_hello(struct frame *frame, uint8_t family, unsigned int tags)
{
	uint8_t datagram[512];
	size_t len = hello_build(datagram, &hello_usual);

	frame_udp(frame, family, tags, datagram, len);
}

static void
set_ports(struct frame *frame, unsigned int source, unsigned int destination)
{
	frame_put16(frame->bytes + frame->l4, source);
	frame_put16(frame->bytes + frame->l4 + 2, destination);
	frame_seal_l4(frame);
}

static void
test_hello(void **state)
{
	struct classified classified;
	struct frame frame;

	(void)state;
	reset();
	for (unsigned int f = 0; f < 2; f++)
		for (unsigned int tags = 0; tags <= 2; tags++) {
			build_hello(&frame, families[f], tags);
			assert_int_equal(classify_frame(&frame, &classified), HG_PASS);
			assert_int_equal(classified.kind, CLASSIFY_HELLO);
			assert_int_equal(classified.listener, families[f] == 4 ? 3 : 4);
			assert_int_equal(classified.packet.family, families[f]);
			assert_int_equal(classified.hello.client_len, 35);
			assert_ptr_equal(
				classified.hello.client, hg_net_payload(&classified.packet) + 25);
		}
}

static void
test_listeners(void **state)
{
	struct classified classified;
	struct frame frame;

	(void)state;
	reset();
	build_hello(&frame, 4, 0);
	memcpy(frame.bytes + frame.l3 + 16, frame_host.ipv4[1].address, 4);
	frame_seal(&frame);
	assert_int_equal(classify_frame(&frame, &classified), HG_PASS);
	assert_int_equal(classified.listener, 5);
	build_hello(&frame, 6, 0);
	memcpy(frame.bytes + frame.l3 + 24, frame_host.ipv6[1], 16);
	frame_seal(&frame);
	assert_int_equal(classify_frame(&frame, &classified), HG_PASS);
	assert_int_equal(classified.listener, 5);
	/* An address of ours that nobody listens on. */
	memcpy(frame.bytes + frame.l3 + 24, frame_host.ipv6[2], 16);
	frame_seal(&frame);
	assert_int_equal(classify_frame(&frame, &classified), HG_DROP_NO_LISTENER);
	for (unsigned int f = 0; f < 2; f++)
		for (unsigned int port = 5600; port < 5800; port++) {
			build_hello(&frame, families[f], 0);
			set_ports(&frame, FRAME_PEER_PORT, port);
			if (port != 5684 && port != 5685) {
				assert_int_equal(
					classify_frame(&frame, &classified), HG_DROP_NO_LISTENER);
				continue;
			}
			assert_int_equal(classify_frame(&frame, &classified), HG_PASS);
			assert_int_equal(classified.listener, port == 5685       ? 5
							      : families[f] == 4 ? 3
										 : 4);
		}
	/* Both bytes of the port count, in their order. */
	build_hello(&frame, 4, 0);
	set_ports(&frame, FRAME_PEER_PORT, 0x3416);
	assert_int_equal(classify_frame(&frame, &classified), HG_DROP_NO_LISTENER);
}

static void
expect_listener(struct frame *frame, uint8_t family, const uint8_t *address, unsigned int port,
	int listener)
{
	struct classified classified;

	build_hello(frame, family, 0);
	memcpy(frame->bytes + frame->l3 + (family == 4 ? 16 : 24), address, family == 4 ? 4 : 16);
	frame_seal(frame);
	set_ports(frame, FRAME_PEER_PORT, port);
	if (listener < 0) {
		assert_int_equal(classify_frame(frame, &classified), HG_DROP_NO_LISTENER);
		return;
	}
	assert_int_equal(classify_frame(frame, &classified), HG_PASS);
	assert_int_equal(classified.listener, listener);
}

/* From none to more than a port's addresses and listeners can ask for: each is found, and no other. */
static void
test_no_binds_and_many(void **state)
{
	static const unsigned int numbers[] = { 0, 1, 2, 3, 16, 17, 63, 64, 65, 1024, 1025, 5000 };
	struct frame frame;

	(void)state;
	for (unsigned int f = 0; f < 2; f++)
		for (unsigned int k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++) {
			const uint8_t *first = f == 0 ? frame_host_ipv4 : frame_host_ipv6;
			const uint8_t *second =
				f == 0 ? frame_host.ipv4[1].address : frame_host.ipv6[1];
			unsigned int n = numbers[k];

			clear();
			for (unsigned int i = 0; i < n; i++)
				add(families[f], i % 2 == 0 ? first : second, 10000 + i / 2, i);
			use_binds();
			for (unsigned int i = 0; i < n + 4; i++)
				expect_listener(&frame, families[f], i % 2 == 0 ? first : second,
					10000 + i / 2, i < n ? (int)i : -1);
			/* The other family has none. */
			expect_listener(&frame, families[1 - f],
				f == 0 ? frame_host_ipv6 : frame_host_ipv4, 10000, -1);
		}
}

/* Of two that are the same the first is found, as in the order of the configuration. */
static void
test_same_bind(void **state)
{
	struct frame frame;

	(void)state;
	for (unsigned int f = 0; f < 2; f++) {
		const uint8_t *address = f == 0 ? frame_host_ipv4 : frame_host_ipv6;

		clear();
		add(families[f], address, 10000, 7);
		add(families[f], address, 10000, 8);
		use_binds();
		expect_listener(&frame, families[f], address, 10000, 7);
	}
}

static void
test_denied_ports(void **state)
{
	static const uint16_t high[] = { 65, 123, 1900, 11211, 65535 };
	struct classified classified;
	struct frame frame;

	(void)state;
	for (unsigned int f = 0; f < 2; f++) {
		reset();
		table.denied_low = 1 | 1ull << 7 | 1ull << 31 | 1ull << 32 | 1ull << 63;
		for (unsigned int i = 0; i < 5; i++)
			frame_put16((uint8_t *)&table.denied[i], high[i]);
		table.n_denied = 5;
		build_hello(&frame, families[f], 0);
		for (unsigned int port = 0; port < 0x10000; port++) {
			bool denied =
				port == 0 || port == 7 || port == 31 || port == 32 || port == 63;

			for (unsigned int i = 0; i < 5; i++)
				denied |= port == high[i];
			set_ports(&frame, port, FRAME_HOST_PORT);
			assert_int_equal(classify_frame(&frame, &classified),
				denied ? HG_DROP_SOURCE_PORT : HG_PASS);
		}
	}
	/* Denied before anybody asks who listens, and only for UDP. */
	set_ports(&frame, 7, 1);
	assert_int_equal(classify_frame(&frame, &classified), HG_DROP_SOURCE_PORT);
	reset();
	set_ports(&frame, 7, FRAME_HOST_PORT);
	assert_int_equal(classify_frame(&frame, &classified), HG_PASS);
}

static void
test_kinds(void **state)
{
	static const uint8_t record[14] = { 23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 1, 0 };
	struct classified classified;
	struct frame frame;

	(void)state;
	reset();
	for (unsigned int f = 0; f < 2; f++) {
		frame_udp(&frame, families[f], 1, record, sizeof(record));
		assert_int_equal(classify_frame(&frame, &classified), HG_PASS);
		assert_int_equal(classified.kind, CLASSIFY_RECORD);
		assert_int_equal(classified.listener, families[f] == 4 ? 3 : 4);
		frame_icmp(&frame, families[f], 1, families[f] == 4 ? 8 : 128, 0, "abcd", 4);
		assert_int_equal(classify_frame(&frame, &classified), HG_PASS);
		assert_int_equal(classified.kind, CLASSIFY_ICMP);
	}
	frame_arp(&frame, 1);
	assert_int_equal(classify_frame(&frame, &classified), HG_PASS);
	assert_int_equal(classified.kind, CLASSIFY_ARP);
}

/* A verdict of each stage comes through. */
static void
test_drops(void **state)
{
	struct classified classified;
	struct frame frame;

	(void)state;
	reset();
	for (unsigned int f = 0; f < 2; f++) {
		build_hello(&frame, families[f], 0);
		frame.bytes[0] ^= 0x40;
		assert_int_equal(classify_frame(&frame, &classified), HG_DROP_FRAME_NOT_OURS);
		frame.bytes[0] ^= 0x40;
		frame.bytes[frame.len - 1] ^= 1;
		assert_int_equal(classify_frame(&frame, &classified), HG_DROP_UDP_CHECKSUM);
		assert_int_equal(
			classify(&table, frame.bytes, frame.len, HG_NET_L4_CHECKED, &classified),
			HG_PASS);
		for (size_t len = 0; len < 13; len++) {
			frame_udp(&frame, families[f], 0, "\x16\xfe\xfd\0\0\0\0\0\0\0\0\0\0", len);
			assert_int_equal(classify_frame(&frame, &classified), HG_DROP_RECORD_SHORT);
		}
		frame_udp(&frame, families[f], 0, "GET / HTTP/1.1\r\n", 16);
		assert_int_equal(classify_frame(&frame, &classified), HG_DROP_RECORD_TYPE);
		frame_udp(&frame, families[f], 0, "\x2f\xfe\xfd\0\0\0\0\0\0\0\0\0\1x", 14);
		assert_int_equal(classify_frame(&frame, &classified), HG_DROP_RECORD_DTLS13);
		build_hello(&frame, families[f], 0);
		frame.bytes[frame.l4 + 8 + HELLO_AT_SEQ + 1] = 2;
		frame_seal_l4(&frame);
		assert_int_equal(classify_frame(&frame, &classified), HG_DROP_HELLO_SEQ);
	}
}

/* A frame that is refused: is it for whoever else is behind this port? */
static bool
is_foreign(struct frame *frame, enum hg_verdict expected)
{
	struct classified classified;

	assert_int_equal(classify_frame(frame, &classified), expected);
	return classify_is_foreign(&table, frame->bytes, frame->len, expected);
}

/* What a listener would be sent, in every form, is for nobody else; anything else that is whole is. */
static void
test_foreign(void **state)
{
	struct frame frame;

	(void)state;
	reset();
	for (unsigned int f = 0; f < 2; f++) {
		build_hello(&frame, families[f], 0);
		set_ports(&frame, 0, FRAME_HOST_PORT);
		assert_false(is_foreign(&frame, HG_DROP_SOURCE_PORT));
		set_ports(&frame, 0, 22);
		assert_true(is_foreign(&frame, HG_DROP_SOURCE_PORT));
		set_ports(&frame, 40000, 22);
		assert_true(is_foreign(&frame, HG_DROP_NO_LISTENER));
		frame.bytes[frame.len - 1] ^= 1;
		assert_true(is_foreign(&frame, HG_DROP_UDP_CHECKSUM));
		frame.bytes[0] ^= 0x40;
		assert_false(is_foreign(&frame, HG_DROP_FRAME_NOT_OURS));
		build_hello(&frame, families[f], 0);
		frame.bytes[frame.len - 1] ^= 1;
		assert_false(is_foreign(&frame, HG_DROP_UDP_CHECKSUM));
		frame_udp(&frame, families[f], 0, "GET / HTTP/1.1\r\n", 16);
		assert_false(is_foreign(&frame, HG_DROP_RECORD_TYPE));
		build_hello(&frame, families[f], 0);
		memset(frame.bytes, 0xff, 6);
		assert_false(is_foreign(&frame, HG_DROP_FRAME_NOT_OURS));
		build_hello(&frame, families[f], 3);
		assert_true(is_foreign(&frame, HG_DROP_VLAN_DEPTH));
	}
	build_hello(&frame, 4, 0);
	frame_put16(frame.bytes + frame.l3 + 6, 0x2000);
	frame_seal_ipv4(&frame);
	assert_false(is_foreign(&frame, HG_DROP_IPV4_FRAGMENT));
	set_ports(&frame, 40000, 22);
	assert_true(is_foreign(&frame, HG_DROP_IPV4_FRAGMENT));
	frame_put16(frame.bytes + frame.l3 + 6, 1);
	frame_seal_ipv4(&frame);
	assert_true(is_foreign(&frame, HG_DROP_IPV4_FRAGMENT));
	frame.bytes[frame.l3] = 0x4f; /* 60 bytes of header: the ports are somewhere in the hello */
	assert_true(is_foreign(&frame, HG_DROP_IPV4_OPTIONS));
	frame.len = frame.l3 + 59;
	assert_false(is_foreign(&frame, HG_DROP_IPV4_OPTIONS));
	build_hello(&frame, 6, 0);
	frame.bytes[frame.l3 + 6] = 0; /* the UDP header is read as an option that is too long */
	assert_false(is_foreign(&frame, HG_DROP_IPV6_EXTENSION));
	frame.bytes[frame.l3 + 6] = 50;
	assert_true(is_foreign(&frame, HG_DROP_IPV6_EXTENSION));
	frame.bytes[frame.l3 + 6] = 6;
	assert_true(is_foreign(&frame, HG_DROP_IP_PROTOCOL));
	frame.bytes[frame.l3 + 39] ^= 1;
	assert_true(is_foreign(&frame, HG_DROP_DESTINATION));
	frame.bytes[13] = 0xcc;
	assert_true(is_foreign(&frame, HG_DROP_ETHER_TYPE));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hello),
		cmocka_unit_test(test_listeners),
		cmocka_unit_test(test_no_binds_and_many),
		cmocka_unit_test(test_same_bind),
		cmocka_unit_test(test_denied_ports),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_drops),
		cmocka_unit_test(test_foreign),
	};

	return cmocka_run_group_tests(tests, guard_page_open, guard_page_close);
}
