/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/listener.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/locate.h"
#include "tls/context.h"

#define LISTENER(key, type, min, max, choices, by_default, field, help)               \
	{                                                                             \
		"listener", key, SETTING_##type, min, max, choices, by_default, help, \
			SETTING_FIELD(type, struct config_listener, field)            \
	}

static const struct setting_choice modes[] = {
	{ "terminate", false },
	{ "guard", true },
	{ NULL, 0 },
};

static const struct setting_choice proxies[] = {
	{ "off", false },
	{ "v2", true },
	{ NULL, 0 },
};

static const struct setting_choice off_on[] = {
	{ "off", false },
	{ "on", true },
	{ NULL, 0 },
};

static const struct setting table[] = {
	LISTENER("bind", CUSTOM, 0, 0, NULL, NULL, bind_text,
		"addresses and UDP ports to answer on, with commas between; 0.0.0.0 and [::] stand for every address of every port"),
	LISTENER("mode", FLAG, 0, 0, modes, "terminate", guard,
		"terminate: we speak DTLS; guard: the servers behind the bridge do, and bind is theirs"),
	LISTENER("certificate", CUSTOM, 0, 0, NULL, NULL, certificate_text,
		"PEM files, each a certificate with its chain, with commas between; the first is the default, others are chosen by server name and key type"),
	LISTENER("private-key", CUSTOM, 0, 0, NULL, NULL, private_key_text,
		"PEM files, one for each certificate, in the same order"),
	LISTENER("upstream", CUSTOM, 0, 0, NULL, NULL, upstream_text,
		"addresses and UDP ports of the servers behind, with commas between, or echo; each client has one of them"),
	LISTENER("upstream-silence", INTEGER, 0, 3600, NULL, "0", upstream_silence,
		"seconds without an answer after which an upstream counts as down; 0: it need not answer"),
	LISTENER("upstream-retry", INTEGER, 1, 3600, NULL, "5", upstream_retry,
		"seconds after which an upstream that is down is tried again; twice as long each time"),
	LISTENER("proxy-protocol", FLAG, 0, 0, proxies, "off", proxy,
		"v2: each datagram to the upstream begins with a PROXY protocol header, which names the client"),
	LISTENER("idle-timeout", INTEGER, 1, 604800, NULL, "300", idle_timeout,
		"seconds without a datagram from either side after which a session is closed"),
	LISTENER("flight-mtu", INTEGER, 304, 4096, NULL, "1280", flight_mtu,
		"bytes of the longest IP packet of a handshake, as IPv6; over IPv4 it is 20 bytes shorter"),
	LISTENER("client-ca", CUSTOM, 0, 0, NULL, NULL, client_ca,
		"PEM file of authorities; set: a client must show a certificate of one of them"),
	LISTENER("psk-file", CUSTOM, 0, 0, NULL, NULL, psk_file,
		"pre-shared keys, one identity:hex per line"),
	LISTENER("psk-hint", STRING, 0, 0, NULL, NULL, psk_hint,
		"identity hint that clients are sent (RFC 4279)"),
	LISTENER("ciphers", STRING, 0, 0, NULL, HG_TLS_DEFAULT_CIPHERS, ciphers,
		"cipher suites in OpenSSL's notation; DEFAULT at its beginning is the default"),
	LISTENER("groups", STRING, 0, 0, NULL, HG_TLS_DEFAULT_GROUPS, groups,
		"key exchange groups in OpenSSL's notation"),
	LISTENER("session-tickets", FLAG, 0, 0, off_on, "on", tickets,
		"whether clients may resume by ticket (RFC 5077), after the cookie exchange"),
};

#define TABLE_LEN (sizeof(table) / sizeof(table[0]))

const struct setting *
config_listener_table(size_t *ret_n)
{
	*ret_n = TABLE_LEN;
	return table;
}

/* The list that a key of the listener holds; too long a one is refused. */
static int
read_list(const struct config *config, const struct config_listener *listener, const char *key,
	const char *text, unsigned int max, struct setting_list *ret_list, struct error *error)
{
	if (setting_list_read(ret_list, config->ini, text, error) != 0)
		return -EINVAL;
	if (ret_list->n <= max)
		return 0;
	setting_list_free(ret_list);
	return ini_blame(config->ini, listener->section, key, error,
		"%s has more than %u addresses", key, max);
}

static int
read_binds(struct config *config, struct config_listener *listener, struct error *error)
{
	struct setting_list list;
	int err = read_list(
		config, listener, "bind", listener->bind_text, CONFIG_BINDS_MAX, &list, error);

	if (err != 0)
		return err;
	for (unsigned int i = 0; err == 0 && i < list.n; i++)
		if (address_parse_port(&listener->bind[i], list.item[i]) != 0)
			err = ini_blame(config->ini, listener->section, "bind", error,
				"bind must be ADDRESS:PORT or [ADDRESS]:PORT, not %s",
				list.item[i]);
	listener->n_binds = list.n;
	setting_list_free(&list);
	return err;
}

/* Takes the next of the upstreams. */
static int
add_upstream(const struct config *config, struct config_listener *listener, const char *text,
	struct error *error)
{
	struct address *upstream = &listener->upstream[listener->n_upstreams];

	if (strcmp(text, "echo") == 0)
		return ini_blame(config->ini, listener->section, "upstream", error,
			"upstream must be echo alone, or addresses alone");
	if (address_parse_port(upstream, text) != 0)
		return ini_blame(config->ini, listener->section, "upstream", error,
			"upstream must be ADDRESS:PORT, [ADDRESS]:PORT or echo, not %s", text);
	if (!address_is_server(upstream))
		return ini_blame(config->ini, listener->section, "upstream", error,
			"upstream must be the address of a server, and %s is none", text);
	for (unsigned int i = 0; i < listener->n_upstreams; i++)
		if (address_is_same(&listener->upstream[i], upstream))
			return ini_blame(config->ini, listener->section, "upstream", error,
				"upstream has %s twice", text);
	listener->n_upstreams++;
	return 0;
}

static int
read_upstream(struct config *config, struct config_listener *listener, struct error *error)
{
	struct setting_list list;
	int err;

	listener->echo = strcmp(listener->upstream_text, "echo") == 0;
	if (listener->echo)
		return 0;
	err = read_list(config, listener, "upstream", listener->upstream_text, CONFIG_UPSTREAMS_MAX,
		&list, error);
	if (err != 0)
		return err;
	for (unsigned int i = 0; err == 0 && i < list.n; i++)
		err = add_upstream(config, listener, list.item[i], error);
	setting_list_free(&list);
	return err;
}

/* The names of one listener's files, resolved. */
struct files {
	char path[2 * CONFIG_PAIRS_MAX + 2][PATH_MAX];
	struct hg_tls_pair pair[CONFIG_PAIRS_MAX];
};

/* Fills the pairs of certificate and private key. */
static int
read_pairs(const struct config *config, const struct config_listener *listener, struct files *files,
	size_t *ret_n, struct error *error)
{
	struct setting_list certificates = { 0 }, keys = { 0 };
	int err = setting_list_read(&certificates, config->ini, listener->certificate_text, error);

	if (err == 0)
		err = setting_list_read(&keys, config->ini, listener->private_key_text, error);
	if (err == 0 && (certificates.n != keys.n || keys.n > CONFIG_PAIRS_MAX))
		err = ini_blame(config->ini, listener->section,
			keys.n == 0 ? "certificate" : "private-key", error,
			"there must be as many certificates as private keys, at most %u: here are "
			"%u and %u",
			CONFIG_PAIRS_MAX, certificates.n, keys.n);
	for (unsigned int i = 0; err == 0 && i < keys.n; i++) {
		locate_resolve(files->path[2 * i], config->directory, certificates.item[i]);
		locate_resolve(files->path[2 * i + 1], config->directory, keys.item[i]);
		files->pair[i].certificate = files->path[2 * i];
		files->pair[i].private_key = files->path[2 * i + 1];
	}
	*ret_n = keys.n;
	setting_list_free(&certificates);
	setting_list_free(&keys);
	return err;
}

static int
read_tls(struct config *config, struct config_listener *listener, struct error *error)
{
	struct hg_tls_settings settings = {
		.psk_hint = listener->psk_hint,
		.ciphers = listener->ciphers,
		.groups = listener->groups,
		.tickets = listener->tickets,
	};
	struct hg_tls_error reason;
	struct files files;
	int err = read_pairs(config, listener, &files, &settings.n_pairs, error);

	if (err != 0)
		return err;
	settings.pairs = files.pair;
	if (listener->client_ca != NULL) {
		locate_resolve(
			files.path[2 * CONFIG_PAIRS_MAX], config->directory, listener->client_ca);
		settings.client_ca = files.path[2 * CONFIG_PAIRS_MAX];
	}
	if (listener->psk_file != NULL) {
		locate_resolve(files.path[2 * CONFIG_PAIRS_MAX + 1], config->directory,
			listener->psk_file);
		settings.psk_file = files.path[2 * CONFIG_PAIRS_MAX + 1];
	}
	if (hg_tls_context_new(&listener->tls, &settings, &reason) != 0)
		return ini_blame(
			config->ini, listener->section, reason.setting, error, "%s", reason.text);
	return 0;
}

/* Of a guard there is nothing to set but what it guards. */
static int
read_guard(struct config *config, struct config_listener *listener, struct error *error)
{
	const struct ini_section *section = listener->section;
	int err;

	for (unsigned int i = 0; i < section->n; i++)
		if (strcmp(section->entry[i].key, "mode") != 0 &&
			strcmp(section->entry[i].key, "bind") != 0)
			return ini_blame(config->ini, section, section->entry[i].key, error,
				"with mode = guard there is no %s: the server has that",
				section->entry[i].key);
	if (listener->bind_text == NULL)
		return ini_blame(config->ini, section, NULL, error,
			"section [%s] needs the key bind", section->name);
	if (config->gateway.bridge_text == NULL)
		return ini_blame(config->ini, listener->section, "mode", error,
			"mode = guard needs a bridge: the key bridge of [gateway]");
	err = read_binds(config, listener, error);
	if (err == 0)
		config->n_listeners++;
	return err;
}

int
config_listener_read(struct config *config, const struct ini_section *section, const char *name,
	struct error *error)
{
	struct config_listener *listener = &config->listener[config->n_listeners];
	int err;

	strcpy(listener->name, name);
	listener->section = section;
	err = setting_read(table, TABLE_LEN, "listener", config->ini, section, listener, error);
	if (err != 0)
		return err;
	if (listener->guard)
		return read_guard(config, listener, error);
	if (listener->bind_text == NULL || listener->upstream_text == NULL)
		return ini_blame(config->ini, section, NULL, error, "section [%s] needs the key %s",
			section->name, listener->bind_text == NULL ? "bind" : "upstream");
	err = read_binds(config, listener, error);
	if (err == 0)
		err = read_upstream(config, listener, error);
	if (err == 0)
		err = read_tls(config, listener, error);
	if (err == 0)
		config->n_listeners++;
	return err;
}

static bool
is_any(const struct address *address)
{
	static const uint8_t any[16];

	return memcmp(address->bytes, any, address->family == 4 ? 4 : 16) == 0;
}

static bool
port_has(const struct hg_net_host *host, const struct address *address)
{
	if (address->family == 4) {
		for (unsigned int i = 0; i < host->n_ipv4; i++)
			if (is_any(address) ||
				memcmp(host->ipv4[i].address, address->bytes, 4) == 0)
				return true;
		return false;
	}
	for (unsigned int i = 0; i < host->n_ipv6; i++)
		if (is_any(address) || memcmp(host->ipv6[i], address->bytes, 16) == 0)
			return true;
	return false;
}

bool
config_listener_is_on(const struct config_listener *listener, const struct hg_net_host *host)
{
	for (unsigned int i = 0; !listener->guard && i < listener->n_binds; i++)
		if (port_has(host, &listener->bind[i]))
			return true;
	return false;
}

/* Can one datagram be for both? */
static bool
overlap(const struct address *a, const struct address *b)
{
	return a->family == b->family && a->port == b->port &&
	       (is_any(a) || is_any(b) || memcmp(a->bytes, b->bytes, a->family == 4 ? 4 : 16) == 0);
}

/* The addresses of servers: none of ours, each one written out. */
static int
check_guarded(const struct config *config, const struct config_listener *listener,
	unsigned int number, struct error *error)
{
	const struct address *bind = &listener->bind[number];

	if (is_any(bind) || (bind->family == 4 ? bind->bytes[0] >= 224 : bind->bytes[0] == 0xff))
		return ini_blame(config->ini, listener->section, "bind", error,
			"with mode = guard bind names the addresses of servers (number %u of the list)",
			number + 1);
	for (unsigned int i = 0; i < config->n_ports; i++)
		if (port_has(&config->port[i].host, bind))
			return ini_blame(config->ini, listener->section, "bind", error,
				"number %u of bind is an address of port %s, which answers to it itself",
				number + 1, config->port[i].name);
	return 0;
}

static int
check_own(const struct config *config, const struct config_listener *listener, unsigned int number,
	struct error *error)
{
	for (unsigned int i = 0; i < config->n_ports; i++)
		if (port_has(&config->port[i].host, &listener->bind[number]))
			return 0;
	return ini_blame(config->ini, listener->section, "bind", error,
		"bind names an address that no port has (number %u of the list)", number + 1);
}

static int
check_bind(const struct config *config, unsigned int l, unsigned int b, struct error *error)
{
	const struct config_listener *listener = &config->listener[l];
	const struct address *bind = &listener->bind[b];
	int err = listener->guard ? check_guarded(config, listener, b, error)
				  : check_own(config, listener, b, error);

	if (err != 0)
		return err;
	for (unsigned int i = 0; i <= l; i++)
		for (unsigned int j = 0; j < (i == l ? b : config->listener[i].n_binds); j++)
			if (listener->guard == config->listener[i].guard &&
				overlap(bind, &config->listener[i].bind[j]))
				return ini_blame(config->ini, listener->section, "bind", error,
					"number %u of bind is taken by listener %s already", b + 1,
					config->listener[i].name);
	return 0;
}

/* A worker looks for an address among all of its family. */
static int
check_number_guarded(const struct config *config, struct error *error)
{
	struct address known[2 * HG_NET_ADDRS_MAX];
	unsigned int n = 0, of_family[2] = { 0, 0 };

	for (unsigned int l = 0; l < config->n_listeners; l++)
		for (unsigned int b = 0;
			config->listener[l].guard && b < config->listener[l].n_binds; b++) {
			const struct address *bind = &config->listener[l].bind[b];
			unsigned int i = 0;

			while (i < n && (known[i].family != bind->family ||
						memcmp(known[i].bytes, bind->bytes, 16) != 0))
				i++;
			if (i < n)
				continue;
			if (of_family[bind->family == 6]++ == HG_NET_ADDRS_MAX)
				return ini_blame(config->ini, config->listener[l].section, "bind",
					error, "guards have more than %u addresses of one family",
					HG_NET_ADDRS_MAX);
			known[n++] = *bind;
		}
	return 0;
}

int
config_listener_check_binds(const struct config *config, struct error *error)
{
	for (unsigned int l = 0; l < config->n_listeners; l++)
		for (unsigned int b = 0; b < config->listener[l].n_binds; b++) {
			int err = check_bind(config, l, b, error);

			if (err != 0)
				return err;
		}
	return check_number_guarded(config, error);
}

const char *
config_listener_warning(const struct config_listener *listener)
{
	return listener->tls != NULL ? hg_tls_context_warning(listener->tls) : NULL;
}
