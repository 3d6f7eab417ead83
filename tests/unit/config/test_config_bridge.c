/* SPDX-License-Identifier: BSD-3-Clause */
/* Configurations of bridges and guards: what is read, and what is refused. */
#include <stdio.h>
#include <string.h>

#include "config_texts.h"
#include "unit.h"

#define WAN "[port wan]\ndevice = net_null0\n"
#define LAN "[port lan]\ndevice = net_null1\n"
#define OWN "[port own]\ndevice = net_null2\naddress = 192.0.2.1/24, 2001:db8::1/48\n"
#define GUARD "[listener coap]\nmode = guard\n"
#define BIND "bind = 198.18.0.1:5684, [2001:2::1]:5684\n"

static void
test_bridge(void **state)
{
	struct config *config;

	(void)state;
	config = config_load_text("[gateway]\nbridge = wan, lan\n" LAN OWN WAN GUARD BIND);
	assert_int_equal(config->bridge[0], 2);
	assert_int_equal(config->bridge[1], 0);
	assert_true(config->port[0].bridged && config->port[2].bridged);
	assert_false(config->port[1].bridged);
	assert_int_equal(config->port[0].mtu, 0);
	assert_int_equal(config->gateway.guard_open, 0);
	assert_int_equal(config->gateway.guard_strict, 0);
	assert_int_equal(config->n_listeners, 1);
	assert_true(config->listener[0].guard);
	assert_int_equal(config->listener[0].n_binds, 2);
	assert_null(config->listener[0].tls);
	config_free(config);

	/* A wire alone; the largest MTU; other ports and listeners beside it. */
	config_free(config_load_text(
		"[gateway]\nbridge = wan, lan\n" WAN "mtu = 16128\n" LAN "mtu = 1280\n"));
	config = config_load_text("[gateway]\nbridge = wan,lan\nguard-fail = open\n"
				  "guard-unproved = drop\n" WAN LAN OWN GUARD BIND
				  "[listener own]\nbind = 0.0.0.0:5684, [::]:5684\n"
				  "psk-file = psk.txt\nupstream = echo\n");
	assert_int_equal(config->gateway.guard_open, 1);
	assert_int_equal(config->gateway.guard_strict, 1);
	assert_false(config->listener[1].guard);
	config_free(config);
}

static void
test_bridge_refused(void **state)
{
	static const char *const bad[] = { "wan", "wan, lan, own", "wan, wan", "wan lan", "wan,",
		", lan", ",", "wan,, lan", "a-name-that-is-longer-than-any-port-can-have, lan",
		"wan, a-name-that-is-longer-than-any-port-can-have" };
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "[gateway]\nbridge = %s\n" OWN GUARD BIND, bad[i]);
		config_refused(text, 2, "bridge must be the names of two ports");
	}
	config_refused("[gateway]\nworkers = 1\nbridge = wan, lan\n" WAN GUARD BIND, 3,
		"there is no [port lan]");
	config_refused("[gateway]\nbridge = wan, lan\n" WAN LAN
		       "address = 192.0.2.1/24\n" GUARD BIND,
		7, "no address");
	config_refused("[gateway]\nbridge = wan, lan\n" WAN
		       "mac = 02:00:00:00:00:0a\n" LAN GUARD BIND,
		5, "no mac");
	config_refused("[gateway]\nbridge = wan, lan\n" WAN "exception = tap:hg0\n" LAN GUARD BIND,
		5, "no exception");
	config_refused("[gateway]\nbridge = wan, lan\n[port wan]\n" LAN GUARD BIND, 3,
		"needs the key device");
	config_refused("[gateway]\nbridge = wan, lan\n" WAN
		       "[port lan]\ndevice = net_null0,size=9\n" GUARD BIND,
		6, "device net_null0 is that of port wan already");
	config_refused("[gateway]\nbridge = wan, lan\nbridge = lan, wan\n" WAN LAN GUARD BIND, 3,
		"key bridge is set already, in line 2");
	/* Some frames would be the kernel's. */
	scratch_text(&config_scratch, "shared.ini",
		"[driver]\nname = net_null\ntried = no: for a test\n"
		"[flow]\nsteering = listeners\nisolate = yes\n");
	config_refused("[gateway]\nbridge = wan, lan\n" WAN LAN "profile = shared.ini\n" GUARD BIND,
		7, "a port of the bridge takes everything, but by its profile, port lan shares");
}

static void
test_settings_refused(void **state)
{
	static const struct {
		const char *line, *words;
	} bad[] = {
		{ "guard-fail = shut", "guard-fail must be one of closed|open" },
		{ "guard-fail = 1", "guard-fail must be" },
		{ "guard-unproved = maybe", "guard-unproved must be one of pass|drop" },
		{ "guard-timeout = 0", "guard-timeout must be" },
		{ "guard-timeout = 86401", "guard-timeout must be" },
		{ "guard-timeout = 5m", "guard-timeout must be" },
		{ "guard-table = 7", "guard-table must be" },
		{ "guard-table = 16777217", "guard-table must be" },
		{ "guard-table = many", "guard-table must be" },
		{ "guard-open = yes", "unknown key guard-open" },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text),
			"[gateway]\nbridge = wan, lan\n%s\n" WAN LAN GUARD BIND, bad[i].line);
		config_refused(text, 3, bad[i].words);
	}
}

static void
test_mtu_refused(void **state)
{
	static const char *const bad[] = { "1279", "16129", "jumbo", "-1", "1500 bytes" };
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text),
			"[gateway]\nbridge = wan, lan\n" WAN "mtu = %s\n" LAN GUARD BIND, bad[i]);
		config_refused(text, 5, "mtu must be a number from 1280 to 16128");
	}
	/* What we send ourselves has to fit into a buffer. */
	config_refused("[port wan]\n" CONFIG_PORT "mtu = 2027\n[listener coap]\n" CONFIG_LISTENER,
		4, "mtu must be a number from 1280 to 2026, not 2027");
}

static void
test_guard_refused(void **state)
{
	static const char *const keys[] = { "certificate = server.pem", "private-key = server.key",
		"upstream = echo", "idle-timeout = 300", "flight-mtu = 1280",
		"session-tickets = on", "psk-file = psk.txt", "ciphers = ALL",
		"client-ca = ca.pem" };
	static const char *const binds[] = { "0.0.0.0:5684", "[::]:5684", "224.0.0.1:5684",
		"255.255.255.255:5684", "[ff02::1]:5684" };
	static const char *const no_binds[] = { "198.18.0.1", "198.18.0.1:0", "198.18.0.1:65536",
		"server.test:5684", "2001:2::1:5684", "198.18.0.1:5684,", "198.18.0.0/24:5684" };
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		snprintf(text, sizeof(text),
			"[gateway]\nbridge = wan, lan\n" WAN LAN GUARD BIND "%s\n", keys[i]);
		config_refused(text, 10, "with mode = guard there is no");
	}
	for (size_t i = 0; i < sizeof(binds) / sizeof(binds[0]); i++) {
		snprintf(text, sizeof(text),
			"[gateway]\nbridge = wan, lan\n" WAN LAN GUARD
			"bind = 198.18.0.1:5684, %s\n",
			binds[i]);
		config_refused(text, 9, "number 2 of the list");
	}
	for (size_t i = 0; i < sizeof(no_binds) / sizeof(no_binds[0]); i++) {
		snprintf(text, sizeof(text),
			"[gateway]\nbridge = wan, lan\n" WAN LAN GUARD "bind = %s\n", no_binds[i]);
		config_refused(text, 9, "bind must be");
	}
	config_refused("[gateway]\nbridge = wan, lan\n" WAN LAN GUARD, 7, "needs the key bind");
	config_refused("[gateway]\nbridge = wan, lan\n" WAN LAN OWN GUARD
		       "bind = [2001:db8::1]:5684\n",
		12, "is an address of port own");
	config_refused("[gateway]\nbridge = wan, lan\n" WAN LAN GUARD
		       "bind = 198.18.0.1:5684, 198.18.0.1:5684\n",
		9, "number 2 of bind is taken by listener coap already");
	config_refused(OWN GUARD BIND, 5, "mode = guard needs a bridge");
	config_refused("[gateway]\nbridge = wan, lan\n" WAN LAN OWN GUARD "bind = 192.0.2.1:5684\n",
		12, "is an address of port own");
	config_refused("[gateway]\nbridge = wan, lan\n" WAN LAN GUARD BIND
		       "[listener more]\nmode = guard\nbind = [2001:2::1]:5684\n",
		12, "taken by listener coap already");
	config_refused("[gateway]\nbridge = wan, lan\n" WAN LAN
		       "[listener coap]\nmode = protect\n" BIND,
		8, "mode must be one of");
	/* What speaks DTLS needs an address of a port; those of the bridge have none. */
	config_refused("[gateway]\nbridge = wan, lan\n" WAN LAN "[listener coap]\n" CONFIG_LISTENER,
		8, "an address that no port has");
}

/* 64 addresses of a family, whatever their ports; not one more. */
static void
test_number_of_addresses(void **state)
{
	static char text[16384];
	size_t n;

	(void)state;
	for (unsigned int total = 64; total <= 65; total++) {
		n = (size_t)snprintf(text, sizeof(text), "[gateway]\nbridge = wan, lan\n" WAN LAN);
		for (unsigned int i = 0; i < total; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
				"%s10.0.0.%u:5684, 10.0.0.%u:5685",
				i % 8 == 0 ? "\n[listener x]\nmode = guard\nbind = " : ", ", i + 1,
				i + 1);
		/* Each its name. */
		for (char *p = text, c = 'a'; (p = strstr(p, "listener x")) != NULL; p++)
			p[9] = c++;
		if (total == 64)
			config_free(config_load_text(text));
		else
			config_refused(text, 34, "more than 64 addresses of one family");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bridge),
		cmocka_unit_test(test_bridge_refused),
		cmocka_unit_test(test_settings_refused),
		cmocka_unit_test(test_mtu_refused),
		cmocka_unit_test(test_guard_refused),
		cmocka_unit_test(test_number_of_addresses),
	};

	return cmocka_run_group_tests(tests, config_texts_open, config_texts_close);
}
