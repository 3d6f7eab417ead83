/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "config_texts.h"
#include "unit.h"

#define TLS "certificate = server.pem\nprivate-key = server.key\nupstream = echo\n"

static void
test_binds_refused(void **state)
{
	static const char *const bad[] = { "198.18.0.1", ":5684", "198.18.0.1:0",
		"198.18.0.1:65536", "[2001:2::1]", "2001:2::1:5684", "[198.18.0.1]:5684",
		"198.18.0.1:5684,", "echo", "198.18.0.1:5684 198.18.0.1:5685", "*:5684" };
	char lines[512];
	size_t len;

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(lines, sizeof(lines), "bind = %s\n" TLS, bad[i]);
		config_listener_refused(lines, 1, "bind must be ADDRESS:PORT");
	}
	config_listener_refused(TLS, 0, "[listener coap] needs the key bind");
	for (unsigned int n = 16; n <= 17; n++) {
		len = (size_t)snprintf(lines, sizeof(lines), TLS "bind = 0.0.0.0:1");
		for (unsigned int i = 2; i <= n; i++)
			len += (size_t)snprintf(lines + len, sizeof(lines) - len, ",0.0.0.0:%u", i);
		snprintf(lines + len, sizeof(lines) - len, "\n");
		if (n == 17)
			config_listener_refused(lines, 4, "bind has more than 16 addresses");
		else
			config_free(
				config_load_sections(&(struct config_text){ .listener = lines }));
	}
}

/* As many binds and upstreams as there may be, each written at full length. */
static void
test_longest_lists(void **state)
{
	const struct config_listener *listener;
	struct config *config;
	char lines[4096];
	size_t len;

	(void)state;
	len = (size_t)sprintf(lines, "psk-file = psk.txt\nbind = ");
	for (unsigned int i = 0; i < CONFIG_BINDS_MAX; i++)
		len += (size_t)sprintf(lines + len,
			"%s[2001:0002:0000:0000:0000:0000:0000:0001]:%u", i != 0 ? ", " : "",
			50000 + i);
	len += (size_t)sprintf(lines + len, "\nupstream = ");
	for (unsigned int i = 0; i < CONFIG_UPSTREAMS_MAX; i++)
		len += (size_t)sprintf(lines + len,
			"%s[2001:0db8:1111:2222:3333:4444:5555:%04x]:%u", i != 0 ? ", " : "",
			0xa000 + i, 60000 + i);
	strcpy(lines + len, "\n");
	config = config_load_sections(&(struct config_text){ .listener = lines });
	listener = &config->listener[0];
	assert_int_equal(listener->n_binds, CONFIG_BINDS_MAX);
	assert_int_equal(listener->n_upstreams, CONFIG_UPSTREAMS_MAX);
	for (unsigned int i = 0; i < CONFIG_BINDS_MAX; i++) {
		assert_int_equal(listener->bind[i].family, 6);
		assert_int_equal(listener->bind[i].port, 50000 + i);
		assert_int_equal(listener->upstream[i].bytes[15], i);
		assert_int_equal(listener->upstream[i].port, 60000 + i);
	}
	config_free(config);
}

static void
test_binds_of_no_port(void **state)
{
	static const char *const bad[] = { "198.18.0.2:5684", "[2001:2::2]:5684", "198.18.0.0:5684",
		"198.18.0.255:5684", "127.0.0.1:5684" };
	char lines[512];

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(lines, sizeof(lines), "bind = 198.18.0.1:1, %s\n" TLS, bad[i]);
		config_listener_refused(
			lines, 1, "address that no port has (number 2 of the list)");
	}
	/* A wildcard of a family that no port has an address of. */
	config_refused("[port wan]\ndevice = net_null0\naddress = 198.18.0.1/24\n"
		       "[listener coap]\nbind = [::]:5684\n" TLS,
		5, "address that no port has");
}

/* Addresses that are alike in their first bytes, or in all but them. */
#define MANY_PORT                                                                                \
	"[port wan]\ndevice = net_null0\naddress = 198.18.0.1/24, 198.18.0.2/24, 2001:2::1/48, " \
	"2001:2::2/48, ::5/64, ::6/64\n"

static void
test_binds_overlap(void **state)
{
	static const struct {
		const char *first, *second;
		bool overlap;
	} cases[] = {
		{ "198.18.0.1:5684", "198.18.0.1:5684", true },
		{ "198.18.0.1:5684", "198.18.0.1:5685", false },
		{ "198.18.0.1:5684", "[2001:2::1]:5684", false },
		{ "[2001:2::1]:5684", "[2001:2::1]:5684", true },
		{ "[2001:2::1]:5684", "[2001:2:0::1]:5684", true },
		{ "0.0.0.0:5684", "198.18.0.1:5684", true },
		{ "198.18.0.1:5684", "0.0.0.0:5684", true },
		{ "0.0.0.0:5684", "0.0.0.0:5684", true },
		{ "0.0.0.0:5684", "[::]:5684", false },
		{ "[::]:5684", "[2001:2::1]:5684", true },
		{ "[2001:2::1]:5684", "[::]:5684", true },
		{ "0.0.0.0:5684", "198.18.0.1:5685", false },
		{ "198.18.0.1:5684", "198.18.0.2:5684", false },
		{ "[2001:2::1]:5684", "[2001:2::2]:5684", false },
		{ "[::5]:5684", "[2001:2::1]:5684", false },
		{ "[::5]:5684", "[::6]:5684", false },
	};
	char text[512];

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text),
			MANY_PORT "[listener a]\nbind = %s\n" TLS "[listener b]\n" TLS
				  "bind = %s\n",
			cases[i].first, cases[i].second);
		if (cases[i].overlap)
			config_refused(text, 13, "number 1 of bind is taken by listener a");
		else
			config_free(config_load_text(text));
		snprintf(text, sizeof(text), MANY_PORT "[listener a]\nbind = %s, %s\n" TLS,
			cases[i].first, cases[i].second);
		if (cases[i].overlap)
			config_refused(text, 5, "number 2 of bind is taken by listener a");
		else
			config_free(config_load_text(text));
	}
}

#define BIND "bind = 198.18.0.1:5684\n"

static void
test_listener_refused(void **state)
{
	static const char *const upstreams[] = { "Echo", "127.0.0.1", "127.0.0.1:0", "[::1]",
		"::1:5683", "localhost:5683", "127.0.0.1:5683,", "echo, Echo",
		"127.0.0.1:5683 127.0.0.1:5684" };
	char lines[512];

	(void)state;
	for (unsigned int i = 0; i < sizeof(upstreams) / sizeof(upstreams[0]); i++) {
		snprintf(lines, sizeof(lines), BIND "psk-file = psk.txt\nupstream = %s\n",
			upstreams[i]);
		config_listener_refused(lines, 3, "upstream must be");
	}
	config_listener_refused(
		BIND "psk-file = psk.txt\n", 0, "[listener coap] needs the key upstream");
	config_listener_refused(CONFIG_LISTENER "idle-timeout = 0\n", 5, "idle-timeout must be");
	config_listener_refused(
		CONFIG_LISTENER "idle-timeout = 604801\n", 5, "idle-timeout must be");
	config_listener_refused(CONFIG_LISTENER "flight-mtu = 303\n", 5, "flight-mtu must be");
	config_listener_refused(CONFIG_LISTENER "flight-mtu = 4097\n", 5, "flight-mtu must be");
	config_listener_refused(CONFIG_LISTENER "session-tickets = yes\n", 5,
		"session-tickets must be one of off|on");
	config_listener_refused(CONFIG_LISTENER "timeout = 5\n", 5,
		"unknown key timeout in section [listener coap]");
}

static void
test_upstreams(void **state)
{
	static const struct {
		const char *value, *words; /* NULL: good */
	} cases[] = {
		{ "127.0.0.1:1,127.0.0.1:2 , [::1]:1", NULL },
		{ "127.0.0.1:1, [::1]:1, 127.0.0.1:1", "upstream has 127.0.0.1:1 twice" },
		{ "[::1]:1, [0:0::1]:1", "upstream has [0:0::1]:1 twice" },
		{ "127.0.0.1:1, echo", "echo alone, or addresses alone" },
		{ "echo, 127.0.0.1:1", "echo alone, or addresses alone" },
		{ "echo, echo", "echo alone, or addresses alone" },
		{ "127.0.0.1:1, x",
			"upstream must be ADDRESS:PORT, [ADDRESS]:PORT or echo, not x" },
	};
	const struct config_listener *listener;
	struct config *config;
	char lines[512];
	size_t len;

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(lines, sizeof(lines), BIND "psk-file = psk.txt\nupstream = %s\n",
			cases[i].value);
		if (cases[i].words != NULL) {
			config_listener_refused(lines, 3, cases[i].words);
			continue;
		}
		config = config_load_sections(&(struct config_text){ .listener = lines });
		listener = &config->listener[0];
		assert_int_equal(listener->n_upstreams, 3);
		assert_int_equal(listener->upstream[1].port, 2);
		assert_int_equal(listener->upstream[2].family, 6);
		assert_int_equal(listener->upstream_silence, 0);
		assert_int_equal(listener->upstream_retry, 5);
		config_free(config);
	}
	for (unsigned int n = 16; n <= 17; n++) {
		len = (size_t)snprintf(
			lines, sizeof(lines), BIND "psk-file = psk.txt\nupstream = ");
		for (unsigned int i = 1; i <= n; i++)
			len += (size_t)snprintf(lines + len, sizeof(lines) - len, "%s10.0.0.1:%u",
				i == 1 ? "" : ",", i);
		snprintf(lines + len, sizeof(lines) - len, "\n");
		if (n == 17)
			config_listener_refused(lines, 3, "upstream has more than 16 addresses");
		else
			config_free(
				config_load_sections(&(struct config_text){ .listener = lines }));
	}
	config_listener_refused(
		CONFIG_LISTENER "upstream-silence = 3601\n", 5, "upstream-silence must be");
	config_listener_refused(
		CONFIG_LISTENER "upstream-retry = 0\n", 5, "upstream-retry must be");
	config_listener_refused(
		CONFIG_LISTENER "proxy-protocol = v1\n", 5, "proxy-protocol must be one of off|v2");
}

static void
test_tls_refused(void **state)
{
	(void)state;
	config_listener_refused(BIND "upstream = echo\n", 0, "certificate");
	config_listener_refused(BIND "upstream = echo\ncertificate = server.pem\n", 3,
		"as many certificates as private keys");
	config_listener_refused(BIND "upstream = echo\nprivate-key = server.key\n", 3,
		"as many certificates as private keys");
	config_listener_refused(BIND "upstream = echo\ncertificate = server.pem, other.pem\n"
				     "private-key = server.key\n",
		4, "here are 2 and 1");
	config_listener_refused(BIND "upstream = echo\ncertificate = missing.pem\n"
				     "private-key = server.key\n",
		3, "missing.pem");
	config_listener_refused(BIND "upstream = echo\ncertificate = server.pem, missing.pem\n"
				     "private-key = server.key, other.key\n",
		3, "missing.pem");
	config_listener_refused(BIND "upstream = echo\ncertificate = server.pem\n"
				     "private-key = other.key\n",
		4, "is not the key of certificate");
	config_listener_refused(CONFIG_LISTENER "client-ca = missing.pem\n", 5, "missing.pem");
	config_listener_refused(CONFIG_LISTENER "psk-file = missing.txt\n", 5, "missing.txt");
	scratch_text(&config_scratch, "badpsk.txt", "lamp:00\nlamp2\n");
	config_listener_refused(CONFIG_LISTENER "psk-file = badpsk.txt\n", 5, "badpsk.txt:2");
	config_listener_refused(CONFIG_LISTENER "ciphers = ROT13\n", 5, "ROT13");
	config_listener_refused(CONFIG_LISTENER "groups = P-257\n", 5, "P-257");
}

static void
append(char *text, size_t size, const char *item)
{
	size_t len = strlen(text);

	snprintf(text + len, size - len, "%s%s", len != 0 ? ", " : "", item);
}

static void
test_pairs_of_one_listener(void **state)
{
	char lines[65536], certificates[16384] = "", keys[16384] = "", path[2][PATH_MAX];

	(void)state;
	/* Names as long as installed ones are. */
	snprintf(path[0], PATH_MAX, "%s/././././././././././././././././././server.pem",
		config_scratch.directory);
	snprintf(path[1], PATH_MAX, "%s/././././././././././././././././././server.key",
		config_scratch.directory);
	for (unsigned int n = 1; n <= 17; n++) {
		append(certificates, sizeof(certificates), path[0]);
		append(keys, sizeof(keys), path[1]);
		snprintf(lines, sizeof(lines),
			BIND "upstream = echo\ncertificate = %s\nprivate-key = %s\n"
			     "client-ca = server.pem\npsk-file = psk.txt\n",
			certificates, keys);
		if (n <= 16)
			config_free(
				config_load_sections(&(struct config_text){ .listener = lines }));
		else
			config_listener_refused(lines, 4, "at most 16");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_binds_refused),
		cmocka_unit_test(test_longest_lists),
		cmocka_unit_test(test_binds_of_no_port),
		cmocka_unit_test(test_binds_overlap),
		cmocka_unit_test(test_listener_refused),
		cmocka_unit_test(test_upstreams),
		cmocka_unit_test(test_tls_refused),
		cmocka_unit_test(test_pairs_of_one_listener),
	};

	return cmocka_run_group_tests(tests, config_texts_open, config_texts_close);
}
