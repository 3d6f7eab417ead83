/* SPDX-License-Identifier: BSD-3-Clause */
/* How a configuration that was replaced goes: when nobody can have anything of it, and not before. */
#include <stdio.h>
#include <string.h>

#include "config_texts.h"
#include "core/listener.h"
#include "gateway/generation.h"
#include "lcores.h"
#include "main/generation.h"
#include "main/own.h"
#include "unit.h"

static struct lcores lcores;
static struct own own;
static struct rte_mbuf *packet; /* what lies in rings; nobody looks into it */

static int
open_lcores(void **state)
{
	(void)state;
	lcores_open(&lcores);
	memset(&own, 0, sizeof(own));
	lcores.gateway.own = &own;
	return 0;
}

static int
close_lcores(void **state)
{
	(void)state;
	generation_end(&lcores.gateway);
	config_free(lcores.gateway.config);
	lcores_close(&lcores);
	return 0;
}

/* Puts another configuration into effect. Returns the place of its listener. */
static unsigned int
enter(void)
{
	struct config *config = config_load_sections(&(struct config_text){ 0 });
	struct error error = { "" };

	assert_int_equal(generation_enter(&lcores.gateway, config, &error), 0);
	assert_ptr_equal(lcores.gateway.config, config);
	for (unsigned int i = 0; i < GATEWAY_LISTENERS_MAX; i++)
		if (lcores.gateway.listener[i].config == config->listener)
			return i;
	fail_msg("its listener has no place");
	return 0;
}

/* Is there still what main keeps of that listener, after it has looked? */
static bool
is_kept(unsigned int place)
{
	generation_reap(&lcores.gateway);
	return lcores.gateway.listener[place].config != NULL;
}

static void
pass(void)
{
	lcores_quiescent(&lcores, LCORES_WORKER);
	lcores_quiescent(&lcores, LCORES_CORE);
}

static void
put(enum rings_class rank)
{
	assert_int_equal(rings_put(&lcores.gateway.rings, 0, 0, rank, &packet, 1), 1);
}

static void
take(enum rings_class rank)
{
	struct rte_mbuf *taken;

	assert_int_equal(rings_take(&lcores.gateway.rings, 0, 0, rank, &taken, 1), 1);
}

static void
set_sessions(unsigned int place, uint32_t n)
{
	atomic_store(&lcores.gateway.listener[place].n_sessions, n);
}

/* Nobody has anything of it: it takes two grace periods. */
static void
test_goes(void **state)
{
	unsigned int old = enter(), new = enter();

	(void)state;
	assert_int_not_equal(old, new);
	for (unsigned int i = 0; i < 3; i++)
		assert_true(is_kept(old));
	/* One of the two is not enough, in either period. */
	lcores_quiescent(&lcores, LCORES_WORKER);
	assert_true(is_kept(old));
	lcores_quiescent(&lcores, LCORES_CORE);
	assert_true(is_kept(old));
	lcores_quiescent(&lcores, LCORES_CORE);
	assert_true(is_kept(old));
	lcores_quiescent(&lcores, LCORES_WORKER);
	assert_false(is_kept(old));
	assert_true(is_kept(new));
	/* Its place is the next one's. */
	assert_int_equal(enter(), old);
}

/* A worker may add to rings until it has passed; what it has added by then must be taken out. */
static void
test_rings(void **state)
{
	for (enum rings_class rank = 0; rank < RINGS_CLASSES; rank++) {
		unsigned int old = enter();

		(void)state;
		enter();
		put(rank);
		assert_true(is_kept(old));
		put(rank); /* the worker's last with the old one */
		pass();
		assert_true(is_kept(old));
		put(rank); /* of the new one: not waited for */
		pass();
		take(rank);
		assert_true(is_kept(old));
		pass();
		assert_true(is_kept(old));
		take(rank);
		/* The core has taken the last one out, but may have it in its hands. */
		assert_true(is_kept(old));
		lcores_quiescent(&lcores, LCORES_WORKER);
		assert_true(is_kept(old));
		lcores_quiescent(&lcores, LCORES_CORE);
		assert_false(is_kept(old));
		take(rank);
		pass();
		generation_reap(&lcores.gateway);
		pass();
		generation_reap(&lcores.gateway);
	}
}

/* With sessions it stays, also if a core has begun one at the last moment. */
static void
test_sessions(void **state)
{
	unsigned int old = enter();

	(void)state;
	enter();
	pass();
	assert_true(is_kept(old));
	set_sessions(old, 2);
	pass();
	for (unsigned int i = 0; i < 3; i++) {
		assert_true(is_kept(old));
		pass();
	}
	set_sessions(old, 1);
	assert_true(is_kept(old));
	set_sessions(old, 0);
	assert_false(is_kept(old));
}

/* Each goes in its own time: one that still has sessions keeps no other. */
static void
test_several(void **state)
{
	unsigned int place[4];

	(void)state;
	for (unsigned int i = 0; i < 4; i++)
		place[i] = enter();
	set_sessions(place[1], 1);
	for (unsigned int i = 0; i < 2; i++) {
		pass();
		generation_reap(&lcores.gateway);
	}
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(is_kept(place[i]), i == 1 || i == 3);
	set_sessions(place[1], 0);
	assert_false(is_kept(place[1]));
	assert_true(is_kept(place[3]));
}

/* Threads have pointers to ports: these, and their texts, outlive every configuration that named them. */
static void
test_ports_stay(void **state)
{
	const struct config_port *port;
	struct config_port before;
	unsigned int old = enter();

	(void)state;
	port = lcores.gateway.config->port;
	memcpy(&before, port, sizeof(before));
	for (unsigned int i = 0; i < 3; i++) {
		unsigned int new = enter();

		for (unsigned int period = 0; period < 2; period++) {
			pass();
			generation_reap(&lcores.gateway);
		}
		assert_false(is_kept(old));
		old = new;
		assert_ptr_equal(lcores.gateway.config->port, port);
		assert_memory_equal(port, &before, sizeof(before));
		assert_string_equal(port->device, "net_null0");
		assert_string_equal(port->section->name, "port wan");
	}
}

/* Without room for its listeners it is refused, and nothing has changed. */
static void
test_no_room(void **state)
{
	struct gateway *gateway = &lcores.gateway;
	unsigned int place = enter(), rest = GATEWAY_LISTENERS_MAX;
	const struct generation *before = atomic_load(&gateway->generation);
	const struct config *config = gateway->config;
	struct config_listener other;
	struct config *refused;
	struct error error = { "" };

	(void)state;
	for (unsigned int i = 0; i < rest; i++)
		if (i != place)
			gateway->listener[i].config = &other;
	refused = config_load_sections(&(struct config_text){ 0 });
	assert_int_not_equal(generation_enter(gateway, refused, &error), 0);
	assert_non_null(strstr(error.text, "former configurations"));
	config_free(refused);
	assert_ptr_equal(atomic_load(&gateway->generation), before);
	assert_ptr_equal(gateway->config, config);
	assert_ptr_equal(gateway->listener[place].config, config->listener);
	assert_null(own.retired);
	for (unsigned int i = 0; i < rest; i++)
		if (i != place)
			gateway->listener[i].config = NULL;
	assert_int_not_equal(enter(), place);
}

/* Every address of a port with every wildcard bind: all are served, however many. */
static void
test_many_binds(void **state)
{
	const struct port_table *table;
	char text[4096];
	struct config *config;
	struct error error = { "" };
	size_t len = 0;

	(void)state;
	for (unsigned int l = 0; l < 4; l++) {
		len += (size_t)snprintf(text + len, sizeof(text) - len,
			"%spsk-file = psk.txt\nupstream = echo\nbind = ",
			l == 0 ? "[port wan]\ndevice = net_null0\naddress = 198.18.0.1/24\n[listener 0]\n"
			: l == 1 ? "[listener 1]\n"
			: l == 2 ? "[listener 2]\n"
				 : "[listener 3]\n");
		for (unsigned int b = 0; b < CONFIG_BINDS_MAX; b++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s0.0.0.0:%u%s",
				b == 0 ? "" : ",", 6000 + l * CONFIG_BINDS_MAX + b,
				b + 1 == CONFIG_BINDS_MAX ? "\n" : "");
	}
	config = config_load_text(text);
	for (unsigned int i = 0; i < HG_NET_ADDRS_MAX; i++)
		memcpy(lcores.port.host.ipv4[i].address, (uint8_t[]){ 198, 18, 0, (uint8_t)i }, 4);
	lcores.port.host.n_ipv4 = HG_NET_ADDRS_MAX;
	assert_int_equal(generation_enter(&lcores.gateway, config, &error), 0);
	table = &atomic_load(&lcores.gateway.generation)->table[0];
	assert_int_equal(table->ipv4.n, HG_NET_ADDRS_MAX * 4 * CONFIG_BINDS_MAX);
	for (unsigned int i = 0; i < HG_NET_ADDRS_MAX; i++)
		for (unsigned int port = 5999; port <= 6000 + 4 * CONFIG_BINDS_MAX; port++) {
			uint8_t tuple[12] = { [4] = 198,
				18,
				0,
				(uint8_t)i,
				[10] = (uint8_t)(port >> 8),
				(uint8_t)port };
			int found = port_table_find(table, tuple, 4);

			assert_int_equal(
				found >= 0, port >= 6000 && port < 6000 + 4 * CONFIG_BINDS_MAX);
		}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_lcores, close_lcores)
	const struct CMUnitTest tests[] = {
		TEST(test_goes),
		TEST(test_rings),
		TEST(test_sessions),
		TEST(test_several),
		TEST(test_ports_stay),
		TEST(test_no_room),
		TEST(test_many_binds),
	};

	return cmocka_run_group_tests(tests, config_texts_open, config_texts_close);
}
