/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/gateway.h"

#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/random.h>
#include <sys/un.h>

#include "base/secret.h"
#include "base/text.h"
#include "config/bridge.h"
#include "config/locate.h"
#include "hmac/hmac.h"
#include "tls/file.h"
#include "tls/secret.h"

#define GATEWAY(key, type, min, max, choices, by_default, field, help)               \
	{                                                                            \
		"gateway", key, SETTING_##type, min, max, choices, by_default, help, \
			SETTING_FIELD(type, struct config_gateway, field)            \
	}

static const struct setting_choice bindings[] = {
	{ "hello", HG_COOKIE_BIND_HELLO },
	{ "parameters", HG_COOKIE_BIND_PARAMETERS },
	{ "address", HG_COOKIE_BIND_ADDRESS },
	{ NULL, 0 },
};

static const struct setting_choice polls[] = {
	{ "adaptive", false },
	{ "busy", true },
	{ NULL, 0 },
};

/* Whichever CPU they are for: what was written for another is refused as that. */
static const struct setting_choice hmac_kernels[] = {
	{ "auto", 0 },
#define KERNEL(symbol, name) { name, 0 },
	HG_HMAC_KERNELS(KERNEL)
#undef KERNEL
		{ NULL, 0 },
};

static const struct setting_choice guard_fails[] = {
	{ "closed", false },
	{ "open", true },
	{ NULL, 0 },
};

static const struct setting_choice guard_unproved[] = {
	{ "pass", false },
	{ "drop", true },
	{ NULL, 0 },
};

static const struct setting_choice seccomp_modes[] = {
	{ "on", CONFIG_SECCOMP_ON },
	{ "off", CONFIG_SECCOMP_OFF },
	{ "log", CONFIG_SECCOMP_LOG },
	{ NULL, 0 },
};

static const struct setting table[] = {
	GATEWAY("cookie-secret", CUSTOM, 0, 0, NULL, NULL, cookie_secret,
		"file with 64 hex digits; without it a random secret, for this process alone"),
	GATEWAY("cookie-secret-previous", CUSTOM, 0, 0, NULL, NULL, former_secret_text,
		"file with the secret before: its cookies are accepted too, until they are too old"),
	GATEWAY("cookie-lifetime", INTEGER, 1, 86400, NULL, "60", cookie_lifetime,
		"seconds for which a cookie is good"),
	GATEWAY("key-rotation", INTEGER, 1, 2592000, NULL, "3600", key_rotation,
		"seconds after which the keys of cookies and of tickets change; at least cookie-lifetime"),
	GATEWAY("cookie-binding", CHOICE, 0, 0, bindings, "hello", cookie_binding,
		"what a cookie is bound to: addresses, ports and the hello's version and random; all its parameters; or addresses and ports only"),
	GATEWAY("workers", CUSTOM, 1, 128, NULL, "auto", workers_text,
		"lcores that poll the ports; auto: every CPU that no handshake core needs"),
	GATEWAY("handshake-cores", INTEGER, 1, 128, NULL, "1", handshake_cores,
		"lcores that run OpenSSL"),
	GATEWAY("poll", FLAG, 0, 0, polls, "adaptive", poll_busy,
		"adaptive: idle workers sleep in steps; busy: they never do"),
	GATEWAY("hmac-kernel", STRING, 0, 0, hmac_kernels, "auto", hmac_kernel_name,
		"auto: the fastest, measured at start"),
	GATEWAY("metrics", CUSTOM, 0, 0, NULL, "off", metrics,
		"where metrics and the status page are served over HTTP: ADDRESS:PORT or unix:PATH"),
	GATEWAY("max-sessions", INTEGER, 64, 8388608, NULL, "65536", max_sessions,
		"sessions of all handshake cores together"),
	GATEWAY("half-open", INTEGER, 1, 1048576, NULL, "4096", half_open,
		"handshakes in progress per handshake core"),
	GATEWAY("handshake-timeout", INTEGER, 1, 60, NULL, "40", handshake_timeout,
		"seconds after which a handshake that is not complete is given up"),
	GATEWAY("handshake-rate", INTEGER, 0, 1000000, NULL, "2000", handshake_rate,
		"handshakes that one handshake core begins in a second; 0: no limit"),
	GATEWAY("client-rate", INTEGER, 0, 1000000, NULL, "20", client_rate,
		"handshakes that one client begins in a second; 0: no limit"),
	GATEWAY("client-burst", INTEGER, 1, 10000, NULL, "5", client_burst,
		"of these, how many at once"),
	GATEWAY("client-half-open", INTEGER, 0, 1048576, NULL, "64", client_half_open,
		"handshakes in progress of one client; 0: no limit"),
	GATEWAY("client-sessions", INTEGER, 0, 8388608, NULL, "4096", client_sessions,
		"sessions of one client; 0: no limit"),
	GATEWAY("evict-idle", INTEGER, 0, 604800, NULL, "60", evict_idle,
		"seconds without a datagram after which a session may end for a new one, if there is no more room; 0: none does"),
	GATEWAY("client-table", INTEGER, 8, 1048576, NULL, "16384", client_table,
		"clients with limits used up in part, per handshake core"),
	GATEWAY("used-hellos", INTEGER, 8, 16777216, NULL, "262144", used_hellos,
		"verified hellos that each handshake core remembers, so that none is used twice"),
	GATEWAY("hvr-per-prefix", INTEGER, 0, 10000000, NULL, "0", hvr_per_prefix,
		"HelloVerifyRequests that one worker sends to one network in a second; 0: no limit"),
	GATEWAY("drain-timeout", INTEGER, 0, 86400, NULL, "0", drain_timeout,
		"seconds for which sessions may go on after SIGTERM, while none begins any more"),
	GATEWAY("bridge", CUSTOM, 0, 0, NULL, NULL, bridge_text,
		"two ports that are joined, the clients' and the servers': what comes in by one leaves by the other"),
	GATEWAY("guard-fail", FLAG, 0, 0, guard_fails, "closed", guard_open,
		"what becomes of datagrams that a guard cannot judge, and of the links at the end"),
	GATEWAY("guard-unproved", FLAG, 0, 0, guard_unproved, "pass", guard_strict,
		"drop: what is no hello passes a guard only from 4-tuples that have shown a valid cookie"),
	GATEWAY("guard-table", INTEGER, 8, 16777216, NULL, "65536", guard_table,
		"4-tuples that each worker knows to have shown one"),
	GATEWAY("guard-timeout", INTEGER, 1, 86400, NULL, "300", guard_timeout,
		"seconds without a datagram after which it forgets one of them"),
	GATEWAY("deny-source-ports", CUSTOM, 0, 0, NULL, "7, 13, 17, 19, 37", denied_text,
		"UDP source ports of reflecting services, never answered; port 0 never is"),
	GATEWAY("upstream-ports", CUSTOM, 0, 0, NULL, NULL, upstream_ports_text,
		"FIRST-LAST: local UDP ports towards upstreams; without it the kernel chooses"),
	GATEWAY("upstream-port-rest", INTEGER, 0, 3600, NULL, "60", upstream_port_rest,
		"seconds after which a port of upstream-ports that was used may be used again"),
	GATEWAY("user", CUSTOM, 0, 0, NULL, "nobody", user,
		"whom the process becomes when it is set up; root: it keeps all privileges"),
	GATEWAY("seccomp", CHOICE, 0, 0, seccomp_modes, "on", seccomp,
		"filter of system calls; on: any other ends the process; log: is told"),
};

#define TABLE_LEN (sizeof(table) / sizeof(table[0]))

const struct setting *
config_gateway_table(size_t *ret_n)
{
	*ret_n = TABLE_LEN;
	return table;
}

/*
 * The 64 hex digits of a file, and line ends behind them; some editors put a mark before them. Returns false
 * for anything else.
 */
static bool
parse_secret(const char *text, size_t len, uint8_t secret[HG_COOKIE_SECRET_LEN])
{
	static const char mark[] = { '\xef', '\xbb', '\xbf' };

	if (len > sizeof(mark) && memcmp(text, mark, sizeof(mark)) == 0) {
		text += sizeof(mark);
		len -= sizeof(mark);
	}
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	return len == 2 * HG_COOKIE_SECRET_LEN &&
	       hg_text_hex(text, secret, HG_COOKIE_SECRET_LEN) == 0;
}

/* The secret in the file that a key names, in memory of its own. */
static int
read_secret_file(struct config *config, const char *key, const char *name, uint8_t **ret,
	struct error *error)
{
	char path[PATH_MAX], text[2 * HG_COOKIE_SECRET_LEN + 16];
	const char *problem;
	size_t len;
	FILE *file;
	bool good;

	*ret = hg_tls_secret_alloc(HG_COOKIE_SECRET_LEN);
	if (*ret == NULL)
		return error_set(error, "no memory for the cookie secret");
	locate_resolve(path, config->directory, name);
	file = hg_tls_file_open(path, &problem);
	if (file == NULL)
		return ini_blame(config->ini, config->gateway.section, key, error,
			"cannot read %s %s: %s", key, path, problem);
	setvbuf(file, NULL, _IONBF, 0); /* no copy of the secret in a buffer of stdio's */
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	good = len < sizeof(text) - 1 && parse_secret(text, len, *ret);
	hg_secret_wipe(text, sizeof(text));
	if (good)
		return 0;
	return ini_blame(config->ini, config->gateway.section, key, error,
		"%s %s must hold 64 hex digits", key, path);
}

static int
read_secrets(struct config *config, struct error *error)
{
	struct config_gateway *gateway = &config->gateway;
	int err = 0;

	if (gateway->cookie_secret != NULL) {
		err = read_secret_file(
			config, "cookie-secret", gateway->cookie_secret, &gateway->secret, error);
	} else {
		gateway->secret = hg_tls_secret_alloc(HG_COOKIE_SECRET_LEN);
		if (gateway->secret == NULL ||
			getrandom(gateway->secret, HG_COOKIE_SECRET_LEN, 0) != HG_COOKIE_SECRET_LEN)
			return error_set(error, "the kernel gives no random cookie secret");
	}
	if (err == 0 && gateway->former_secret_text != NULL)
		err = read_secret_file(config, "cookie-secret-previous",
			gateway->former_secret_text, &gateway->former_secret, error);
	return err;
}

/* One setting in the file is to blame; the other may be the default. */
static int
check_rotation(const struct config *config, struct error *error)
{
	const struct config_gateway *gateway = &config->gateway;
	bool given =
		gateway->section != NULL && ini_entry(gateway->section, "key-rotation") != NULL;

	if (gateway->key_rotation >= gateway->cookie_lifetime)
		return 0;
	return ini_blame(config->ini, gateway->section, given ? "key-rotation" : "cookie-lifetime",
		error, "key-rotation must be at least cookie-lifetime");
}

static int
read_workers(struct config *config, struct error *error)
{
	struct config_gateway *gateway = &config->gateway;
	uint64_t workers = CONFIG_AUTO;

	if (strcmp(gateway->workers_text, "auto") != 0 &&
		hg_text_number(gateway->workers_text, 1, CONFIG_WORKERS_MAX, &workers) != 0)
		return ini_blame(config->ini, gateway->section, "workers", error,
			"workers must be auto or a number from 1 to 128");
	gateway->workers = (uint32_t)workers;
	return 0;
}

static int
read_denied(struct config *config, struct error *error)
{
	struct config_gateway *gateway = &config->gateway;
	struct setting_list list;
	uint64_t port;
	bool good;

	if (setting_list_read(&list, config->ini, gateway->denied_text, error) != 0)
		return -EINVAL;
	good = list.n <= CONFIG_DENIED_MAX;
	for (unsigned int i = 0; good && i < list.n; i++) {
		good = hg_text_number(list.item[i], 0, UINT16_MAX, &port) == 0;
		if (good)
			gateway->denied[gateway->n_denied++] = (uint16_t)port;
	}
	setting_list_free(&list);
	if (good)
		return 0;
	return ini_blame(config->ini, gateway->section, "deny-source-ports", error,
		"deny-source-ports must be at most 16 port numbers with commas between");
}

/* The kernel has to be in this build, and this CPU to run it; "auto" becomes NULL. */
static int
check_hmac_kernel(struct config *config, struct error *error)
{
	struct config_gateway *gateway = &config->gateway;
	const struct hg_hmac_kernel *kernel = hg_hmac_kernel_find(gateway->hmac_kernel_name);

	if (strcmp(gateway->hmac_kernel_name, "auto") == 0) {
		gateway->hmac_kernel_name = NULL;
		return 0;
	}
	if (kernel != NULL && kernel->usable())
		return 0;
	return ini_blame(config->ini, gateway->section, "hmac-kernel", error,
		"hmac-kernel %s does not run on this CPU", gateway->hmac_kernel_name);
}

/* "unix:PATH" or "ADDRESS:PORT" of the host; "off" becomes NULL. */
static int
read_metrics(struct config *config, struct error *error)
{
	struct config_gateway *gateway = &config->gateway;

	if (strcmp(gateway->metrics, "off") == 0) {
		gateway->metrics = NULL;
		return 0;
	}
	if (strncmp(gateway->metrics, "unix:", 5) == 0) {
		gateway->metrics_path = gateway->metrics + 5;
		if (gateway->metrics_path[0] == '/' &&
			strlen(gateway->metrics_path) < sizeof(((struct sockaddr_un *)0)->sun_path))
			return 0;
		return ini_blame(config->ini, gateway->section, "metrics", error,
			"metrics = unix:PATH must have an absolute path of at most 107 characters");
	}
	if (address_parse_port(&gateway->metrics_address, gateway->metrics) == 0)
		return 0;
	return ini_blame(config->ini, gateway->section, "metrics", error,
		"metrics must be off, ADDRESS:PORT or unix:PATH");
}

/* "FIRST-LAST", no port for whose use one has to be root, and one for each core at least. */
static int
read_upstream_ports(struct config *config, struct error *error)
{
	struct config_gateway *gateway = &config->gateway;
	const char *dash;
	uint64_t first, last;
	char text[32];

	if (gateway->upstream_ports_text == NULL)
		return 0;
	dash = strchr(gateway->upstream_ports_text, '-');
	if (dash == NULL || dash - gateway->upstream_ports_text >= (ptrdiff_t)sizeof(text))
		dash = NULL;
	else
		snprintf(text, sizeof(text), "%.*s", (int)(dash - gateway->upstream_ports_text),
			gateway->upstream_ports_text);
	if (dash == NULL || hg_text_number(text, 1024, UINT16_MAX, &first) != 0 ||
		hg_text_number(dash + 1, first, UINT16_MAX, &last) != 0)
		return ini_blame(config->ini, gateway->section, "upstream-ports", error,
			"upstream-ports must be FIRST-LAST, from 1024 to 65535");
	if (last - first + 1 < gateway->handshake_cores)
		return ini_blame(config->ini, gateway->section, "upstream-ports", error,
			"upstream-ports must have one port for each of handshake-cores at least");
	gateway->upstream_port_first = (uint16_t)first;
	gateway->upstream_port_last = (uint16_t)last;
	return 0;
}

static int
read_user(struct config *config, struct error *error)
{
	struct config_gateway *gateway = &config->gateway;
	const struct passwd *user = getpwnam(gateway->user);

	if (user == NULL)
		return ini_blame(config->ini, gateway->section, "user", error,
			"there is no user %s", gateway->user);
	gateway->uid = user->pw_uid;
	gateway->gid = user->pw_gid;
	return 0;
}

int
config_gateway_read(struct config *config, struct error *error)
{
	struct config_gateway *gateway = &config->gateway;
	int err;

	gateway->section = ini_section(config->ini, "gateway");
	err = setting_read(
		table, TABLE_LEN, "gateway", config->ini, gateway->section, gateway, error);
	if (err == 0)
		err = check_rotation(config, error);
	if (err == 0)
		err = read_workers(config, error);
	if (err == 0)
		err = read_denied(config, error);
	if (err == 0)
		err = check_hmac_kernel(config, error);
	if (err == 0)
		err = read_metrics(config, error);
	if (err == 0)
		err = read_upstream_ports(config, error);
	if (err == 0)
		err = read_user(config, error);
	if (err == 0)
		err = config_bridge_read(config, error);
	if (err == 0)
		err = read_secrets(config, error);
	return err;
}
