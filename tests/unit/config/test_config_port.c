/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "config_texts.h"
#include "unit.h"

static void
test_port_refused(void **state)
{
	(void)state;
	config_port_refused("address = 198.18.0.1/24\n", 0, "[port wan] needs the key device");
	config_port_refused("device = net_null0\n", 0, "[port wan] needs the key address");
	config_port_refused("", 0, "needs the key");
	config_port_refused(
		CONFIG_PORT "mac = 01:00:00:00:00:0a\n", 3, "mac must be a unicast address");
	config_port_refused(CONFIG_PORT "mac = 02:00:00:00:00\n", 3, "mac must be");
	config_port_refused(CONFIG_PORT "mac = auto\n", 3, "not auto");
	config_port_refused(
		CONFIG_PORT "speed = 10\n", 3, "unknown key speed in section [port wan]");
	config_port_refused(CONFIG_PORT "profile = no_such\n", 3, "there is no profile no_such");
	config_port_refused(CONFIG_PORT "profile = missing.ini\n", 3, "missing.ini");
	scratch_text(&config_scratch, "broken.ini",
		"[driver]\nname = x\ntried = no: x\n[queues]\nburst = 0\n");
	config_port_refused(CONFIG_PORT "profile = broken.ini\n", 3, "broken.ini:5: burst must be");
	config_port_refused(CONFIG_PORT "device = net_null1\n", 3, "line 3");
}

static void
test_addresses_refused(void **state)
{
	static const char *const bad[] = {
		"198.18.0.1",
		"198.18.0.1/33",
		"2001:2::1/129",
		"198.18.0.1/24,",
		",198.18.0.1/24",
		"198.18.0.1/24,,198.18.0.2/24",
		"198.18.0.1/24 198.18.0.2/24", /* the comma is missing */
		"198.18.0.1/24 and more",
		"198.18.0.1 /24",
		"localhost/8",
		"127.0.0.1/8",
		"0.0.0.0/0",
		"224.0.0.1/24",
		"255.255.255.255/32",
		"::/0",
		"::1/128",
		"ff02::1/16",
	};
	char lines[256];

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(lines, sizeof(lines), "device = net_null0\naddress = %s\n", bad[i]);
		config_port_refused(lines, 2, "address must");
	}
}

/* "device" and "address" lines with so many addresses, each written at full length. */
static const char *
port_of(unsigned int n_ipv4, unsigned int n_ipv6)
{
	static char lines[8000];
	size_t len = (size_t)sprintf(lines, "device = net_null0\naddress = ");

	for (unsigned int i = 0; i < n_ipv4; i++)
		len += (size_t)sprintf(lines + len, "198.118.100.%u/24, ", 101 + i);
	for (unsigned int i = 0; i < n_ipv6; i++)
		len += (size_t)sprintf(
			lines + len, "2001:0db8:1111:2222:3333:4444:5555:%04x/128, ", 0xa000 + i);
	strcpy(lines + len - 2, "\n");
	return lines;
}

/* 64 of either family, which the other's do not count among; not one more. */
static void
test_number_of_addresses(void **state)
{
	static const struct {
		unsigned int n_ipv4, n_ipv6;
		bool good;
	} cases[] = {
		{ 64, 1, true },
		{ 1, 64, true },
		{ 64, 64, true },
		{ 65, 1, false },
		{ 1, 65, false },
		{ 64, 65, false },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *port = port_of(cases[i].n_ipv4, cases[i].n_ipv6);
		const struct config_text text = {
			.port = port,
			.listener =
				"bind = 0.0.0.0:5684, [::]:5684\npsk-file = psk.txt\nupstream = echo\n",
		};
		const struct hg_net_host *host;
		struct config *config;

		if (!cases[i].good) {
			config_refused(config_compose(&text), 4,
				"address has more than 64 addresses of one family");
			continue;
		}
		config = config_load_sections(&text);
		host = &config->port[0].host;
		assert_int_equal(host->n_ipv4, cases[i].n_ipv4);
		assert_int_equal(host->n_ipv6, cases[i].n_ipv6);
		assert_int_equal(host->ipv4[host->n_ipv4 - 1].address[3], 100 + host->n_ipv4);
		assert_int_equal(host->ipv6[host->n_ipv6 - 1][15], host->n_ipv6 - 1);
		config_free(config);
	}
}

static void
test_devices_twice(void **state)
{
	(void)state;
	config_refused("[port wan]\n" CONFIG_PORT
		       "[port lan]\ndevice = net_null0\naddress = 10.0.0.1/8\n"
		       "[listener coap]\n" CONFIG_LISTENER,
		5, "net_null0 is that of port wan already");
	config_refused("[port wan]\n" CONFIG_PORT
		       "[port lan]\naddress = 10.0.0.1/8\ndevice = net_null0,size=9\n"
		       "[listener coap]\n" CONFIG_LISTENER,
		6, "net_null0 is that of port wan already");
	config_free(config_load_text(
		"[port wan]\n" CONFIG_PORT "[port lan]\ndevice = net_null00\naddress = 10.0.0.1/8\n"
		"[listener coap]\n" CONFIG_LISTENER));
}

static void
test_exception(void **state)
{
	static const char *const bad[] = {
		"tap",
		"tap:",
		"tun:hg0",
		"hg0",
		"tap: hg0",
		"tap:sixteen_letters_",
		"tap:hg/0",
		"tap:hg%d",
		"tap:hg 0",
		"tap:hg:0",
		"tap:..",
		"tap:-hg",
		"TAP:hg0",
	};
	char lines[256];
	struct config *config;

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(lines, sizeof(lines), CONFIG_PORT "exception = %s\n", bad[i]);
		config_port_refused(lines, 3, "exception must be tap:NAME");
	}
	config_refused("[port wan]\n" CONFIG_PORT "exception = tap:hg0\n"
		       "[port lan]\ndevice = net_null1\naddress = 10.0.0.1/8\nexception = tap:hg0\n"
		       "[listener coap]\n" CONFIG_LISTENER,
		8, "interface hg0 is that of port wan already");
	config = config_load_text(
		"[port wan]\n" CONFIG_PORT "exception = tap:fifteen.letters\n"
		"[port lan]\ndevice = net_null1\naddress = 10.0.0.1/8\nexception = tap:a-b_c.9\n"
		"[port mgmt]\ndevice = net_null2\naddress = 10.1.0.1/16\n"
		"[listener coap]\n" CONFIG_LISTENER);
	assert_string_equal(config->port[0].tap, "fifteen.letters");
	assert_string_equal(config->port[1].tap, "a-b_c.9");
	assert_null(config->port[2].tap);
	config_free(config);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_port_refused),
		cmocka_unit_test(test_addresses_refused),
		cmocka_unit_test(test_number_of_addresses),
		cmocka_unit_test(test_devices_twice),
		cmocka_unit_test(test_exception),
	};

	return cmocka_run_group_tests(tests, config_texts_open, config_texts_close);
}
