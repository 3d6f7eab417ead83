/* SPDX-License-Identifier: BSD-3-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "config/address.h"
#include "unit.h"

typedef int parse_fn(struct address *ret, const char *text);

static void
assert_all_refused(parse_fn *parse, const char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct address address, before;

		memset(&address, 0xa5, sizeof(address));
		before = address;
		if (parse(&address, texts[i]) != -EINVAL)
			fail_msg("%s is accepted", texts[i]);
		assert_memory_equal(&address, &before, sizeof(address));
	}
}

static void
assert_ip(const struct address *address, uint8_t family, const char *text)
{
	uint8_t bytes[16] = { 0 };

	assert_int_equal(address->family, family);
	assert_int_equal(inet_pton(family == 4 ? AF_INET : AF_INET6, text, bytes), 1);
	assert_memory_equal(address->bytes, bytes, family == 4 ? 4 : 16);
}

static void
test_prefix(void **state)
{
	struct address address;

	(void)state;
	assert_int_equal(address_parse_prefix(&address, "198.18.0.1/24"), 0);
	assert_ip(&address, 4, "198.18.0.1");
	assert_int_equal(address.prefix, 24);
	assert_int_equal(address_parse_prefix(&address, "0.0.0.0/0"), 0);
	assert_int_equal(address.prefix, 0);
	assert_int_equal(address_parse_prefix(&address, "255.255.255.255/32"), 0);
	assert_int_equal(address.prefix, 32);
	assert_int_equal(address_parse_prefix(&address, "2001:2::1/48"), 0);
	assert_ip(&address, 6, "2001:2::1");
	assert_int_equal(address.prefix, 48);
	assert_int_equal(address_parse_prefix(&address, "::/0"), 0);
	/* The longest that there is. */
	assert_int_equal(
		address_parse_prefix(&address, "1111:2222:3333:4444:5555:6666:123.123.123.123/128"),
		0);
	assert_ip(&address, 6, "1111:2222:3333:4444:5555:6666:123.123.123.123");
	assert_int_equal(address.prefix, 128);
}

static void
test_prefix_refused(void **state)
{
	static const char *const texts[] = { "", "/", "/24", "198.18.0.1", "198.18.0.1/",
		"198.18.0.1/33", "198.18.0.1/-1", "198.18.0.1/+4", "198.18.0.1/ 24",
		"198.18.0.1/24 ", " 198.18.0.1/24", "198.18.0.1/24/8", "198.18.0.1/0x8",
		"198.18.0.1/24x", "198.18.0/24", "198.18.0.256/24", "198.18.0.1.1/24",
		"2001:2::1/129", "2001:2::1", "[2001:2::1]/48", "2001:2:::1/48", "fe80::1%eth0/64",
		"localhost/8", "198.18.0.1/4294967320", "198.18.0.1/18446744073709551640",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc/64" };

	(void)state;
	assert_all_refused(address_parse_prefix, texts, sizeof(texts) / sizeof(texts[0]));
}

static void
test_port(void **state)
{
	struct address address;

	(void)state;
	assert_int_equal(address_parse_port(&address, "198.18.0.1:5684"), 0);
	assert_ip(&address, 4, "198.18.0.1");
	assert_int_equal(address.port, 5684);
	assert_int_equal(address_parse_port(&address, "0.0.0.0:1"), 0);
	assert_int_equal(address.port, 1);
	assert_int_equal(address_parse_port(&address, "[2001:2::1]:65535"), 0);
	assert_ip(&address, 6, "2001:2::1");
	assert_int_equal(address.port, 65535);
	assert_int_equal(address_parse_port(&address, "[::]:1"), 0);
	assert_int_equal(address_parse_port(
				 &address, "[1111:2222:3333:4444:5555:6666:123.123.123.123]:65535"),
		0);
}

static void
test_port_refused(void **state)
{
	static const char *const texts[] = { "", ":", ":5684", "5684", "198.18.0.1",
		"198.18.0.1:", "198.18.0.1:0", "198.18.0.1:65536", "198.18.0.1:-1", "198.18.0.1:+1",
		"198.18.0.1: 1", "198.18.0.1:1 ", "198.18.0.1:0x1", "198.18.0.1:http",
		" 198.18.0.1:1", "198.18.0.1:1:2", "[198.18.0.1]:5684", "2001:2::1:5684",
		"2001:2::1", "[2001:2::1]", "[2001:2::1]:", "[2001:2::1]5684", "[2001:2::1:5684",
		"2001:2::1]:5684", "[[2001:2::1]]:5684", "[]:5684", "[:5684", "]:5684",
		"[2001:2::1]:0", "[2001:2::1]:65536", "[fe80::1%1]:5684", "*:5684",
		"localhost:5684", "198.18.0.1:4294972980", "198.18.0.1:18446744073709557300" };

	(void)state;
	assert_all_refused(address_parse_port, texts, sizeof(texts) / sizeof(texts[0]));
}

static void
test_mac(void **state)
{
	static const uint8_t expected[6] = { 2, 0, 0, 0xab, 0xcd, 0xef };
	static const uint8_t last[6] = { 0, 0, 0, 0, 0, 1 };
	uint8_t mac[6];

	(void)state;
	assert_int_equal(address_parse_mac(mac, "02:00:00:ab:CD:eF"), 0);
	assert_memory_equal(mac, expected, 6);
	assert_int_equal(address_parse_mac(mac, "00:00:00:00:00:01"), 0);
	assert_memory_equal(mac, last, 6);
}

static void
test_mac_refused(void **state)
{
	static const char *const texts[] = { "", "02", "02:00:00:00:00", "02:00:00:00:00:0",
		"02:00:00:00:00:0a:0b", "2:0:0:0:0:a", "02-00-00-00-00-0a", "020000000000a",
		"02:00:00:00:00:0g", "02:00:00:00:00:0a ", " 02:00:00:00:00:0a",
		" 2:00:00:00:00:0a", "02: 1:00:00:00:0a", "02:+1:00:00:00:0a", "02:-1:00:00:00:0a",
		"02:0x:00:00:00:0a", "0x:00:00:00:00:0a", "00:00:00:00:00:00", "01:00:00:00:00:00",
		"ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		uint8_t mac[6] = { 9, 9, 9, 9, 9, 9 };
		static const uint8_t before[6] = { 9, 9, 9, 9, 9, 9 };

		if (address_parse_mac(mac, texts[i]) != -EINVAL)
			fail_msg("%s is accepted", texts[i]);
		assert_memory_equal(mac, before, 6);
	}
}

static void
test_sockaddr(void **state)
{
	struct sockaddr_storage storage;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct address address;

	(void)state;
	assert_int_equal(address_parse_port(&address, "198.18.0.1:5684"), 0);
	memset(&storage, 0xee, sizeof(storage));
	assert_int_equal(address_to_sockaddr(&address, &storage), sizeof(in));
	memcpy(&in, &storage, sizeof(in));
	assert_int_equal(in.sin_family, AF_INET);
	assert_int_equal(ntohs(in.sin_port), 5684);
	assert_int_equal(ntohl(in.sin_addr.s_addr), 0xc6120001);

	assert_int_equal(address_parse_port(&address, "[2001:2::1]:5684"), 0);
	memset(&storage, 0xee, sizeof(storage));
	assert_int_equal(address_to_sockaddr(&address, &storage), sizeof(in6));
	memcpy(&in6, &storage, sizeof(in6));
	assert_int_equal(in6.sin6_family, AF_INET6);
	assert_int_equal(ntohs(in6.sin6_port), 5684);
	assert_memory_equal(&in6.sin6_addr, address.bytes, 16);
	assert_int_equal(in6.sin6_flowinfo, 0);
	assert_int_equal(in6.sin6_scope_id, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_prefix_refused),
		cmocka_unit_test(test_port),
		cmocka_unit_test(test_port_refused),
		cmocka_unit_test(test_mac),
		cmocka_unit_test(test_mac_refused),
		cmocka_unit_test(test_sockaddr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
