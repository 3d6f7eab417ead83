/* SPDX-License-Identifier: BSD-3-Clause */
/* What hellogen sends, judged by the gateway's library. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "junk.h"
#include "neighbour.h"
#include "net/packet.h"
#include "plan.h"
#include "scratch.h"
#include "source.h"
#include "template.h"
#include "unit.h"
#include "wire/hello.h"

static struct error error;
static struct blueprint blueprint;
static uint8_t frame[FRAME_BYTES_MAX];
static const uint8_t server_mac[6] = { 2, 0, 0, 0, 0, 0x0a };

static struct frame_link
link_to(const char *target)
{
	struct frame_link link = { .own_mac = { 2, 0, 0, 0, 0, 0x0b } };

	memcpy(link.far_mac, server_mac, 6);
	assert_int_equal(address_parse_port(&link.target, target), 0);
	return link;
}

static struct source_range
range_of(const char *text, uint16_t first, uint16_t last)
{
	struct source_range range;
	struct address prefix;

	assert_int_equal(address_parse_prefix(&prefix, text), 0);
	source_range_init(&range, &prefix, first, last);
	return range;
}

/* What the gateway's parser says of the frame; *ret_payload is its UDP payload. */
static enum hg_verdict
parse_frame(const struct frame_link *link, const uint8_t **ret_payload, size_t *ret_len)
{
	struct hg_net_host host = { 0 };
	struct hg_net_packet packet;
	enum hg_verdict verdict;

	*ret_payload = frame;
	*ret_len = 0;
	memcpy(host.mac, link->far_mac, 6);
	host.n_ipv4 = link->target.family == 4;
	host.n_ipv6 = link->target.family == 6;
	memcpy(host.ipv4[0].address, link->target.bytes, 4);
	memcpy(host.ipv4[0].broadcast, link->target.bytes, 4);
	memcpy(host.ipv4[0].network, link->target.bytes, 4);
	memcpy(host.ipv6[0], link->target.bytes, 16);
	verdict = hg_net_parse(frame, blueprint.len, &host, 0, &packet);
	if (verdict == HG_PASS) {
		*ret_payload = hg_net_payload(&packet);
		*ret_len = hg_net_payload_len(&packet);
	}
	return verdict;
}

static void
test_builtins(void **state)
{
	struct template template;
	unsigned int i;

	(void)state;
	for (i = 0; template_name(i) != NULL; i++) {
		assert_int_equal(template_find(&template, template_name(i), &error), 0);
		assert_int_equal(template.complete, strcmp(template.name, "smallest") != 0);
		assert_string_equal(template.origin, template_origin(i));
	}
	assert_int_equal(i, 14);
	assert_int_equal(template_find(&template, "smallest", &error), 0);
	assert_int_equal(template.len, HG_HELLO_MIN_LEN);
	assert_int_equal(template_find(&template, "ncat", &error), 0);
	assert_int_equal(template.n, 2);
	assert_int_not_equal(template_find(&template, "nobody", &error), 0);
}

/* Every hello, from both families, with many randoms: sums, number and random are right. */
static void
test_first_hellos(void **state)
{
	static const char *const targets[] = { "198.18.0.1:5684", "[2001:2::1]:5684" };
	static const char *const prefixes[] = { "198.18.128.0/17", "2001:2:0:8000::/49" };

	(void)state;
	for (unsigned int family = 0; family < 2; family++) {
		struct source_range range = range_of(prefixes[family], 1024, 65535);
		struct frame_link link = link_to(targets[family]);
		struct source_part part;

		assert_int_equal(source_part_init(&part, &range, 0, 1, true, 7, &error), 0);
		for (unsigned int t = 0; template_name(t) != NULL; t++) {
			struct template template;

			assert_int_equal(template_find(&template, template_name(t), &error), 0);
			frame_plan(&blueprint, &link, template.datagram[0].bytes,
				template.datagram[0].len, FRAME_HELLO, FRAME_SOUND);
			for (uint64_t n = 0; n < 300; n++) {
				const uint8_t *payload;
				uint64_t random[4];
				struct source source;
				struct hg_hello hello;
				bool is_hello;
				size_t len;

				source_get(&part, n, &source);
				frame_random(n, n, random);
				frame_write(
					&blueprint, &source, random, (uint32_t)n * 77777, frame);
				assert_int_equal(parse_frame(&link, &payload, &len), HG_PASS);
				assert_int_equal(len, template.datagram[0].len);
				assert_int_equal(
					hg_hello_parse(payload, len, &is_hello, &hello), HG_PASS);
				assert_true(is_hello);
				assert_int_equal(hello.record_seq, (uint32_t)n * 77777);
				assert_int_equal(hello.message_seq, 0);
				assert_memory_equal(hello.client + 2, random, 32);
				assert_memory_equal(payload - 8, &source.port, 2);
			}
		}
	}
}

static void
fill_and_check(const struct frame_link *link, const struct template *template, uint8_t cookie_len,
	const struct source *source)
{
	static const uint8_t empty[TEMPLATE_COOKIE_MAX];
	uint8_t datagram[TEMPLATE_BYTES_MAX + TEMPLATE_COOKIE_MAX], cookie[TEMPLATE_COOKIE_MAX];
	const uint64_t random[4] = { 1, UINT64_MAX, UINT64_C(0xfedcba9876543210), 0 };
	const uint8_t *payload;
	struct hg_hello hello;
	bool is_hello;
	size_t len;

	for (unsigned int i = 0; i < cookie_len; i++)
		cookie[i] = (uint8_t)(cookie_len + 3 * i);
	len = template_second(template, 0, empty, cookie_len, datagram);
	frame_plan(&blueprint, link, datagram, (uint16_t)len, FRAME_HELLO, FRAME_SOUND);
	frame_write(&blueprint, source, random, UINT32_MAX, frame);
	frame_fill(&blueprint, frame, template->cookie_at + 1u, cookie, cookie_len);
	assert_int_equal(parse_frame(link, &payload, &len), HG_PASS);
	assert_int_equal(hg_hello_parse(payload, len, &is_hello, &hello), HG_PASS);
	assert_true(is_hello);
	assert_int_equal(hello.cookie_len, cookie_len);
	assert_memory_equal(hello.cookie, cookie, cookie_len);
	assert_int_equal(hello.message_seq, 1);
	assert_int_equal(hello.record_len, len);
	assert_int_equal(hello.record_seq, UINT32_MAX);
	assert_true(hello.message_len >= len - HG_RECORD_LEN - HG_HANDSHAKE_LEN);
	/* Nothing else has changed. */
	template_second(template, 0, cookie, cookie_len, datagram);
	memcpy(datagram + HELLO_RANDOM, random, sizeof(random));
	memset(datagram + RECORD_SEQ + 2, 0xff, 4);
	assert_memory_equal(payload, datagram, len);
}

static void
test_second_hellos(void **state)
{
	struct source_range range = range_of("198.18.128.0/17", 1024, 65535);
	struct frame_link link = link_to("198.18.0.1:5684");
	struct template template;
	struct source source;
	struct source_part part;

	(void)state;
	assert_int_equal(source_part_init(&part, &range, 0, 1, true, 1, &error), 0);
	source_get(&part, 99, &source);
	for (unsigned int t = 0; template_name(t) != NULL; t++) {
		assert_int_equal(template_find(&template, template_name(t), &error), 0);
		for (unsigned int len = 1; len <= TEMPLATE_COOKIE_MAX && template.complete; len++)
			fill_and_check(&link, &template, (uint8_t)len, &source);
	}
}

/* The fragments of a second hello still are one message (RFC 6347 4.2.3). */
static void
test_second_fragment(void **state)
{
	uint8_t cookie[20] = { 9 }, first[TEMPLATE_BYTES_MAX + 20], second[TEMPLATE_BYTES_MAX + 20];
	struct template template;
	uint16_t first_len, second_len;

	(void)state;
	assert_int_equal(template_find(&template, "socat", &error), 0);
	first_len = template_second(&template, 0, cookie, sizeof(cookie), first);
	second_len = template_second(&template, 1, cookie, sizeof(cookie), second);
	assert_int_equal(first_len, template.datagram[0].len + 20);
	assert_int_equal(second_len, template.datagram[1].len);
	assert_memory_equal(first + MESSAGE_LENGTH, second + MESSAGE_LENGTH, 5);
	assert_int_equal(second[MESSAGE_SEQ + 1], 1);
	assert_int_equal(second[FRAGMENT_OFFSET + 1] << 8 | second[FRAGMENT_OFFSET + 2],
		first_len - HELLO_BODY);
	assert_memory_equal(second + HELLO_BODY, template.datagram[1].bytes + HELLO_BODY,
		(size_t)second_len - HELLO_BODY);
}

static void
test_junk(void **state)
{
	static const char *const targets[] = { "198.18.0.1:5684", "[2001:2::1]:5684" };
	static const char *const prefixes[] = { "198.18.128.0/17", "2001:2:0:8000::/49" };
	const uint64_t random[4] = { 5, 6, 7, 8 };

	(void)state;
	for (unsigned int family = 0; family < 2; family++)
		for (unsigned int t = 0; template_name(t) != NULL; t++)
			for (unsigned int kind = 0; kind < JUNK_KINDS_N; kind++) {
				struct source_range range = range_of(prefixes[family], 5000, 6000);
				struct frame_link link = link_to(targets[family]);
				enum hg_verdict verdict;
				struct template template;
				const uint8_t *payload;
				struct source source;
				struct source_part part;
				struct hg_hello hello;
				bool is_hello = true, damaged;
				size_t len;

				assert_int_equal(
					template_find(&template, template_name(t), &error), 0);
				assert_int_equal(
					source_part_init(&part, &range, 0, 1, true, 1, &error), 0);
				source_get(&part, kind, &source);
				junk_plan(&blueprint, &link, &template, kind);
				frame_write(&blueprint, &source, random, 1, frame);
				verdict = parse_frame(&link, &payload, &len);
				damaged = kind == JUNK_UDP_CHECKSUM || kind == JUNK_IP_CHECKSUM ||
					  kind == JUNK_UDP_LENGTH;
				assert_int_equal(verdict != HG_PASS, damaged);
				if (damaged)
					continue;
				verdict = hg_hello_parse(payload, len, &is_hello, &hello);
				if (verdict == HG_PASS && is_hello)
					fail_msg("%s: %s is a hello", template.name,
						junk_meaning(kind));
			}
}

static void
test_refused_templates(void **state)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{ "", "x: holds no datagram" },
		{ "# nothing\n\n", "x: holds no datagram" },
		{ "16f", "x:1: an odd number of hex digits" },
		{ "\n16 fg", "x:2: not a hex digit: g" },
		{ "16fe", "x: datagram 1 is no record with a ClientHello" },
	};
	struct template template;
	char text[2 * TEMPLATE_BYTES_MAX + 8];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_not_equal(template_parse(&template, "x", cases[i].text, &error), 0);
		assert_string_equal(error.text, cases[i].reason);
	}
	memset(text, '0', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	assert_int_not_equal(template_parse(&template, "x", text, &error), 0);
	assert_string_equal(error.text, "x:1: a datagram has at most 1200 bytes");
}

/* One field of a good hello wrong at a time. */
static void
test_refused_fields(void **state)
{
	static const struct {
		unsigned int at;
		uint8_t value;
		const char *reason;
	} cases[] = {
		{ 0, 23, "is no record with a ClientHello" },
		{ 2, 0x00, "is neither DTLS 1.0 nor 1.2" },
		{ RECORD_EPOCH + 1, 1, "is not of epoch 0" },
		{ RECORD_LENGTH + 1, 1, "is not exactly one record" },
		{ RECORD_HEADER, 2, "is no record with a ClientHello" },
		{ MESSAGE_LENGTH + 2, 1, "reaches past the end of the message" },
		{ MESSAGE_SEQ + 1, 1, "has a message_seq other than 0" },
		{ FRAGMENT_OFFSET + 2, 1, "does not begin where the one before ends" },
		{ FRAGMENT_LENGTH + 2, 1, "is not exactly one fragment" },
		{ HELLO_SESSION_ID, 33, "has no session_id" },
		{ HELLO_SESSION_ID + 1, 1, "has a cookie" },
	};
	struct template good, template;

	(void)state;
	assert_int_equal(template_find(&good, "openssl", &error), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[2 * TEMPLATE_BYTES_MAX + 1];

		for (unsigned int k = 0; k < good.len; k++)
			snprintf(text + 2 * k, 3, "%02x",
				k == cases[i].at ? cases[i].value : good.datagram[0].bytes[k]);
		assert_int_not_equal(template_parse(&template, "x", text, &error), 0);
		assert_non_null(strstr(error.text, cases[i].reason));
	}
}

static void
test_template_file(void **state)
{
	struct template good, template;
	char text[4096];
	int at;

	(void)state;
	assert_int_equal(template_find(&good, "ncat", &error), 0);
	at = snprintf(text, sizeof(text), "# two datagrams\n");
	for (unsigned int i = 0; i < good.n; i++) {
		for (unsigned int k = 0; k < good.datagram[i].len; k++)
			at += snprintf(text + at, sizeof(text) - (size_t)at, "%02X ",
				good.datagram[i].bytes[k]);
		at += snprintf(text + at, sizeof(text) - (size_t)at, "# %u\n", i);
	}
	assert_int_equal(
		template_load(&template, scratch_text(&scratch_group, "own.hex", text), &error), 0);
	assert_string_equal(template.name, "own.hex");
	assert_int_equal(template.n, 2);
	assert_int_equal(template.cookie_at, good.cookie_at);
	for (unsigned int i = 0; i < good.n; i++)
		assert_memory_equal(
			template.datagram[i].bytes, good.datagram[i].bytes, good.datagram[i].len);
	assert_int_not_equal(
		template_load(&template, scratch_path(&scratch_group, "absent"), &error), 0);
	assert_non_null(strstr(error.text, "No such file"));
}

/* Each source comes once in a round, is found again, and belongs to one part. */
static void
check_sources(
	const char *prefix, uint16_t first, uint16_t last, unsigned int n_parts, bool shuffled)
{
	struct source_range range = range_of(prefix, first, last);
	uint64_t total = range.addresses * range.ports;
	uint8_t *seen = calloc(total, 1);

	assert_non_null(seen);
	for (unsigned int p = 0; p < n_parts; p++) {
		struct source_part part;
		struct source source;
		uint64_t number;

		assert_int_equal(
			source_part_init(&part, &range, p, n_parts, shuffled, 99 + p, &error), 0);
		assert_int_equal(part.n % part.flows, 0);
		for (uint64_t n = 0; n < part.n; n++) {
			source_get(&part, n, &source);
			assert_true(source_find(&range, source.address, source.port, &number));
			assert_true(source_is_of(&part, number));
			assert_int_equal(number / part.size, p);
			assert_int_equal(source_undo(&part, number), n);
			assert_int_equal(seen[number]++, 0);
			if (!shuffled)
				assert_int_equal(number, part.first + n);
		}
		source_get_spare(&part, &source);
		assert_true(source_find(&range, source.address, source.port, &number));
		assert_int_equal(number, part.spare);
		assert_false(source_is_of(&part, number));
		assert_int_equal(seen[number]++, 0);
	}
	free(seen);
}

static void
test_sources(void **state)
{
	struct source_range range = range_of("198.18.128.0/24", 1, 65535);
	struct source_part part;
	uint64_t number;
	uint8_t address[4] = { 198, 18, 128, 0 };

	(void)state;
	for (unsigned int shuffled = 0; shuffled < 2; shuffled++) {
		check_sources("198.18.128.0/17", 40000, 40009, 1, shuffled);
		check_sources("198.18.128.0/24", 1024, 3000, 3, shuffled);
		check_sources("198.18.128.7/32", 1, 2, 1, shuffled);
		check_sources("198.18.128.7/32", 1024, 65535, 2, shuffled);
		check_sources("2001:2:0:8000::/112", 5000, 5004, 2, shuffled);
	}
	/* Neither network nor broadcast address, nor what is beside. */
	assert_false(source_find(&range, address, 1, &number));
	address[3] = 255;
	assert_false(source_find(&range, address, 1, &number));
	address[3] = 254;
	assert_true(source_find(&range, address, 0x0100, &number));
	assert_false(source_find(&range, address, 0, &number));
	address[2] = 129;
	assert_false(source_find(&range, address, 0x0100, &number));
	range = range_of("198.18.128.7/32", 5, 7);
	assert_int_not_equal(source_part_init(&part, &range, 0, 2, true, 1, &error), 0);
	/* As many addresses as a number counts, of a larger network. */
	range = range_of("2001:2::/48", 1024, 65535);
	assert_int_equal(range.addresses, (UINT64_C(1) << 32) - 1);
}

static void
test_networks(void **state)
{
	static const char *const good[] = { "198.18.0.0/15", "198.19.255.255/32", "192.0.2.0/25",
		"198.51.100.7/32", "203.0.113.0/24", "10.1.0.0/16", "172.31.0.0/16",
		"192.168.1.0/24", "127.0.0.1/32", "169.254.1.1/32", "2001:2::/64",
		"2001:db8:1::/48", "fd00::/8", "::1/128", "fe80::1/128" };
	static const char *const bad[] = { "198.18.0.0/14", "198.20.0.0/16", "8.8.8.8/32",
		"172.32.0.0/16", "192.0.3.0/24", "10.0.0.0/7", "0.0.0.0/0", "2001:2:1::/48",
		"2001:4860::/32", "::/0", "::2/128", "fec0::/10" };
	struct address prefix;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(address_parse_prefix(&prefix, good[i]), 0);
		if (!source_is_private(&prefix))
			fail_msg("%s is refused", good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(address_parse_prefix(&prefix, bad[i]), 0);
		if (source_is_private(&prefix))
			fail_msg("%s is not refused", bad[i]);
	}
}

static void
test_mix(void **state)
{
	static struct plan plan;
	unsigned int n[PLAN_MODES_N] = { 0 };
	struct plan_turn turn = { 0 };

	(void)state;
	plan.weight[PLAN_FLOOD] = 70;
	plan.weight[PLAN_PROBE] = 25;
	plan.weight[PLAN_JUNK] = 5;
	for (unsigned int i = 0; i < 1000; i++) {
		n[plan_next(&plan, &turn)]++;
		/* Evenly: never more than one turn from its share. */
		assert_true(abs((int)n[PLAN_PROBE] * 4 - (int)(i + 1)) <= 4);
	}
	assert_int_equal(n[PLAN_FLOOD], 700);
	assert_int_equal(n[PLAN_PROBE], 250);
	assert_int_equal(n[PLAN_REPLAY], 0);
	assert_int_equal(n[PLAN_JUNK], 50);
}

/* One end asks, the other one answers, the first one learns. */
static void
test_neighbours(void **state)
{
	static const char *const prefixes[] = { "198.18.128.0/17", "2001:2:0:8000::/64" };
	static const char *const targets[] = { "198.18.128.77:1", "[2001:2:0:8000::77]:1" };

	(void)state;
	for (unsigned int family = 0; family < 2; family++) {
		struct frame_link link = link_to(targets[family]);
		struct neighbour asking = { .mac = { 2, 0, 0, 0, 0, 1 } };
		struct neighbour asked = { .mac = { 2, 0, 0, 0, 0, 2 } };
		uint8_t bytes[NEIGHBOUR_FRAME_MAX], mac[6];
		size_t len;

		asked.range = range_of(prefixes[family], 1024, 65535);
		asking.range = range_of(family == 0 ? "198.18.0.0/24" : "2001:2::/64", 1024, 65535);
		len = neighbour_request(&asking, &link.target, bytes);
		assert_false(neighbour_learn(bytes, len, &link.target, mac));
		assert_int_equal(neighbour_answer(&asking, bytes, len, sizeof(bytes)), 0);
		len = neighbour_answer(&asked, bytes, len, sizeof(bytes));
		assert_true(len > 0);
		assert_memory_equal(bytes, asking.mac, 6);
		assert_true(neighbour_learn(bytes, len, &link.target, mac));
		assert_memory_equal(mac, asked.mac, 6);
		/* An address beside the sources. */
		asking.own = link.target;
		len = neighbour_request(&asked, &link.target, bytes);
		assert_true(neighbour_answer(&asking, bytes, len, sizeof(bytes)) > 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_builtins),
		cmocka_unit_test(test_first_hellos),
		cmocka_unit_test(test_second_hellos),
		cmocka_unit_test(test_second_fragment),
		cmocka_unit_test(test_junk),
		cmocka_unit_test(test_refused_templates),
		cmocka_unit_test(test_refused_fields),
		cmocka_unit_test(test_template_file),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_mix),
		cmocka_unit_test(test_neighbours),
	};

	return cmocka_run_group_tests(tests, scratch_group_open, scratch_group_close);
}
