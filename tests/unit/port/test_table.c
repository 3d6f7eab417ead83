/* SPDX-License-Identifier: BSD-3-Clause */
/* What a port listens on by its configuration, and what is found of it. */
#include <string.h>

#include "base/bytes.h"
#include "net/find.h"
#include "port/table.h"
#include "unit.h"

static const uint8_t families[] = { 4, 6 };
static struct port_table table;

static void
clear(void)
{
	port_table_free(&table);
	memset(&table, 0, sizeof(table));
}

static int
finish(void **state)
{
	(void)state;
	clear();
	return 0;
}

/* 198.18.0.N or 2001:2::N. */
static void
address_of(uint8_t family, uint8_t number, uint8_t ret[16])
{
	static const uint8_t four[4] = { 198, 18 }, six[16] = { 0x20, 0x01, 0, 2 };

	memcpy(ret, family == 4 ? four : six, family == 4 ? 4 : 16);
	ret[family == 4 ? 3 : 15] = number;
}

static void
add(uint8_t family, uint8_t number, unsigned int port, unsigned int listener)
{
	uint8_t address[16];

	address_of(family, number, address);
	assert_int_equal(
		port_table_add(&table, family, address, (uint16_t)port, (uint16_t)listener), 0);
}

static int
find(uint8_t family, uint8_t number, unsigned int port)
{
	uint8_t tuple[HG_NET_TUPLE_MAX];

	memset(tuple, 0x5a, sizeof(tuple)); /* where it comes from does not matter */
	address_of(family, number, tuple + (family == 4 ? 4 : 16));
	hg_store_be16(tuple + (family == 4 ? 10 : 34), (uint16_t)port);
	return port_table_find(&table, tuple, family);
}

/* From none on each is found, and no other; of two that are the same the first. */
static void
test_find(void **state)
{
	static const unsigned int numbers[] = { 0, 1, 2, 63, 64, 65, 1025 };

	(void)state;
	for (unsigned int f = 0; f < 2; f++)
		for (unsigned int k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++) {
			unsigned int n = numbers[k];

			clear();
			for (unsigned int i = 0; i < n; i++)
				add(families[f], (uint8_t)(1 + i % 3), 10000 + i / 3, i);
			for (unsigned int i = 0; i < n; i++)
				add(families[f], (uint8_t)(1 + i % 3), 10000 + i / 3, n + i);
			assert_int_equal(port_table_index(&table), 0);
			for (unsigned int i = 0; i < n + 6; i++)
				assert_int_equal(
					find(families[f], (uint8_t)(1 + i % 3), 10000 + i / 3),
					i < n ? (int)i : -1);
			for (unsigned int port = 20000; port < 22000; port++)
				assert_int_equal(find(families[f], 1, port), -1);
			assert_int_equal(find(families[1 - f], 1, 10000), -1);
		}
}

/* Whoever chooses ports at will finds no long way through the table. */
static void
test_no_long_way(void **state)
{
	static const unsigned int numbers[] = { 1, 16, 17, 1025, 64 * 64 };

	(void)state;
	for (unsigned int k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++) {
		unsigned int longest = 0, sum = 0;

		clear();
		for (unsigned int i = 0; i < numbers[k]; i++) {
			add(4, (uint8_t)(i % 64), 5000 + i / 64, i);
			add(6, (uint8_t)(i % 64), 5000 + i / 64, i);
		}
		assert_int_equal(port_table_index(&table), 0);
		for (unsigned int f = 0; f < 2; f++) {
			const struct port_table_binds *binds = f == 0 ? &table.ipv4 : &table.ipv6;
			unsigned int run = 0;

			assert_true(binds->mask + 1 >= 2 * numbers[k]);
			for (uint32_t place = 0; place <= binds->mask; place++) {
				bool taken = f == 0 ? binds->place.ipv4[place] != 0
						    : binds->place.ipv6[place].is_taken != 0;

				run = taken ? run + 1 : 0;
				longest = run > longest ? run : longest;
				sum += run;
			}
		}
		assert_true(longest <= 64);
		assert_true(sum <= 2 * 4 * numbers[k]);
	}
}

static struct address
bind_of(uint8_t family, uint8_t number, uint16_t port)
{
	struct address bind = { .family = family, .port = port };

	if (number != 0)
		address_of(family, number, bind.bytes);
	return bind;
}

/* Addresses 1 and 2 of either family. */
static struct hg_net_host
make_host(void)
{
	struct hg_net_host host = { .mac = { 2, 0, 0, 0, 0, 1 }, .n_ipv4 = 2, .n_ipv6 = 2 };
	uint8_t address[16];

	for (uint8_t i = 0; i < 2; i++) {
		address_of(4, (uint8_t)(1 + i), address);
		memcpy(host.ipv4[i].address, address, 4);
		address_of(6, (uint8_t)(1 + i), host.ipv6[i]);
	}
	return host;
}

#define OWN_PORT 5684
#define ANY_PORT 5685
#define GUARDED_PORT 5686

/* A listener on addresses 1 of IPv4 and 3 of IPv6, one on all, and a guard of servers 1 and 9, 9 twice. */
static struct config_listener listeners[3];
static const struct config config = {
	.listener = listeners,
	.n_listeners = 3,
	.gateway = { .denied = { 7, 63, 64, 11211 }, .n_denied = 4 },
};
static const uint16_t places[] = { 30, 10, 20 };

static int
configure(void **state)
{
	(void)state;
	memset(listeners, 0, sizeof(listeners));
	listeners[0].bind[0] = bind_of(4, 1, OWN_PORT);
	listeners[0].bind[1] = bind_of(6, 3, OWN_PORT);
	listeners[0].n_binds = 2;
	listeners[1].bind[0] = bind_of(4, 0, ANY_PORT);
	listeners[1].bind[1] = bind_of(6, 0, ANY_PORT);
	listeners[1].n_binds = 2;
	listeners[2].guard = 1;
	for (unsigned int f = 0; f < 2; f++) {
		listeners[2].bind[3 * f] = bind_of(families[f], 1, GUARDED_PORT);
		listeners[2].bind[3 * f + 1] = bind_of(families[f], 9, GUARDED_PORT);
		listeners[2].bind[3 * f + 2] = bind_of(families[f], 9, GUARDED_PORT + 1);
	}
	listeners[2].n_binds = 6;
	return 0;
}

/* On addresses that are the port's, by what stands for the listener; a guard is somewhere else. */
static void
test_fill(void **state)
{
	const struct hg_net_host host = make_host();

	(void)state;
	assert_int_equal(port_table_fill(&table, &host, false, &config, places), 0);
	assert_int_equal(find(4, 1, OWN_PORT), 30);
	assert_int_equal(find(4, 2, OWN_PORT), -1);
	for (uint8_t i = 1; i < 4; i++) {
		assert_int_equal(find(6, i, OWN_PORT), -1);
		assert_int_equal(find(4, i, ANY_PORT), i < 3 ? 10 : -1);
		assert_int_equal(find(6, i, ANY_PORT), i < 3 ? 10 : -1);
		assert_int_equal(find(4, i, GUARDED_PORT), -1);
	}
	assert_int_equal(table.ipv4.n, 3);
	assert_int_equal(table.ipv6.n, 2);
	assert_int_equal(table.host.any_mac, 0);
	assert_memory_equal(table.host.mac, host.mac, sizeof(host.mac));
	assert_int_equal(table.host.n_ipv4, 2);
	assert_true(table.host.indexed);
}

/* At the clients' port servers are guarded, each address once, whatever their MAC addresses are. */
static void
test_guard(void **state)
{
	const struct hg_net_host none = { .n_ipv4 = 0 };
	uint8_t server[16];
	uint32_t four;

	(void)state;
	assert_int_equal(port_table_fill(&table, &none, true, &config, places), 0);
	for (unsigned int f = 0; f < 2; f++) {
		assert_int_equal(find(families[f], 1, GUARDED_PORT), 20);
		assert_int_equal(find(families[f], 9, GUARDED_PORT), 20);
		assert_int_equal(find(families[f], 9, GUARDED_PORT + 1), 20);
		assert_int_equal(find(families[f], 1, GUARDED_PORT + 1), -1);
		assert_int_equal(find(families[f], 1, ANY_PORT), -1); /* it has no address */
	}
	assert_int_not_equal(table.host.any_mac, 0);
	assert_int_equal(table.host.n_ipv4, 2);
	assert_int_equal(table.host.n_ipv6, 2);
	address_of(4, 9, server);
	memcpy(&four, server, sizeof(four));
	assert_int_equal(hg_net_host_is_ipv4(&table.host, four) & HG_NET_HOST_OWN, HG_NET_HOST_OWN);
	address_of(6, 9, server);
	assert_true(hg_net_host_has_ipv6(&table.host, server));
}

/* Port 0 and what the configuration names; those from 64 on as they are on the wire. */
static void
test_denied_ports(void **state)
{
	const struct hg_net_host host = make_host();

	(void)state;
	assert_int_equal(port_table_fill(&table, &host, false, &config, places), 0);
	assert_true(table.denied_low == (1 | UINT64_C(1) << 7 | UINT64_C(1) << 63));
	assert_int_equal(table.n_denied, 2);
	assert_int_equal(hg_load_be16((const uint8_t *)&table.denied[0]), 64);
	assert_int_equal(hg_load_be16((const uint8_t *)&table.denied[1]), 11211);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_find, finish),
		cmocka_unit_test_teardown(test_no_long_way, finish),
		cmocka_unit_test_setup_teardown(test_fill, configure, finish),
		cmocka_unit_test_setup_teardown(test_guard, configure, finish),
		cmocka_unit_test_setup_teardown(test_denied_ports, configure, finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
