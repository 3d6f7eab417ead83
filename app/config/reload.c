/* SPDX-License-Identifier: BSD-3-Clause */
/* What one configuration takes over from the one before, and what it may not change. */
#include "config/reload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tls/context.h"

/* Of the gateway section; all of listeners may change, nothing of ports. */
static const char *const changeable[] = {
	"cookie-secret",
	"cookie-secret-previous",
	"half-open",
	"handshake-timeout",
	"handshake-rate",
	"client-rate",
	"client-burst",
	"client-half-open",
	"client-sessions",
	"evict-idle",
	"hvr-per-prefix",
	"guard-fail",
	"guard-unproved",
	"deny-source-ports",
	"drain-timeout",
};

static bool
may_change(const char *section, const char *key)
{
	if (strncmp(section, "listener", strlen("listener")) == 0)
		return true;
	if (strcmp(section, "gateway") != 0)
		return false;
	for (size_t i = 0; i < sizeof(changeable) / sizeof(changeable[0]); i++)
		if (strcmp(changeable[i], key) == 0)
			return true;
	return false;
}

static int
refuse(const struct config *config, const struct ini_section *section, const char *key,
	struct error *error)
{
	return ini_blame(config->ini, section, key, error,
		"%s cannot change while hellogate runs: restart it", key);
}

struct lookup {
	const char *section, *key;
	const char *value; /* NULL: no such setting */
};

static void
look_up(void *arg, const char *section, const char *key, const char *value)
{
	struct lookup *lookup = arg;

	if (strcmp(lookup->section, section) == 0 && strcmp(lookup->key, key) == 0)
		lookup->value = value;
}

struct comparison {
	const struct config *old;
	const char *section, *key; /* the first that differs and may not; NULL: none */
};

static void
compare(void *arg, const char *section, const char *key, const char *value)
{
	struct lookup lookup = { .section = section, .key = key };
	struct comparison *comparison = arg;

	if (comparison->key != NULL || may_change(section, key))
		return;
	config_each(comparison->old, look_up, &lookup);
	if (lookup.value == NULL || strcmp(lookup.value, value) != 0) {
		comparison->section = section;
		comparison->key = key;
	}
}

/* Clients of a listener that stays as it is resume by the tickets that they have. */
static void
take_tickets(struct config *config, const struct config *old)
{
	for (unsigned int i = 0; i < config->n_listeners; i++)
		for (unsigned int j = 0; j < old->n_listeners; j++)
			if (strcmp(config->listener[i].name, old->listener[j].name) == 0 &&
				config->listener[i].tls != NULL && old->listener[j].tls != NULL)
				hg_tls_context_take_tickets(
					config->listener[i].tls, old->listener[j].tls);
}

int
config_reload_check(struct config *config, const struct config *old, struct error *error)
{
	struct comparison comparison = { .old = old };

	for (unsigned int i = 0; i < config->n_ports && i < old->n_ports; i++)
		if (strcmp(config->port[i].name, old->port[i].name) != 0)
			return refuse(config, config->port[i].section, "name", error);
	if (config->n_ports != old->n_ports)
		return refuse(config, NULL, "the number of ports", error);
	config_each(config, compare, &comparison);
	if (comparison.key != NULL)
		return refuse(config, ini_section(config->ini, comparison.section), comparison.key,
			error);
	/* Where a client's sessions are cannot change in between. */
	if (config_limits_clients(&config->gateway) != config_limits_clients(&old->gateway))
		return ini_blame(config->ini, config->gateway.section, "client-rate", error,
			"client-rate, client-half-open and client-sessions: limits of clients as such cannot come or go while hellogate runs: restart it");
	/* Its table has room for the clients of all sessions, or it has not. */
	if ((config->gateway.client_sessions != 0) != (old->gateway.client_sessions != 0))
		return ini_blame(config->ini, config->gateway.section, "client-sessions", error,
			"client-sessions cannot be turned on or off while hellogate runs: restart it");
	if (config->gateway.cookie_secret == NULL && old->gateway.cookie_secret == NULL)
		memcpy(config->gateway.secret, old->gateway.secret, HG_COOKIE_SECRET_LEN);
	take_tickets(config, old);
	return 0;
}

void
config_reload_take_ports(struct config *config, struct config *old)
{
	for (unsigned int i = 0; i < config->n_ports; i++)
		profile_free(&config->port[i].profile);
	free(config->port);
	config->port = old->port;
	config->ports_ini = old->ports_ini;
	old->port = NULL;
	old->n_ports = 0;
}
