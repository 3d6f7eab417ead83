/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/config.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/un.h>

#include "base/secret.h"
#include "config/bridge.h"
#include "config/listener.h"
#include "config/locate.h"
#include "config/port.h"
#include "config/setting.h"
#include "hmac/hmac.h"
#include "tls/context.h"
#include "tls/file.h"
#include "tls/secret.h"

#define GATEWAY(key, type, min, max, choices, by_default, field, help)               \
	{                                                                            \
		"gateway", key, SETTING_##type, min, max, choices, by_default, help, \
			offsetof(struct config_gateway, field)                       \
	}

static const char hmac_kernels[] = "auto|scalar|shani|avx2|avx512|avx512-shani|armv8";

static const struct setting gateway_table[] = {
	GATEWAY("cookie-secret", CUSTOM, 0, 0, NULL, NULL, cookie_secret,
		"file with 64 hex digits; without it a random secret, for this process alone"),
	GATEWAY("cookie-secret-previous", CUSTOM, 0, 0, NULL, NULL, former_secret_text,
		"file with the secret before: its cookies are accepted too, until they are too old"),
	GATEWAY("cookie-lifetime", INTEGER, 1, 86400, NULL, "60", cookie_lifetime,
		"seconds for which a cookie is good"),
	GATEWAY("key-rotation", INTEGER, 1, 2592000, NULL, "3600", key_rotation,
		"seconds after which the keys of cookies and of tickets change; at least cookie-lifetime"),
	GATEWAY("cookie-binding", CHOICE, 0, 0, "hello|parameters|address", "hello", cookie_binding,
		"what a cookie is bound to: addresses, ports and the hello's version and random; all its parameters; or addresses and ports only"),
	GATEWAY("workers", CUSTOM, 1, 128, NULL, "auto", workers_text,
		"lcores that poll the ports; auto: every CPU that no handshake core needs"),
	GATEWAY("handshake-cores", INTEGER, 1, 128, NULL, "1", handshake_cores,
		"lcores that run OpenSSL"),
	GATEWAY("poll", CHOICE, 0, 0, "adaptive|busy", "adaptive", poll_busy,
		"adaptive: idle workers sleep in steps; busy: they never do"),
	GATEWAY("hmac-kernel", CHOICE, 0, 0, hmac_kernels, "auto", hmac_kernel,
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
	GATEWAY("guard-fail", CHOICE, 0, 0, "closed|open", "closed", guard_open,
		"what becomes of datagrams that a guard cannot judge, and of the links at the end"),
	GATEWAY("guard-unproved", CHOICE, 0, 0, "pass|drop", "pass", guard_strict,
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
	GATEWAY("seccomp", CHOICE, 0, 0, "on|off|log", "on", seccomp,
		"filter of system calls; on: any other ends the process; log: is told"),
};

#define GATEWAY_LEN (sizeof(gateway_table) / sizeof(gateway_table[0]))

/* Where a key of the gateway section stands, or the section, or the file. */
static int
blame(const struct config *config, const char *key, struct error *error, const char *text)
{
	const struct ini_section *section = ini_section(config->ini, "gateway");
	const struct ini_entry *entry = section != NULL ? ini_entry(section, key) : NULL;

	if (entry != NULL)
		return error_set(error, "%s:%u: %s", config->ini->path, entry->line, text);
	return error_set(error, "%s: %s", config->ini->path, text);
}

/*
 * The 64 hex digits of a file, and line ends behind them; some editors put a mark before them. Returns false
 * for anything else.
 */
static bool
parse_secret(char *text, size_t len, uint8_t secret[HG_COOKIE_SECRET_LEN])
{
	static const char mark[] = { '\xef', '\xbb', '\xbf' };

	if (len > sizeof(mark) && memcmp(text, mark, sizeof(mark)) == 0) {
		text += sizeof(mark);
		len -= sizeof(mark);
	}
	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		len--;
	text[len] = '\0';
	if (len != 2 * HG_COOKIE_SECRET_LEN || strspn(text, "0123456789abcdefABCDEF") != len)
		return false;
	for (size_t i = 0; i < HG_COOKIE_SECRET_LEN; i++)
		sscanf(text + 2 * i, "%2hhx", &secret[i]);
	return true;
}

/* The secret in the file that a key names, in memory of its own. */
static int
read_secret_file(struct config *config, const char *key, const char *name, uint8_t **ret,
	struct error *error)
{
	char path[PATH_MAX], text[2 * HG_COOKIE_SECRET_LEN + 16];
	const char *problem;
	struct error reason;
	size_t len;
	FILE *file;
	bool good;

	*ret = hg_tls_secret_alloc(HG_COOKIE_SECRET_LEN);
	if (*ret == NULL)
		return error_set(error, "no memory for the cookie secret");
	locate_resolve(path, config->directory, name);
	file = hg_tls_file_open(path, &problem);
	if (file == NULL) {
		error_set(&reason, "cannot read %s %s: %s", key, path, problem);
		return blame(config, key, error, reason.text);
	}
	setvbuf(file, NULL, _IONBF, 0); /* no copy of the secret in a buffer of stdio's */
	len = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	good = len < sizeof(text) - 1 && parse_secret(text, len, *ret);
	hg_secret_wipe(text, sizeof(text));
	if (good)
		return 0;
	error_set(&reason, "%s %s must hold 64 hex digits", key, path);
	return blame(config, key, error, reason.text);
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

static int
read_denied(struct config_gateway *gateway)
{
	struct setting_list list;
	uint32_t port;
	int err = setting_list_read(&list, gateway->denied_text);

	if (err == 0 && list.n > CONFIG_DENIED_MAX)
		err = -EINVAL;
	for (unsigned int i = 0; err == 0 && i < list.n; i++) {
		err = setting_parse_number(list.item[i], UINT16_MAX, &port);
		if (err == 0)
			gateway->denied[gateway->n_denied++] = (uint16_t)port;
	}
	setting_list_free(&list);
	return err;
}

/* The kernel's name, if it is in this build and this CPU can run it. */
static int
read_hmac_kernel(struct config *config, struct error *error)
{
	struct config_gateway *gateway = &config->gateway;
	const struct hg_hmac_kernel *kernel;
	struct error reason;
	const char *name;

	if (gateway->hmac_kernel == 0)
		return 0;
	name = ini_entry(ini_section(config->ini, "gateway"), "hmac-kernel")->value;
	kernel = hg_hmac_kernel_find(name);
	if (kernel == NULL || !kernel->usable()) {
		error_set(&reason, "hmac-kernel %s does not run on this CPU", name);
		return blame(config, "hmac-kernel", error, reason.text);
	}
	gateway->hmac_kernel_name = kernel->name;
	return 0;
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
		return blame(config, "metrics", error,
			"metrics = unix:PATH must have an absolute path of at most 107 characters");
	}
	if (address_parse_port(&gateway->metrics_address, gateway->metrics) == 0)
		return 0;
	return blame(config, "metrics", error, "metrics must be off, ADDRESS:PORT or unix:PATH");
}

/* "FIRST-LAST", no port for whose use one has to be root, and one for each core at least. */
static int
read_upstream_ports(struct config *config, struct error *error)
{
	struct config_gateway *gateway = &config->gateway;
	const char *dash;
	uint32_t first, last;
	char text[32];

	if (gateway->upstream_ports_text == NULL)
		return 0;
	dash = strchr(gateway->upstream_ports_text, '-');
	if (dash == NULL || dash - gateway->upstream_ports_text >= (ptrdiff_t)sizeof(text))
		dash = NULL;
	else
		snprintf(text, sizeof(text), "%.*s", (int)(dash - gateway->upstream_ports_text),
			gateway->upstream_ports_text);
	if (dash == NULL || setting_parse_number(text, UINT16_MAX, &first) != 0 ||
		setting_parse_number(dash + 1, UINT16_MAX, &last) != 0 || first < 1024 ||
		last < first)
		return blame(config, "upstream-ports", error,
			"upstream-ports must be FIRST-LAST, from 1024 to 65535");
	if (last - first + 1 < gateway->handshake_cores)
		return blame(config, "upstream-ports", error,
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
	struct error reason;

	if (user == NULL) {
		error_set(&reason, "there is no user %s", gateway->user);
		return blame(config, "user", error, reason.text);
	}
	gateway->uid = user->pw_uid;
	gateway->gid = user->pw_gid;
	return 0;
}

static int
read_gateway(struct config *config, struct error *error)
{
	struct config_gateway *gateway = &config->gateway;
	const struct ini_section *section = ini_section(config->ini, "gateway");
	bool rotation_given = section != NULL && ini_entry(section, "key-rotation") != NULL;
	int err;

	err = setting_read(
		gateway_table, GATEWAY_LEN, "gateway", config->ini, section, gateway, error);
	if (err != 0)
		return err;
	if (gateway->key_rotation < gateway->cookie_lifetime)
		return blame(config, rotation_given ? "key-rotation" : "cookie-lifetime", error,
			"key-rotation must be at least cookie-lifetime");
	if (strcmp(gateway->workers_text, "auto") != 0 &&
		(setting_parse_number(
			 gateway->workers_text, CONFIG_WORKERS_MAX, &gateway->workers) != 0 ||
			gateway->workers == 0))
		return blame(
			config, "workers", error, "workers must be auto or a number from 1 to 128");
	if (read_denied(gateway) != 0)
		return blame(config, "deny-source-ports", error,
			"deny-source-ports must be at most 16 port numbers with commas between");
	err = read_hmac_kernel(config, error);
	if (err == 0)
		err = read_metrics(config, error);
	if (err == 0)
		err = read_upstream_ports(config, error);
	if (err == 0)
		err = read_user(config, error);
	if (err == 0)
		err = config_bridge_read(config, error);
	if (err != 0)
		return err;
	return read_secrets(config, error);
}

/*
 * Splits "port wan" into its kind and name. Returns 0, or -EINVAL for another kind or a bad name.
 */
static int
split_section(const char *section, const char *kind, char ret_name[CONFIG_NAME_MAX])
{
	static const char legal[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	size_t len = strlen(kind);
	const char *name;

	if (strncmp(section, kind, len) != 0 || section[len] != ' ')
		return -EINVAL;
	name = section + len + strspn(section + len, " \t");
	if (*name == '\0' || strlen(name) >= CONFIG_NAME_MAX || strspn(name, legal) != strlen(name))
		return -EINVAL;
	strcpy(ret_name, name);
	return 0;
}

/* [port wan] and [port  wan] are two sections to an INI file, but one name to us. */
static int
refuse_known(const struct config *config, const struct ini_section *section, const char *kind,
	const char *name, struct error *error)
{
	const char *known = NULL;

	for (unsigned int i = 0; i < config->n_ports && kind[0] == 'p'; i++)
		if (strcmp(config->port[i].name, name) == 0)
			known = config->port[i].section->name;
	for (unsigned int i = 0; i < config->n_listeners && kind[0] == 'l'; i++)
		if (strcmp(config->listener[i].name, name) == 0)
			known = config->listener[i].section->name;
	if (known == NULL)
		return 0;
	return error_set(error, "%s:%u: section [%s] is there already", config->ini->path,
		section->line, known);
}

static int
read_section(struct config *config, const struct ini_section *section, struct error *error)
{
	const char *path = config->ini->path;
	char name[CONFIG_NAME_MAX];

	if (strcmp(section->name, "gateway") == 0)
		return 0;
	if (split_section(section->name, "port", name) == 0) {
		if (config->n_ports == CONFIG_PORTS_MAX)
			return error_set(error, "%s:%u: more than %u ports", path, section->line,
				CONFIG_PORTS_MAX);
		if (refuse_known(config, section, "port", name, error) != 0)
			return -EINVAL;
		return config_port_read(config, section, name, error);
	}
	if (split_section(section->name, "listener", name) == 0) {
		if (config->n_listeners == CONFIG_LISTENERS_MAX)
			return error_set(error, "%s:%u: more than %u listeners", path,
				section->line, CONFIG_LISTENERS_MAX);
		if (refuse_known(config, section, "listener", name, error) != 0)
			return -EINVAL;
		return config_listener_read(config, section, name, error);
	}
	return error_set(error,
		"%s:%u: unknown section [%s]: there are [gateway], [port NAME] and [listener NAME]",
		path, section->line, section->name);
}

int
config_load(struct config **ret_config, const char *path, struct error *error)
{
	struct config *config = calloc(1, sizeof(*config));
	int err;

	if (config == NULL)
		return error_set(error, "no memory to read %s", path);
	config->port = calloc(CONFIG_PORTS_MAX, sizeof(*config->port));
	config->listener = calloc(CONFIG_LISTENERS_MAX, sizeof(*config->listener));
	if (config->port == NULL || config->listener == NULL) {
		err = error_set(error, "no memory to read %s", path);
		goto out;
	}
	locate_directory(config->directory, path);
	err = ini_load(&config->ini, path, error);
	config->ports_ini = config->ini;
	if (err == 0)
		err = read_gateway(config, error);
	for (unsigned int i = 0; err == 0 && i < config->ini->n; i++)
		err = read_section(config, &config->ini->section[i], error);
	if (err == 0 && config->n_ports == 0)
		err = error_set(error, "%s: there is no [port NAME] section", path);
	if (err == 0 && config->n_listeners == 0 && config->gateway.bridge_text == NULL)
		err = error_set(error, "%s: there is no [listener NAME] section", path);
	/* The bridge and binds refer to ports, which come later in the file, or may. */
	if (err == 0)
		err = config_bridge_find(config, error);
	if (err == 0)
		err = config_listener_check_binds(config, error);
out:
	if (err != 0)
		config_free(config);
	else
		*ret_config = config;
	return err;
}

void
config_free(struct config *config)
{
	if (config == NULL)
		return;
	for (unsigned int i = 0; config->listener != NULL && i < config->n_listeners; i++)
		hg_tls_context_free(config->listener[i].tls);
	for (unsigned int i = 0; config->port != NULL && i < config->n_ports; i++)
		profile_free(&config->port[i].profile);
	if (config->ini != config->ports_ini)
		ini_free(config->ini);
	if (config->port != NULL) /* whoever has the ports has their texts */
		ini_free(config->ports_ini);
	free(config->listener);
	free(config->port);
	hg_tls_secret_free(config->gateway.secret, HG_COOKIE_SECRET_LEN);
	hg_tls_secret_free(config->gateway.former_secret, HG_COOKIE_SECRET_LEN);
	free(config);
}

static void
each(const struct setting *table, size_t n, const struct ini_section *section, const char *name,
	config_take_fn *take, void *arg)
{
	for (size_t i = 0; i < n; i++) {
		const char *text = setting_text(&table[i], section);

		take(arg, name, table[i].key, text != NULL ? text : "");
	}
}

void
config_each(const struct config *config, config_take_fn *take, void *arg)
{
	const struct setting *table;
	size_t n;

	each(gateway_table, GATEWAY_LEN, ini_section(config->ini, "gateway"), "gateway", take, arg);
	table = config_port_table(&n);
	for (unsigned int i = 0; i < config->n_ports; i++)
		each(table, n, config->port[i].section, config->port[i].section->name, take, arg);
	table = config_listener_table(&n);
	for (unsigned int i = 0; i < config->n_listeners; i++)
		each(table, n, config->listener[i].section, config->listener[i].section->name, take,
			arg);
}

struct printer {
	FILE *to;
	const char *section;
};

static void
print_setting(void *arg, const char *section, const char *key, const char *value)
{
	struct printer *printer = arg;

	if (section != printer->section) {
		fprintf(printer->to, "%s[%s]\n", printer->section != NULL ? "\n" : "", section);
		printer->section = section;
	}
	if (value[0] == '\0') {
		fprintf(printer->to, "; %s is not set\n", key);
		return;
	}
	fprintf(printer->to, "%s = ", key);
	for (const char *p = value; *p != '\0'; p++) {
		if (*p == ';') /* would begin a comment */
			fputc('\\', printer->to);
		fputc(*p, printer->to);
	}
	fputc('\n', printer->to);
}

void
config_print(const struct config *config, FILE *to)
{
	struct printer printer = { .to = to };

	config_each(config, print_setting, &printer);
}
