/* SPDX-License-Identifier: BSD-3-Clause */
/* One configuration after another: what may change, what is taken over, and what is refused with which sentence. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/gateway.h"
#include "config/port.h"
#include "config/reload.h"
#include "config_texts.h"
#include "conversation.h"
#include "unit.h"

#define RESTART "cannot change while hellogate runs: restart it"
#define LIMITS                                                                                      \
	"client-rate, client-half-open and client-sessions: limits of clients as such cannot come " \
	"or go while hellogate runs: restart it"
#define HEX_A "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define HEX_B "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"

/* What follows the "good.conf" that a configuration was read from. */
static const char *
behind_path(const struct config *config, const struct error *error)
{
	size_t len = strlen(config->ini->path);

	assert_memory_equal(error->text, config->ini->path, len);
	return error->text + len;
}

static int
check(const char *before, const char *after, char *ret_sentence, size_t size)
{
	struct config *old = config_load_text(before), *config = config_load_text(after);
	struct error error = { "" };
	int err = config_reload_check(config, old, &error);

	snprintf(ret_sentence, size, "%s", err != 0 ? behind_path(config, &error) : "");
	config_free(config);
	config_free(old);
	return err;
}

static void
accepted(const char *before, const char *after)
{
	char sentence[1024];

	if (check(before, after, sentence, sizeof(sentence)) != 0)
		fail_msg("%s: after\n%s\nrefused was\n%s", sentence, before, after);
}

/* For the line, or with 0 for the file as such, in exactly these words. */
static void
refused(const char *before, const char *after, unsigned int line, const char *words)
{
	char sentence[1024], wanted[1024];

	if (check(before, after, sentence, sizeof(sentence)) != -EINVAL)
		fail_msg("after\n%s\naccepted was\n%s", before, after);
	if (line != 0)
		snprintf(wanted, sizeof(wanted), ":%u: %s", line, words);
	else
		snprintf(wanted, sizeof(wanted), ": %s", words);
	assert_string_equal(sentence, wanted);
}

/* The usual text with these lines in its gateway section, the first of which is line 2; valid until the next but one. */
static const char *
with_gateway(const char *lines)
{
	static char text[2][1024];
	static unsigned int turn;

	turn ^= 1;
	snprintf(text[turn], sizeof(text[0]), "%s",
		config_compose(&(struct config_text){ .gateway = lines }));
	return text[turn];
}

/* Another value than the default for every key of the section but bridge. */
static const struct {
	const char *line;
	bool may_change;
} of_gateway[] = {
	{ "cookie-secret = a.hex", true },
	{ "cookie-secret-previous = a.hex", true },
	{ "cookie-lifetime = 61", false },
	{ "key-rotation = 3601", false },
	{ "cookie-binding = address", false },
	{ "workers = 2", false },
	{ "handshake-cores = 2", false },
	{ "poll = busy", false },
	{ "hmac-kernel = scalar", false },
	{ "metrics = 127.0.0.1:9684", false },
	{ "max-sessions = 65537", false },
	{ "half-open = 4097", true },
	{ "handshake-timeout = 41", true },
	{ "handshake-rate = 2001", true },
	{ "client-rate = 21", true },
	{ "client-burst = 6", true },
	{ "client-half-open = 65", true },
	{ "client-sessions = 4097", true },
	{ "evict-idle = 61", true },
	{ "client-table = 16385", false },
	{ "used-hellos = 262145", false },
	{ "hvr-per-prefix = 1", true },
	{ "drain-timeout = 1", true },
	{ "guard-fail = open", true },
	{ "guard-unproved = drop", true },
	{ "guard-table = 65537", false },
	{ "guard-timeout = 301", false },
	{ "deny-source-ports = 7", true },
	{ "upstream-ports = 2000-3000", false },
	{ "upstream-port-rest = 61", false },
	{ "user = root", false },
	{ "seccomp = log", false },
};

#define OF_GATEWAY (sizeof(of_gateway) / sizeof(of_gateway[0]))

static void
test_keys_of_the_gateway(void **state)
{
	char usual[8192], lines[128], words[128];

	(void)state;
	snprintf(usual, sizeof(usual), "%s", config_compose(&(struct config_text){ NULL }));
	for (size_t i = 0; i < OF_GATEWAY; i++) {
		const char *line = of_gateway[i].line, *text;

		snprintf(lines, sizeof(lines), "; changed:\n%s\n", line);
		text = with_gateway(lines);
		accepted(text, text);
		if (of_gateway[i].may_change) {
			accepted(usual, text);
			accepted(text, usual);
			continue;
		}
		snprintf(words, sizeof(words), "%.*s " RESTART, (int)strcspn(line, " "), line);
		refused(usual, text, 3, words);
		/* It is not there any more: its section is to blame. */
		refused(text, usual, 1, words);
	}
}

/* So that nobody forgets to say of a new key whether it may change. */
static void
test_every_key_is_asked_for(void **state)
{
	const struct setting *table;
	size_t n;

	(void)state;
	table = config_gateway_table(&n);
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(table[i].key);
		bool found = strcmp(table[i].key, "bridge") == 0;

		for (size_t j = 0; j < OF_GATEWAY; j++)
			found |= strncmp(of_gateway[j].line, table[i].key, len) == 0 &&
				 of_gateway[j].line[len] == ' ';
		if (!found)
			fail_msg("%s", table[i].key);
	}
	assert_int_equal(OF_GATEWAY + 1, n);
	config_port_table(&n);
	assert_int_equal(n, 6); /* test_keys_of_ports() has them all */
}

static void
test_no_gateway_section(void **state)
{
	static const char without[] =
		"[port wan]\n" CONFIG_PORT "[listener coap]\n" CONFIG_LISTENER;

	(void)state;
	accepted(with_gateway(""), without);
	accepted(without, with_gateway("half-open = 7\n"));
	refused(with_gateway("poll = busy\n"), without, 0, "poll " RESTART);
	refused(without, with_gateway("poll = busy\n"), 2, "poll " RESTART);
	refused(with_gateway("client-sessions = 0\n"), without, 0,
		"client-sessions cannot be turned on or off while hellogate runs: restart it");
}

/* What is written otherwise is another value, even if it means the same; what is only told is none. */
static void
test_what_counts_as_a_change(void **state)
{
	(void)state;
	accepted(with_gateway(""), with_gateway("workers = auto\nseccomp = on\n"));
	accepted(with_gateway("workers = 2\n"), with_gateway("; two\n  workers=2 ; of them\n"));
	refused(with_gateway("workers = 2\n"), with_gateway("workers = 02\n"), 2,
		"workers " RESTART);
	/* The first in the order of the documentation. */
	refused(with_gateway(""), with_gateway("seccomp = off\nuser = root\nworkers = 3\n"), 4,
		"workers " RESTART);
}

static void
test_limits_of_clients(void **state)
{
	static const char none[] = "client-rate = 0\nclient-half-open = 0\nclient-sessions = 0\n";
	static const char rate[] = "client-sessions = 0\nclient-half-open = 0\nclient-rate = 5\n";
	static const char half_open[] =
		"client-rate = 0\nclient-half-open = 5\nclient-sessions = 0\n";
	static const char sessions[] =
		"client-rate = 0\nclient-half-open = 0\nclient-sessions = 5\n";
	char before[8192];

	(void)state;
	snprintf(before, sizeof(before), "%s", with_gateway(none));
	accepted(before, with_gateway(none));
	refused(before, with_gateway(rate), 4, LIMITS);
	refused(before, with_gateway(half_open), 2, LIMITS);
	refused(before, with_gateway(sessions), 2, LIMITS);
	refused(before, with_gateway(""), 1, LIMITS);
	snprintf(before, sizeof(before), "%s", with_gateway(rate));
	refused(before, with_gateway(none), 2, LIMITS);
	accepted(before, with_gateway(half_open)); /* there is one of them all the time */
	refused(before, with_gateway(sessions), 4,
		"client-sessions cannot be turned on or off while hellogate runs: restart it");
	snprintf(before, sizeof(before), "%s", with_gateway(sessions));
	refused(before, with_gateway(rate), 2,
		"client-sessions cannot be turned on or off while hellogate runs: restart it");
}

#define LISTENER "[listener coap]\nbind = 0.0.0.0:1\npsk-file = psk.txt\nupstream = echo\n"
#define WAN "[port wan]\ndevice = net_null0\naddress = 198.18.0.1/24\n"
#define LAN "[port lan]\ndevice = net_null1\naddress = 198.19.0.1/24\n"

static void
test_keys_of_ports(void **state)
{
	static const struct {
		const char *key, *wan;
		unsigned int line;
	} cases[] = {
		{ "profile", WAN "profile = profile.ini\n", 8 },
		{ "device", "[port wan]\ndevice = net_null0,size=64\naddress = 198.18.0.1/24\n",
			6 },
		{ "mac", WAN "mac = 02:00:00:00:00:0a\n", 8 },
		{ "address",
			"[port wan]\ndevice = net_null0\naddress = 198.18.0.1/24, 198.18.0.2/24\n",
			7 },
		{ "exception", WAN "exception = tap:hg0\n", 8 },
		{ "mtu", WAN "mtu = 1500\n", 8 },
	};
	char text[1024], words[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), LISTENER "%s", cases[i].wan);
		snprintf(words, sizeof(words), "%s " RESTART, cases[i].key);
		accepted(text, text);
		refused(LISTENER WAN, text, cases[i].line, words);
		/* That of the section, where the key is not set any more. */
		refused(text, LISTENER WAN, cases[i].line < 8 ? cases[i].line : 5, words);
	}
}

static void
test_ports(void **state)
{
	(void)state;
	accepted(WAN LAN LISTENER, WAN LISTENER LAN);
	accepted(WAN LAN LISTENER, "[gateway]\n" LISTENER WAN LAN);
	refused(WAN LISTENER, WAN LAN LISTENER, 0, "the number of ports " RESTART);
	refused(WAN LAN LISTENER, WAN LISTENER, 0, "the number of ports " RESTART);
	refused(WAN LAN LISTENER, LISTENER LAN WAN, 5, "name " RESTART);
	refused(WAN LISTENER,
		LISTENER "\n[port dmz]\ndevice = net_null0\naddress = 198.18.0.1/24\n", 6,
		"name " RESTART);
}

static void
test_bridge(void **state)
{
	static const char ports[] =
		"[port wan]\ndevice = net_null0\n[port lan]\ndevice = net_null1\n";
	static const char guard[] = "[listener g]\nmode = guard\nbind = 192.0.2.1:5684\n";
	char before[256], after[512];

	(void)state;
	snprintf(before, sizeof(before), "[gateway]\nbridge = wan, lan\n%s", ports);
	snprintf(after, sizeof(after), "%s%s", before, guard);
	accepted(before, after);
	accepted(after, before);
	snprintf(after, sizeof(after), "[gateway]\n\nbridge = lan, wan\n%s", ports);
	refused(before, after, 3, "bridge " RESTART);
}

/* All of them may come, go and change. */
static void
test_listeners(void **state)
{
	static const char *const others[] = {
		"[listener other]\nbind = 0.0.0.0:1\npsk-file = psk.txt\nupstream = echo\n",
		"[listener coap]\nbind = 198.18.0.1:2\npsk-file = psk.txt\nupstream = echo\n",
		"[listener coap]\nbind = 0.0.0.0:1\ncertificate = server.pem\n"
		"private-key = server.key\nupstream = echo\nciphers = HIGH\ngroups = P-256\n"
		"session-tickets = off\nflight-mtu = 400\nidle-timeout = 5\nclient-ca = server.pem\n",
		"[listener coap]\nbind = 0.0.0.0:1\npsk-file = psk.txt\npsk-hint = x\n"
		"upstream = 127.0.0.1:1\nproxy-protocol = v2\nupstream-silence = 9\n"
		"upstream-retry = 9\n",
		LISTENER "[listener two]\nbind = 0.0.0.0:2\npsk-file = psk.txt\nupstream = echo\n",
	};
	char text[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(text, sizeof(text), WAN "%s", others[i]);
		accepted(WAN LISTENER, text);
		accepted(text, WAN LISTENER);
	}
}

/* What config has for a secret if it follows old; the caller knows the two by their gateway sections. */
static void
secret_after(const char *before, const char *after, uint8_t ret_old[HG_COOKIE_SECRET_LEN],
	uint8_t ret_new[HG_COOKIE_SECRET_LEN])
{
	struct config *old = config_load_text(with_gateway(before)),
		      *config = config_load_text(with_gateway(after));
	struct error error = { "" };

	if (config_reload_check(config, old, &error) != 0)
		fail_msg("%s", error.text);
	memcpy(ret_old, old->gateway.secret, HG_COOKIE_SECRET_LEN);
	memcpy(ret_new, config->gateway.secret, HG_COOKIE_SECRET_LEN);
	config_free(config);
	config_free(old);
}

static void
test_secrets(void **state)
{
	uint8_t a[HG_COOKIE_SECRET_LEN], b[HG_COOKIE_SECRET_LEN];

	(void)state;
	/* The random one is the process's. */
	secret_after("", "half-open = 7\n", a, b);
	assert_memory_equal(a, b, sizeof(a));
	secret_after("cookie-secret = a.hex\n", "cookie-secret = b.hex\n", a, b);
	assert_memory_equal(a, "\x00\x11\x22\x33", 4);
	assert_memory_equal(b, "\xff\xee\xdd\xcc", 4);
	secret_after("", "cookie-secret = b.hex\n", a, b);
	assert_memory_equal(b, "\xff\xee\xdd\xcc", 4);
	assert_memory_not_equal(a, b, sizeof(a));
	/* And none is made of one that a file had. */
	secret_after("cookie-secret = a.hex\n", "", a, b);
	assert_memory_not_equal(a, b, sizeof(a));
}

/* The same name, and other bytes in its file. */
static void
test_files_written_anew(void **state)
{
	const char *text = with_gateway("cookie-secret = c.hex\n");
	struct config *old, *config;
	struct error error = { "" };

	(void)state;
	scratch_text(&config_scratch, "c.hex", HEX_A);
	old = config_load_text(text);
	scratch_text(&config_scratch, "c.hex", HEX_B);
	config = config_load_text(text);
	assert_int_equal(config_reload_check(config, old, &error), 0);
	assert_memory_equal(config->gateway.secret, "\xff\xee\xdd\xcc", 4);
	config_free(config);
	config_free(old);
}

/* Whoever is refused has taken nothing. */
static void
test_nothing_taken_if_refused(void **state)
{
	struct config *old = config_load_text(with_gateway("")),
		      *config = config_load_text(with_gateway("poll = busy\n"));
	uint8_t before[HG_COOKIE_SECRET_LEN], own[HG_COOKIE_SECRET_LEN];
	struct error error = { "" };

	(void)state;
	memcpy(before, old->gateway.secret, sizeof(before));
	memcpy(own, config->gateway.secret, sizeof(own));
	assert_int_equal(config_reload_check(config, old, &error), -EINVAL);
	assert_memory_equal(old->gateway.secret, before, sizeof(before));
	assert_memory_equal(config->gateway.secret, own, sizeof(own));
	assert_int_equal(config->n_ports, 1);
	assert_int_equal(old->n_ports, 1);
	config_free(config);
	config_free(old);
}

/* Connects with the session, if there is one, and puts in its place what the client has then. */
static bool
resumes(const struct config_listener *listener, SSL_SESSION **session)
{
	const struct client_options options = { .session = *session };
	struct conversation *talk = conversation_new(&options);
	bool resumed;

	assert_int_equal(conversation_handshake(talk, listener->tls), HG_TLS_ESTABLISHED);
	conversation_echo(talk, 10);
	resumed = hg_tls_session_resumed(talk->server);
	SSL_SESSION_free(*session);
	*session = SSL_get1_session(talk->client);
	conversation_free(talk);
	return resumed;
}

/* Does the first listener of the one take a ticket of the first of the other? */
static bool
takes_tickets(const char *before, const char *after)
{
	struct config *old = config_load_text(before), *config = config_load_text(after);
	struct error error = { "" };
	SSL_SESSION *session = NULL;
	bool resumed;

	assert_false(resumes(&old->listener[0], &session));
	if (config_reload_check(config, old, &error) != 0)
		fail_msg("%s", error.text);
	config_reload_take_ports(config, old);
	config_free(old);
	resumed = resumes(&config->listener[0], &session);
	SSL_SESSION_free(session);
	config_free(config);
	return resumed;
}

#define CERTIFICATE "certificate = server.pem\nprivate-key = server.key\nupstream = echo\n"
#define COAP WAN "[listener coap]\nbind = 0.0.0.0:1\n" CERTIFICATE

static void
test_tickets(void **state)
{
	(void)state;
	assert_true(takes_tickets(COAP, COAP));
	assert_true(takes_tickets(COAP, COAP "idle-timeout = 5\nflight-mtu = 400\n"));
	assert_true(takes_tickets(COAP, WAN "[listener coap]\nbind = 198.18.0.1:2\n" CERTIFICATE));
	assert_true(takes_tickets(COAP, COAP "[listener two]\nbind = 0.0.0.0:2\n" CERTIFICATE));
	/* Under another name it is another listener; with other choices it is not the same any more. */
	assert_false(takes_tickets(COAP, WAN "[listener two]\nbind = 0.0.0.0:1\n" CERTIFICATE));
	assert_false(takes_tickets(COAP, COAP "groups = P-256\n"));
	assert_false(takes_tickets(COAP, COAP "session-tickets = off\n"));
}

static const char *
profile_with_burst(unsigned int burst)
{
	char text[256];

	snprintf(text, sizeof(text),
		"[driver]\nname = net_null\ntried = no: for a test\n[queues]\nburst = %u\n", burst);
	return scratch_text(&config_scratch, "burst.ini", text);
}

/*
 * Devices and threads have pointers to ports: these stay as they are, with the profile that the devices were set up
 * by and the file that their texts are of, whichever configurations follow.
 */
static void
test_ports_stay(void **state)
{
	static const char text[] = WAN "profile = burst.ini\nmac = 02:00:00:00:00:0a\nmtu = 1400\n"
				       "exception = tap:hg0\n" LAN LISTENER;
	struct config *old, *config;
	struct config_port before[2], *port;
	struct error error = { "" };
	struct ini *ini;

	(void)state;
	profile_with_burst(7);
	config = config_load_text(text);
	port = config->port;
	ini = config->ini;
	memcpy(before, port, sizeof(before));
	profile_with_burst(9);
	for (unsigned int i = 0; i < 3; i++) {
		old = config;
		config = config_load_text(text);
		assert_int_equal(config->port[0].profile.burst, 9);
		assert_int_equal(config_reload_check(config, old, &error), 0);
		config_reload_take_ports(config, old);
		assert_null(old->port);
		assert_int_equal(old->n_ports, 0);
		config_free(old);
		assert_ptr_equal(config->port, port);
		assert_int_equal(config->n_ports, 2);
		assert_memory_equal(port, before, sizeof(before));
		assert_ptr_equal(config->ports_ini, ini);
		assert_ptr_equal(port[1].section, ini_section(ini, "port lan"));
		assert_string_equal(port[0].tap, "hg0");
		assert_int_equal(port[0].profile.burst, 7);
	}
	config_free(config);
}

static int
open_files(void **state)
{
	if (config_texts_open(state) != 0)
		return -1;
	scratch_text(&config_scratch, "a.hex", HEX_A);
	scratch_text(&config_scratch, "b.hex", HEX_B);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_of_the_gateway),
		cmocka_unit_test(test_every_key_is_asked_for),
		cmocka_unit_test(test_no_gateway_section),
		cmocka_unit_test(test_what_counts_as_a_change),
		cmocka_unit_test(test_limits_of_clients),
		cmocka_unit_test(test_keys_of_ports),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_bridge),
		cmocka_unit_test(test_listeners),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_files_written_anew),
		cmocka_unit_test(test_nothing_taken_if_refused),
		cmocka_unit_test(test_tickets),
		cmocka_unit_test(test_ports_stay),
	};

	return cmocka_run_group_tests(tests, open_files, config_texts_close);
}
