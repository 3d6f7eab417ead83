/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/bridge.h"
#include "config/gateway.h"
#include "config/listener.h"
#include "config/locate.h"
#include "config/port.h"
#include "config/setting.h"
#include "tls/context.h"
#include "tls/secret.h"

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
refuse_again(const struct config *config, const struct ini_section *section,
	const struct ini_section *first, struct error *error)
{
	return ini_blame(
		config->ini, section, NULL, error, "section [%s] is there already", first->name);
}

static int
read_port(struct config *config, const struct ini_section *section, const char *name,
	struct error *error)
{
	if (config->n_ports == CONFIG_PORTS_MAX)
		return ini_blame(
			config->ini, section, NULL, error, "more than %u ports", CONFIG_PORTS_MAX);
	for (unsigned int i = 0; i < config->n_ports; i++)
		if (strcmp(config->port[i].name, name) == 0)
			return refuse_again(config, section, config->port[i].section, error);
	return config_port_read(config, section, name, error);
}

static int
read_listener(struct config *config, const struct ini_section *section, const char *name,
	struct error *error)
{
	if (config->n_listeners == CONFIG_LISTENERS_MAX)
		return ini_blame(config->ini, section, NULL, error, "more than %u listeners",
			CONFIG_LISTENERS_MAX);
	for (unsigned int i = 0; i < config->n_listeners; i++)
		if (strcmp(config->listener[i].name, name) == 0)
			return refuse_again(config, section, config->listener[i].section, error);
	return config_listener_read(config, section, name, error);
}

static int
read_section(struct config *config, const struct ini_section *section, struct error *error)
{
	char name[CONFIG_NAME_MAX];

	if (strcmp(section->name, "gateway") == 0)
		return 0;
	if (split_section(section->name, "port", name) == 0)
		return read_port(config, section, name, error);
	if (split_section(section->name, "listener", name) == 0)
		return read_listener(config, section, name, error);
	return ini_blame(config->ini, section, NULL, error,
		"unknown section [%s]: there are [gateway], [port NAME] and [listener NAME]",
		section->name);
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
		err = config_gateway_read(config, error);
	for (unsigned int i = 0; err == 0 && i < config->ini->n; i++)
		err = read_section(config, &config->ini->section[i], error);
	if (err == 0 && config->n_ports == 0)
		err = ini_blame(config->ini, NULL, NULL, error, "there is no [port NAME] section");
	if (err == 0 && config->n_listeners == 0 && config->gateway.bridge_text == NULL)
		err = ini_blame(
			config->ini, NULL, NULL, error, "there is no [listener NAME] section");
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

	table = config_gateway_table(&n);
	each(table, n, config->gateway.section, "gateway", take, arg);
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

bool
config_limits_clients(const struct config_gateway *settings)
{
	return settings->client_rate != 0 || settings->client_half_open != 0 ||
	       settings->client_sessions != 0;
}
