/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_texts.h"
#include "unit.h"

static void
test_defaults(void **state)
{
	struct config *config = config_load_sections(&(struct config_text){ NULL });
	const struct config_gateway *gateway = &config->gateway;
	static const uint8_t zeros[HG_COOKIE_SECRET_LEN];
	static const uint16_t reflecting[5] = { 7, 13, 17, 19, 37 };

	(void)state;
	assert_null(gateway->cookie_secret);
	assert_memory_not_equal(gateway->secret, zeros, sizeof(zeros));
	assert_int_equal(gateway->cookie_lifetime, 60);
	assert_int_equal(gateway->key_rotation, 3600);
	assert_int_equal(gateway->cookie_binding, HG_COOKIE_BIND_HELLO);
	assert_int_equal(gateway->workers, CONFIG_AUTO);
	assert_int_equal(gateway->handshake_cores, 1);
	assert_int_equal(gateway->poll_busy, 0);
	assert_null(gateway->hmac_kernel_name);
	assert_int_equal(gateway->max_sessions, 65536);
	assert_int_equal(gateway->half_open, 4096);
	assert_int_equal(gateway->handshake_timeout, 40);
	assert_int_equal(gateway->handshake_rate, 2000);
	assert_int_equal(gateway->client_rate, 20);
	assert_int_equal(gateway->client_burst, 5);
	assert_int_equal(gateway->client_half_open, 64);
	assert_int_equal(gateway->client_sessions, 4096);
	assert_int_equal(gateway->evict_idle, 60);
	assert_int_equal(gateway->client_table, 16384);
	assert_int_equal(gateway->used_hellos, 262144);
	assert_int_equal(gateway->hvr_per_prefix, 0);
	assert_int_equal(gateway->seccomp, CONFIG_SECCOMP_ON);
	assert_string_equal(gateway->user, "nobody");
	assert_int_not_equal(gateway->uid, 0);
	assert_int_equal(gateway->n_denied, 5);
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(gateway->denied[i], reflecting[i]);
	assert_int_equal(config->n_ports, 1);
	assert_string_equal(config->port[0].name, "wan");
	assert_false(config->port[0].has_mac);
	assert_int_equal(config->n_listeners, 1);
	assert_string_equal(config->listener[0].name, "coap");
	assert_true(config->listener[0].echo);
	assert_int_equal(config->listener[0].idle_timeout, 300);
	assert_int_equal(config->listener[0].flight_mtu, 1280);
	assert_int_equal(config->listener[0].tickets, 1);
	assert_non_null(config->listener[0].tls);
	config_free(config);
	config_free(NULL);
}

/* Two loads without a secret never share one. */
static void
test_random_secret(void **state)
{
	struct config *a = config_load_sections(&(struct config_text){ NULL }),
		      *b = config_load_sections(&(struct config_text){ NULL });

	(void)state;
	assert_memory_not_equal(a->gateway.secret, b->gateway.secret, HG_COOKIE_SECRET_LEN);
	config_free(a);
	config_free(b);
}

static const char everything[] = "; every key\n"
				 "[gateway]\n"
				 "cookie-secret = secret.hex\n"
				 "cookie-lifetime = 120\n"
				 "key-rotation = 240\n"
				 "cookie-binding = address\n"
				 "workers = 3\n"
				 "handshake-cores = 2\n"
				 "poll = busy\n"
				 "hmac-kernel = scalar\n"
				 "metrics = off\n"
				 "max-sessions = 1000\n"
				 "half-open = 10\n"
				 "handshake-timeout = 7\n"
				 "handshake-rate = 100\n"
				 "client-rate = 0\n"
				 "client-burst = 3\n"
				 "client-half-open = 2\n"
				 "client-table = 64\n"
				 "used-hellos = 128\n"
				 "hvr-per-prefix = 1000\n"
				 "deny-source-ports = 53 , 123,19\n"
				 "user = root\n"
				 "seccomp = log\n"
				 "[port wan]\n"
				 "device = net_null0,size=64\n"
				 "profile = profile.ini\n"
				 "mac = 02:00:00:00:00:0a\n"
				 "address = 198.18.0.1/24, 203.0.113.7/32 ,2001:2::1/48\n"
				 "[port lan-2.b]\n"
				 "device = net_null1\n"
				 "address = 10.0.0.1/31,10.1.0.129/25\n"
				 "[listener coap]\n"
				 "bind = 198.18.0.1:5684, [2001:2::1]:5684 ,10.0.0.1:1\n"
				 "certificate = server.pem , other.pem\n"
				 "private-key = server.key,other.key\n"
				 "upstream = 127.0.0.1:5683\n"
				 "idle-timeout = 604800\n"
				 "flight-mtu = 304\n"
				 "client-ca = server.pem\n"
				 "ciphers = HIGH\n"
				 "groups = P-256\n"
				 "session-tickets = off\n"
				 "[listener psk]\n"
				 "bind = 0.0.0.0:5685\n"
				 "psk-file = psk.txt\n"
				 "psk-hint = a hint\n"
				 "upstream = [::1]:7\n";

static void
test_everything(void **state)
{
	struct config *config;
	const struct config_gateway *gateway;

	(void)state;
	config = config_load_text(everything);
	gateway = &config->gateway;
	for (unsigned int i = 0; i < HG_COOKIE_SECRET_LEN; i++)
		assert_int_equal(gateway->secret[i], 0xa0 + i);
	assert_int_equal(gateway->cookie_lifetime, 120);
	assert_int_equal(gateway->key_rotation, 240);
	assert_int_equal(gateway->cookie_binding, HG_COOKIE_BIND_ADDRESS);
	assert_int_equal(gateway->workers, 3);
	assert_int_equal(gateway->handshake_cores, 2);
	assert_int_equal(gateway->poll_busy, 1);
	assert_string_equal(gateway->hmac_kernel_name, "scalar");
	assert_int_equal(gateway->max_sessions, 1000);
	assert_int_equal(gateway->half_open, 10);
	assert_int_equal(gateway->handshake_timeout, 7);
	assert_int_equal(gateway->handshake_rate, 100);
	assert_int_equal(gateway->client_rate, 0);
	assert_int_equal(gateway->client_burst, 3);
	assert_int_equal(gateway->client_half_open, 2);
	assert_int_equal(gateway->client_table, 64);
	assert_int_equal(gateway->used_hellos, 128);
	assert_int_equal(gateway->hvr_per_prefix, 1000);
	assert_int_equal(gateway->n_denied, 3);
	assert_int_equal(gateway->seccomp, CONFIG_SECCOMP_LOG);
	assert_string_equal(gateway->user, "root");
	assert_int_equal(gateway->uid, 0);
	assert_int_equal(gateway->denied[0], 53);
	assert_int_equal(gateway->denied[1], 123);
	assert_int_equal(gateway->denied[2], 19);
	config_free(config);
}

static void
test_ports(void **state)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 0x0a };
	struct config *config = config_load_text(everything);
	const struct hg_net_host *host = &config->port[0].host;

	(void)state;
	assert_int_equal(config->n_ports, 2);
	assert_string_equal(config->port[0].device, "net_null0,size=64");
	assert_int_equal(config->port[0].profile.burst, 16);
	assert_true(config->port[0].has_mac);
	assert_memory_equal(host->mac, mac, 6);
	assert_int_equal(host->n_ipv4, 2);
	assert_int_equal(host->n_ipv6, 1);
	assert_memory_equal(host->ipv4[0].address, "\xc6\x12\x00\x01", 4);
	assert_memory_equal(host->ipv4[0].broadcast, "\xc6\x12\x00\xff", 4);
	assert_memory_equal(host->ipv4[0].network, "\xc6\x12\x00\x00", 4);
	/* host.h: for /32 and /31 both equal the address. */
	assert_memory_equal(host->ipv4[1].address, "\xcb\x00\x71\x07", 4);
	assert_memory_equal(host->ipv4[1].broadcast, "\xcb\x00\x71\x07", 4);
	assert_memory_equal(host->ipv4[1].network, "\xcb\x00\x71\x07", 4);
	assert_memory_equal(host->ipv6[0], "\x20\x01\0\x02\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
	assert_string_equal(config->port[1].name, "lan-2.b");
	host = &config->port[1].host;
	assert_memory_equal(host->ipv4[0].broadcast, "\x0a\x00\x00\x01", 4);
	assert_memory_equal(host->ipv4[0].network, "\x0a\x00\x00\x01", 4);
	assert_memory_equal(host->ipv4[1].address, "\x0a\x01\x00\x81", 4);
	assert_memory_equal(host->ipv4[1].broadcast, "\x0a\x01\x00\xff", 4);
	assert_memory_equal(host->ipv4[1].network, "\x0a\x01\x00\x80", 4);
	assert_null(config->port[1].profile.ini);
	assert_int_equal(config->port[1].profile.burst, 32);
	config_free(config);
}

static void
test_listeners(void **state)
{
	struct config *config = config_load_text(everything);
	const struct config_listener *listener = &config->listener[0];

	(void)state;
	assert_int_equal(config->n_listeners, 2);
	assert_int_equal(listener->n_binds, 3);
	assert_int_equal(listener->bind[0].family, 4);
	assert_int_equal(listener->bind[0].port, 5684);
	assert_int_equal(listener->bind[1].family, 6);
	assert_int_equal(listener->bind[2].port, 1);
	assert_false(listener->echo);
	assert_int_equal(listener->n_upstreams, 1);
	assert_int_equal(listener->upstream[0].port, 5683);
	assert_memory_equal(listener->upstream[0].bytes, "\x7f\0\0\x01", 4);
	assert_int_equal(listener->idle_timeout, 604800);
	assert_int_equal(listener->flight_mtu, 304);
	assert_int_equal(listener->tickets, 0);
	assert_non_null(listener->tls);
	listener++;
	assert_string_equal(listener->name, "psk");
	assert_int_equal(listener->upstream[0].family, 6);
	assert_string_equal(listener->psk_hint, "a hint");
	assert_non_null(listener->tls);
	config_free(config);
}

static void
test_ranges(void **state)
{
	/* Lowest and highest of each number: good; one beyond each: not. */
	static const struct {
		const char *key;
		unsigned int min, max;
	} ranges[] = {
		{ "handshake-cores", 1, 128 }, { "workers", 1, 128 },
		{ "max-sessions", 64, 8388608 }, { "half-open", 1, 1048576 },
		{ "handshake-timeout", 1, 60 }, { "handshake-rate", 0, 1000000 },
		{ "client-rate", 0, 1000000 }, { "client-burst", 1, 10000 },
		{ "client-half-open", 0, 1048576 }, { "client-sessions", 0, 8388608 },
		{ "evict-idle", 0, 604800 }, { "client-table", 8, 1048576 },
		{ "used-hellos", 8, 16777216 }, { "hvr-per-prefix", 0, 10000000 },
		{ "key-rotation", 60, 2592000 }, /* 60: the default lifetime */
	};
	char line[128];

	(void)state;
	for (unsigned int i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		const struct config_text text = { .gateway = line };

		snprintf(line, sizeof(line), "%s = %u\n", ranges[i].key, ranges[i].min);
		config_free(config_load_sections(&text));
		snprintf(line, sizeof(line), "%s = %u\n", ranges[i].key, ranges[i].max);
		config_free(config_load_sections(&text));
		snprintf(line, sizeof(line), "%s = %u\n", ranges[i].key, ranges[i].min - 1);
		config_gateway_refused(line, 1, ranges[i].key);
		snprintf(line, sizeof(line), "%s = %u\n", ranges[i].key, ranges[i].max + 1);
		config_gateway_refused(line, 1, ranges[i].key);
	}
	config_free(config_load_sections(&(struct config_text){
		.gateway = "cookie-lifetime = 86400\nkey-rotation = 86400\n" }));
	config_gateway_refused(
		"key-rotation = 2592000\ncookie-lifetime = 86401\n", 2, "cookie-lifetime");
	config_gateway_refused("cookie-lifetime = 0\n", 1, "from 1 to 86400");
	config_free(config_load_sections(&(struct config_text){ .gateway = "workers = auto\n" }));
}

static void
test_gateway_refused(void **state)
{
	(void)state;
	config_gateway_refused(
		"cookie-lifetime = 60s\n", 1, "must be a number from 1 to 86400, not 60s");
	config_gateway_refused("cookie-binding = none\n", 1, "one of hello|parameters|address");
	config_gateway_refused("poll = lazy\n", 1, "one of adaptive|busy");
	config_gateway_refused(
		"metrics = on\n", 1, "metrics must be off, ADDRESS:PORT or unix:PATH");
	config_gateway_refused("metrics = 127.0.0.1\n", 1, "metrics must be off, ADDRESS:PORT");
	config_gateway_refused("poll = busy\nmetrics = [::1]:0\n", 2, "metrics must be off");
	config_gateway_refused("metrics = unix:\n", 1, "absolute path");
	config_gateway_refused("metrics = unix:run/x\n", 1, "absolute path");
	config_gateway_refused("hmac-kernel = md5\n", 1,
		"hmac-kernel must be one of auto|scalar|shani|avx2|avx512|avx512-shani|armv8, not md5");
	config_gateway_refused(
		"\ncookie-secrets = x\n", 2, "unknown key cookie-secrets in section [gateway]");
	config_gateway_refused("device = x\n", 1, "unknown key device");
	config_gateway_refused("poll = busy\n; twice\npoll = busy\n", 3, "line 2");
	config_gateway_refused("poll busy\n", 1, "neither");
}

static struct config *
load_metrics(const char *where)
{
	char text[256];

	snprintf(text, sizeof(text), "metrics = %s\n", where);
	return config_load_sections(&(struct config_text){ .gateway = text });
}

static void
test_metrics(void **state)
{
	char path[128] = "unix:/";
	struct config *config;

	(void)state;
	config = load_metrics("off");
	assert_null(config->gateway.metrics);
	config_free(config);
	config = load_metrics("192.0.2.1:9684");
	assert_null(config->gateway.metrics_path);
	assert_int_equal(config->gateway.metrics_address.family, 4);
	assert_int_equal(config->gateway.metrics_address.port, 9684);
	config_free(config);
	config = load_metrics("[2001:db8::1]:80");
	assert_int_equal(config->gateway.metrics_address.family, 6);
	assert_int_equal(config->gateway.metrics_address.bytes[15], 1);
	config_free(config);
	memset(path + strlen("unix:/"), 'x', 106); /* 107 characters, as sun_path takes */
	config = load_metrics(path);
	assert_string_equal(config->gateway.metrics_path, path + strlen("unix:"));
	assert_string_equal(config->gateway.metrics, path);
	config_free(config);
}

static void
test_rotation_and_lifetime(void **state)
{
	(void)state;
	config_gateway_refused(
		"cookie-lifetime = 100\nkey-rotation = 99\n", 2, "at least cookie-lifetime");
	config_gateway_refused(
		"key-rotation = 99\ncookie-lifetime = 100\n", 1, "at least cookie-lifetime");
	config_gateway_refused("key-rotation = 59\n", 1, "at least cookie-lifetime");
	/* The default is not in the file, so the other one is to blame. */
	config_gateway_refused("\ncookie-lifetime = 3601\n", 2, "at least cookie-lifetime");
	config_free(config_load_sections(
		&(struct config_text){ .gateway = "cookie-lifetime = 3600\n" }));
}

static void
test_workers_refused(void **state)
{
	static const char *const bad[] = { "0", "129", "-1", "+3", "3x", "0x3", "3 3", "1.5",
		"Auto", "automatic", "-18446744073709551613", "18446744073709551619",
		"4294967299" };
	char line[128];

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "workers = %s\n", bad[i]);
		config_gateway_refused(line, 1, "workers must be auto or a number from 1 to 128");
	}
}

static void
test_denied_ports(void **state)
{
	static const char *const bad[] = { ",", "7,", ",7", "7,,13", "65536", "-1", "+7", "0x7",
		"seven", "7 13", "7;13,", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
		"-18446744073709551609", "18446744073709551623", "4294967303" };
	struct config *config;
	char line[128];

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (strchr(bad[i], ';') != NULL) /* begins a comment */
			continue;
		snprintf(line, sizeof(line), "deny-source-ports = %s\n", bad[i]);
		config_gateway_refused(line, 1, "deny-source-ports must be");
	}
	config = config_load_sections(&(struct config_text){
		.gateway = "deny-source-ports = 0,65535,3,4,5,6,7,8,9,10,11,12,13,14,15,16\n" });
	assert_int_equal(config->gateway.n_denied, 16);
	assert_int_equal(config->gateway.denied[0], 0);
	assert_int_equal(config->gateway.denied[1], 65535);
	assert_int_equal(config->gateway.denied[15], 16);
	config_free(config);
}

#define HEX64 "00112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100"

static void
test_secret_files(void **state)
{
	static const char *const good[] = { HEX64, HEX64 "\n", HEX64 "\r\n", HEX64 "\n\n",
		"\xef\xbb\xbf" HEX64 "\n" };
	static const char *const bad[] = { "", "\n", HEX64 "0", HEX64 "00", " " HEX64, "\n" HEX64,
		HEX64 " ", HEX64 "\nx", HEX64 "\n\nx", HEX64 "\n" HEX64, HEX64 "\r\n" HEX64,
		HEX64 "\n\n" HEX64, "0x" HEX64,
		"0011223344556677889gaabbccddeeffFFEEDDCCBBAA99887766554433221100",
		"0011223344556677 899aabbccddeeffFFEEDDCCBBAA99887766554433221100" };
	static const char zero[] =
		"00112233445566778899aabbccddeeff\0FEEDDCCBBAA99887766554433221100";
	const struct config_text text = { .gateway = "cookie-secret = s\n" };

	(void)state;
	for (unsigned int i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct config *config;

		scratch_text(&config_scratch, "s", good[i]);
		config = config_load_sections(&text);
		assert_memory_equal(config->gateway.secret, "\x00\x11\x22\x33", 4);
		assert_memory_equal(config->gateway.secret + 28, "\x33\x22\x11\x00", 4);
		config_free(config);
	}
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		scratch_text(&config_scratch, "s", bad[i]);
		config_gateway_refused(text.gateway, 1, "must hold 64 hex digits");
	}
	/* However many line ends are between the digits and what does not belong there. */
	for (unsigned int n = 0; n < 200; n++) {
		char text_of_file[64 + 200 + 2] = HEX64;

		memset(text_of_file + 64, '\n', n);
		text_of_file[64 + n] = 'x';
		scratch_text(&config_scratch, "s", text_of_file);
		config_gateway_refused(text.gateway, 1, "must hold 64 hex digits");
	}
	scratch_write(&config_scratch, "s", zero, sizeof(zero) - 1);
	config_gateway_refused(text.gateway, 1, "must hold 64 hex digits");
	scratch_text(&config_scratch, "s",
		"00112233445566778899aabbccddeeffFFEEDDCCBBAA9988776655443322110");
	config_gateway_refused(text.gateway, 1, "must hold 64 hex digits");
	config_gateway_refused(
		"cookie-secret = missing\n", 1, "cannot read cookie-secret missing: No such");
	config_gateway_refused("cookie-secret = .\n", 1, "cookie-secret");
}

static void
test_section_names(void **state)
{
	static const char *const bad[] = { "port", "port ", "ports wan", "Port wan", "port a b",
		"port a/b", "port \xc3\xa9", "port 01234567890123456789012345678901", "listener",
		"gateway x", "Gateway", "gatewa", "wan", "port\tx" };
	char text[512];

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text),
			"[%s]\n[port wan]\n" CONFIG_PORT "[listener coap]\n" CONFIG_LISTENER,
			bad[i]);
		config_refused(text, 1, "unknown section");
	}
	snprintf(text, sizeof(text),
		"[port 0123456789012345678901234567890]\n" CONFIG_PORT
		"[listener a_b.c-D]\n" CONFIG_LISTENER);
	config_free(config_load_text(text));
}

/* The name says which port it is, however many blanks are before it. */
static void
test_names_twice(void **state)
{
	(void)state;
	config_refused("[port wan]\n" CONFIG_PORT "[listener coap]\n" CONFIG_LISTENER
		       "[port wan]\ndevice = net_null1\naddress = 10.0.0.1/8\n",
		9, "already");
	config_refused("[port wan]\n" CONFIG_PORT "[listener coap]\n" CONFIG_LISTENER
		       "[port  wan]\ndevice = net_null1\naddress = 10.0.0.1/8\n",
		9, "already");
	config_refused("[port wan]\n" CONFIG_PORT "[listener coap]\n" CONFIG_LISTENER
		       "[listener   coap]\nbind = 198.18.0.1:1\ncertificate = server.pem\n"
		       "private-key = server.key\nupstream = echo\n",
		9, "already");
}

static void
test_sections_missing(void **state)
{
	(void)state;
	config_refused("", 0, "there is no [port NAME] section");
	config_refused("[gateway]\n", 0, "there is no [port NAME] section");
	config_refused("[port wan]\n" CONFIG_PORT, 0, "there is no [listener NAME] section");
	config_refused("[listener coap]\n" CONFIG_LISTENER, 0, "there is no [port NAME] section");
	config_free(config_load_text(
		"[listener coap]\n" CONFIG_LISTENER "[port wan]\n" CONFIG_PORT)); /* any order */
}

static void
test_too_many(void **state)
{
	static char text[65 * 160 + 1024];
	char *p;

	(void)state;
	for (unsigned int n = 16; n <= 17; n++) {
		p = text + sprintf(text, "[listener coap]\n" CONFIG_LISTENER);
		for (unsigned int i = 0; i < n; i++)
			p += sprintf(p,
				"[port p%u]\ndevice = net_null%u\naddress = 198.18.0.1/24\n", i, i);
		if (n == 16)
			config_free(config_load_text(text));
		else
			config_refused(text, 5 + 16 * 3 + 1, "more than 16 ports");
	}
	for (unsigned int n = 64; n <= 65; n++) {
		p = text + sprintf(text, "[port wan]\n" CONFIG_PORT);
		for (unsigned int i = 0; i < n; i++)
			p += sprintf(p,
				"[listener l%u]\nbind = 0.0.0.0:%u\npsk-file = psk.txt\nupstream = echo\n",
				i, i + 1);
		if (n == 64)
			config_free(config_load_text(text));
		else
			config_refused(text, 3 + 64 * 4 + 1, "more than 64 listeners");
	}
}

/* Files are looked for beside the configuration first, then in the working directory. */
static void
test_relative_files(void **state)
{
	const char *conf = scratch_path(&config_scratch, "sub/gateway.conf");
	struct error error = { "" };
	struct config *config = NULL;
	FILE *file;

	(void)state;
	assert_int_equal(mkdir(scratch_path(&config_scratch, "sub"), 0700), 0);
	file = fopen(conf, "we");
	assert_non_null(file);
	fputs("[gateway]\ncookie-secret = s\n[port wan]\nprofile = ./profile.ini\n" CONFIG_PORT
	      "[listener coap]\n" CONFIG_LISTENER "psk-file = psk.txt\n",
		file);
	fclose(file);
	scratch_text(&config_scratch, "s", HEX64);
	assert_int_equal(config_load(&config, conf, &error), -EINVAL);
	assert_non_null(strstr(error.text, "cannot read cookie-secret s: No such"));
	assert_int_equal(chdir(config_scratch.directory), 0);
	assert_int_equal(config_load(&config, "sub/gateway.conf", &error), 0);
	assert_string_equal(config->directory, "sub");
	assert_int_equal(config->gateway.secret[1], 0x11);
	config_free(config);
	/* One beside the configuration goes before. */
	scratch_text(&config_scratch, "sub/s",
		"ff"
		"112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100");
	assert_int_equal(config_load(&config, conf, &error), 0);
	assert_int_equal(config->gateway.secret[0], 0xff);
	config_free(config);
	assert_int_equal(chdir("/"), 0);
}

static void
test_no_such_file(void **state)
{
	struct error error = { "" };
	struct config *config = NULL;

	(void)state;
	assert_int_equal(
		config_load(&config, scratch_path(&config_scratch, "missing.conf"), &error),
		-EINVAL);
	assert_non_null(strstr(error.text, "missing.conf: No such file"));
	assert_int_equal(config_load(&config, config_scratch.directory, &error), -EINVAL);
	assert_null(config);
}

/* What is printed is a configuration that says the same. */
static void
assert_prints_itself(const char *text)
{
	struct config *config = config_load_text(text);
	char *printed = NULL, *again = NULL;
	size_t len;
	FILE *to = open_memstream(&printed, &len);

	assert_non_null(to);
	config_print(config, to);
	fclose(to);
	config_free(config);
	config = config_load_text(printed);
	to = open_memstream(&again, &len);
	assert_non_null(to);
	config_print(config, to);
	fclose(to);
	config_free(config);
	assert_string_equal(again, printed);
	free(printed);
	free(again);
}

static void
test_print(void **state)
{
	char many[512] = CONFIG_LISTENER "psk-file = psk.txt\npsk-hint = \\;";

	(void)state;
	assert_prints_itself(config_compose(&(struct config_text){ NULL }));
	assert_prints_itself(everything);
	/* A semicolon in a value is written with a backslash, or it begins a comment. */
	assert_prints_itself(config_compose(&(struct config_text){
		.listener = CONFIG_LISTENER "psk-file = psk.txt\npsk-hint = one\\;two\n" }));
	/* The first one alone: with 200 backslashes more the line would be too long to be read. */
	memset(many + strlen(many), ';', 200);
	strcat(many, "\n");
	assert_prints_itself(config_compose(&(struct config_text){ .listener = many }));
	/* And one behind a backslash. */
	assert_prints_itself(config_compose(&(struct config_text){
		.listener = CONFIG_LISTENER
		"psk-file = psk.txt\npsk-hint = one\\;two;three\\\\;four\\\n" }));
}

static void
find_hint(void *arg, const char *section, const char *key, const char *value)
{
	if (strcmp(section, "listener coap") == 0 && strcmp(key, "psk-hint") == 0)
		snprintf(arg, 64, "%s", value);
}

struct settings {
	unsigned int n;
	bool secret; /* was it shown? */
};

static void
count_setting(void *arg, const char *section, const char *key, const char *value)
{
	struct settings *settings = arg;

	assert_true(strlen(section) > 0);
	assert_true(strlen(key) > 0);
	settings->n++;
	settings->secret |= strstr(value, "a0A1a2") != NULL;
}

static void
test_each(void **state)
{
	struct config *config = config_load_text(everything);
	struct settings settings = { 0 };
	char hint[64] = "";

	(void)state;
	config_each(config, count_setting, &settings);
	/* 33 of the gateway, 6 of each port, 16 of each listener */
	assert_int_equal(settings.n, 33 + 2 * 6 + 2 * 16);
	assert_false(settings.secret);
	config_free(config);
	config = config_load_sections(&(struct config_text){
		.listener = CONFIG_LISTENER "psk-file = psk.txt\npsk-hint = one\\;two\n" });
	config_each(config, find_hint, hint);
	assert_string_equal(hint, "one;two");
	config_free(config);
}

static int
open_files(void **state)
{
	char hex[65] = "";

	if (config_texts_open(state) != 0)
		return -1;
	for (unsigned int i = 0; i < 32; i++)
		snprintf(hex + 2 * (size_t)i, 3, i % 2 == 0 ? "%02x" : "%02X", 0xa0 + i);
	scratch_text(&config_scratch, "secret.hex", hex);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_random_secret),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_listeners),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_gateway_refused),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_rotation_and_lifetime),
		cmocka_unit_test(test_workers_refused),
		cmocka_unit_test(test_denied_ports),
		cmocka_unit_test(test_secret_files),
		cmocka_unit_test(test_section_names),
		cmocka_unit_test(test_names_twice),
		cmocka_unit_test(test_sections_missing),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_relative_files),
		cmocka_unit_test(test_no_such_file),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_each),
	};

	return cmocka_run_group_tests(tests, open_files, config_texts_close);
}
