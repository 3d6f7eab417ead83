/* SPDX-License-Identifier: BSD-3-Clause */
/* How a configuration that was replaced goes: when nobody can have anything of it, and not before. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_texts.h"
#include "core/listener.h"
#include "core/upstream.h"
#include "gateway/generation.h"
#include "lcores.h"
#include "main/generation.h"
#include "main/private.h"
#include "unit.h"

static struct lcores lcores;
static struct main_private private;
static struct rte_mbuf *packet; /* what lies in rings; nobody looks into it */

static int
open_lcores(void **state)
{
	(void)state;
	lcores_open(&lcores);
	memset(&private, 0, sizeof(private));
	lcores.gateway.private = &private;
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

/* So many more are made; the gateway's upstreams are. */
static unsigned int allocations_left = UINT_MAX;

void *
aligned_alloc(size_t alignment, size_t size)
{
	void *memory;

	if (allocations_left == 0 || posix_memalign(&memory, alignment, size) != 0)
		return NULL;
	if (allocations_left != UINT_MAX)
		allocations_left--;
	return memory;
}

/* Puts another configuration with such a listener into effect. Returns its place. */
static unsigned int
enter_with(const char *listener)
{
	struct config *config = config_load_sections(&(struct config_text){ .listener = listener });
	struct error error = { "" };

	assert_int_equal(generation_enter(&lcores.gateway, config, &error), 0);
	assert_ptr_equal(lcores.gateway.config, config);
	for (unsigned int i = 0; i < GATEWAY_LISTENERS_MAX; i++)
		if (lcores.gateway.listener[i].config == config->listener)
			return i;
	fail_msg("its listener has no place");
	return 0;
}

static unsigned int
enter(void)
{
	return enter_with(NULL);
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
	assert_null(private.retired);
	for (unsigned int i = 0; i < rest; i++)
		if (i != place)
			gateway->listener[i].config = NULL;
	assert_int_not_equal(enter(), place);
}

/* A configuration of those sections is refused with these words, and everything is as it was. */
static void
refused_and_unchanged(const struct config_text *text, const char *words)
{
	const struct gateway *gateway = &lcores.gateway;
	const struct generation *generation = atomic_load(&gateway->generation);
	const struct upstream *upstream = gateway->upstreams;
	const struct config *config = gateway->config;
	const struct retired *retired = private.retired;
	unsigned int n_uses = upstream != NULL ? upstream->n_uses : 0, n_places = 0, n_left = 0;
	struct config *refused = config_load_sections(text);
	struct error error = { "" };

	for (unsigned int i = 0; i < GATEWAY_LISTENERS_MAX; i++)
		n_places += gateway->listener[i].config != NULL;
	assert_int_equal(generation_enter(&lcores.gateway, refused, &error), -EINVAL);
	if (strstr(error.text, words) == NULL)
		fail_msg("%s", error.text);
	config_free(refused);
	assert_ptr_equal(atomic_load(&gateway->generation), generation);
	assert_ptr_equal(gateway->config, config);
	assert_ptr_equal(private.retired, retired);
	assert_ptr_equal(gateway->upstreams, upstream);
	if (upstream != NULL)
		assert_int_equal(upstream->n_uses, n_uses);
	for (unsigned int i = 0; i < GATEWAY_LISTENERS_MAX; i++)
		n_left += gateway->listener[i].config != NULL;
	assert_int_equal(n_left, n_places);
}

#define LISTENER(upstream)                                                             \
	"bind = 198.18.0.1:5684\ncertificate = server.pem\nprivate-key = server.key\n" \
	"upstream = " upstream "\n"

/* Of some upstreams that have been made the last one finds no memory. */
static void
test_no_memory_for_upstreams(void **state)
{
	(void)state;
	enter_with(LISTENER("192.0.2.1:5683"));
	for (unsigned int n = 0; n < 3; n++) {
		allocations_left = n;
		refused_and_unchanged(
			&(struct config_text){
				.listener = LISTENER(
					"192.0.2.1:5683, 192.0.2.2:5683, 192.0.2.3:5683, 192.0.2.4:5683") },
			"no memory for the upstreams");
		allocations_left = UINT_MAX;
	}
	enter();
}

static void
test_flights_longer_than_the_port_sends(void **state)
{
	(void)state;
	enter();
	atomic_store(&lcores.port.state, PORT_SERVES);
	atomic_store(&lcores.port.mtu, 1400);
	lcores.port.config = lcores.gateway.config->port;
	lcores.port.host = lcores.gateway.config->port[0].host;
	refused_and_unchanged(
		&(struct config_text){ .listener = LISTENER("echo") "flight-mtu = 1401\n" },
		"flight-mtu is more than the MTU of port wan, which is 1400");
	enter_with(LISTENER("echo") "flight-mtu = 1400\n");
	/* Nobody knows the MTU of one that waits for its interface. */
	atomic_store(&lcores.port.state, PORT_ABSENT);
	enter_with(LISTENER("echo") "flight-mtu = 1401\n");
	lcores.port.config = &lcores.config_port;
}

/* There is no such device, so it takes no rule. */
static void
test_rules_that_a_device_refuses(void **state)
{
	const struct config_text text = { .port = CONFIG_PORT "profile = flow.ini\n" };
	struct error error = { "" };

	(void)state;
	scratch_text(&config_scratch, "flow.ini",
		"[driver]\nname = net_null\ntried = no: for a test\n[flow]\nsteering = listeners\n");
	assert_int_equal(generation_enter(&lcores.gateway, config_load_sections(&text), &error), 0);
	lcores.port.config = lcores.gateway.config->port;
	lcores.port.host = lcores.port.config->host;
	lcores.port.n_queues = 1;
	refused_and_unchanged(&text, "the device refuses a rule for UDP to 198.18.0.1:5684");
	lcores.port.config = &lcores.config_port;
	enter();
}

/* A listener goes, and is back while the one that went still has sessions: these are two, with one upstream. */
static void
test_one_that_comes_back(void **state)
{
	const struct gateway *gateway = &lcores.gateway;
	const struct upstream *upstream;
	unsigned int old, other, back;

	(void)state;
	old = enter_with(LISTENER("192.0.2.1:5683"));
	upstream = gateway->upstreams;
	assert_non_null(upstream);
	set_sessions(old, 2);
	other = enter();
	back = enter_with(LISTENER("192.0.2.1:5683"));
	assert_int_not_equal(back, old);
	assert_int_not_equal(back, other);
	/* What is known of the upstream's health is still known. */
	assert_ptr_equal(gateway->upstreams, upstream);
	assert_null(upstream->next);
	assert_ptr_equal(gateway->listener[back].upstream[0], upstream);
	assert_int_equal(upstream->n_uses, 2);
	set_sessions(back, 1);
	for (unsigned int i = 0; i < 2; i++) {
		assert_true(is_kept(old));
		assert_true(is_kept(other));
		pass();
	}
	assert_false(is_kept(other));
	assert_true(is_kept(old));
	assert_int_equal(upstream->n_uses, 2);
	/* Sessions of the new one keep the old one no longer. */
	set_sessions(old, 0);
	assert_false(is_kept(old));
	assert_true(is_kept(back));
	assert_ptr_equal(gateway->upstreams, upstream);
	assert_int_equal(upstream->n_uses, 1);
	/* When the last that names it goes, the upstream goes. */
	set_sessions(back, 0);
	assert_int_equal(enter(), old);
	for (unsigned int i = 0; i < 2; i++) {
		assert_true(is_kept(back));
		assert_ptr_equal(gateway->upstreams, upstream);
		pass();
	}
	assert_false(is_kept(back));
	assert_null(gateway->upstreams);
}

/* Whatever is left at the end goes with it: of memory, places and upstreams. */
static void
test_the_end(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 3; i++)
		set_sessions(enter_with(LISTENER("192.0.2.1:5683")), 1);
	generation_end(&lcores.gateway);
	assert_null(private.retired);
	assert_null(lcores.gateway.upstreams);
	for (unsigned int i = 0; i < GATEWAY_LISTENERS_MAX; i++)
		assert_null(lcores.gateway.listener[i].config);
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
		TEST(test_one_that_comes_back),
		TEST(test_the_end),
		TEST(test_no_room),
		TEST(test_no_memory_for_upstreams),
		TEST(test_flights_longer_than_the_port_sends),
		TEST(test_rules_that_a_device_refuses),
		TEST(test_many_binds),
	};

	return cmocka_run_group_tests(tests, config_texts_open, config_texts_close);
}
