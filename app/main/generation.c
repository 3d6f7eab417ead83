/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/generation.h"

#include <rte_cycles.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/listener.h"
#include "config/reload.h"
#include "gateway/gateway.h"
#include "gateway/generation.h"
#include "main/places.h"
#include "main/private.h"
#include "main/quiesce.h"
#include "port/port.h"
#include "port/steering.h"
#include "port/table.h"

static void
fill_limits(struct generation *generation, const struct config_gateway *settings)
{
	struct admission_limits *limits = &generation->limits;
	uint64_t hz = rte_get_tsc_hz();

	limits->half_open = settings->half_open;
	limits->clients.half_open = settings->client_half_open;
	limits->clients.sessions = settings->client_sessions;
	limits->evict_cycles = settings->evict_idle * hz;
	pace_init(&limits->pace, hz, settings->handshake_rate, settings->handshake_rate);
	pace_init(&limits->clients.pace, hz, settings->client_rate, settings->client_burst);
	pace_init(&generation->hvr, hz, settings->hvr_per_prefix, settings->hvr_per_prefix);
	generation->guard_open = settings->guard_open != 0;
	generation->guard_strict = settings->guard_strict != 0;
	generation->handshake_cycles = settings->handshake_timeout * hz;
}

/* One that is not in effect any more, but something may still have something of it. */
struct retired {
	struct retired *next;
	struct generation *generation;
	struct config *config;
	struct quiesce quiesce; /* of packets on their way; sessions come after them */
};

static void
free_generation(struct gateway *gateway, struct generation *generation)
{
	if (generation == NULL)
		return;
	places_leave(gateway, generation);
	for (unsigned int i = 0; generation->table != NULL && i < gateway->n_ports; i++)
		port_table_free(&generation->table[i]);
	free(generation->table);
	free(generation);
}

static void
free_retired(struct gateway *gateway, struct retired *retired)
{
	if (retired == NULL)
		return;
	free_generation(gateway, retired->generation);
	config_free(retired->config);
	quiesce_free(&retired->quiesce);
	free(retired);
}

/* Main alone gets it without const. */
static struct generation *
current(struct gateway *gateway)
{
	return (struct generation *)(uintptr_t)atomic_load_explicit(
		&gateway->generation, memory_order_relaxed);
}

/* Room for a generation that is to be retired, before there is no way back. */
static struct retired *
reserve(const struct gateway *gateway)
{
	struct retired *retired = calloc(1, sizeof(*retired));

	if (retired != NULL && quiesce_init(&retired->quiesce, &gateway->rings) != 0) {
		free(retired);
		return NULL;
	}
	return retired;
}

/* retired has room for the one before, and is taken if there is one. */
static void
replace(struct gateway *gateway, struct generation *generation, struct config *config,
	struct retired *retired)
{
	struct generation *old = current(gateway);

	generation->number = old != NULL ? old->number + 1 : 1;
	atomic_store_explicit(&gateway->generation, generation, memory_order_release);
	if (old != NULL) {
		quiesce_begin(&retired->quiesce, gateway->qsbr);
		retired->generation = old;
		retired->config = gateway->config;
		retired->next = gateway->private->retired;
		gateway->private->retired = retired;
	}
	pthread_mutex_lock(&gateway->config_lock);
	if (old != NULL)
		config_reload_take_ports(config, retired->config);
	gateway->config = config;
	pthread_mutex_unlock(&gateway->config_lock);
}

/* Rules for what the new tables have more; on failure those are as before. */
static int
steer(struct gateway *gateway, const struct generation *generation, struct error *error)
{
	const struct generation *old = current(gateway);
	int err = 0;

	for (unsigned int i = 0; err == 0 && i < gateway->n_ports; i++)
		err = steering_add(&gateway->port[i], &generation->table[i], error);
	for (unsigned int i = 0; err != 0 && i < gateway->n_ports; i++)
		steering_keep(&gateway->port[i], old != NULL ? &old->table[i] : NULL);
	return err;
}

/* Is its MTU, which nobody knows of a port that waits for its interface, too small for a listener's flights? */
static bool
is_narrow(const struct port *port, const struct config_listener *listener, unsigned int *ret_mtu)
{
	*ret_mtu = atomic_load_explicit(&port->mtu, memory_order_relaxed);
	return port_serves(port) && listener->flight_mtu > *ret_mtu &&
	       config_listener_is_on(listener, &port->host);
}

/* A flight that somebody asks for is one that every port of the listener can send. */
static int
check_flights(const struct gateway *gateway, const struct config *config, struct error *error)
{
	for (unsigned int l = 0; l < config->n_listeners; l++) {
		const struct config_listener *listener = &config->listener[l];
		bool asked = ini_entry(listener->section, "flight-mtu") != NULL;
		unsigned int mtu;

		for (unsigned int p = 0; asked && p < gateway->n_ports; p++)
			if (is_narrow(&gateway->port[p], listener, &mtu))
				return ini_blame(config->ini, listener->section, "flight-mtu",
					error,
					"flight-mtu is more than the MTU of port %s, which is %u",
					gateway->port[p].config->name, mtu);
	}
	return 0;
}

/* Makes it whole but for its number. Returns 0 or -EINVAL; free_generation() in either case. */
static int
fill(struct gateway *gateway, struct generation *generation, const struct config *config,
	struct error *error)
{
	int err;

	generation->table = calloc(gateway->n_ports, sizeof(*generation->table));
	if (generation->table == NULL)
		return error_set(error, "no memory for the configuration");
	err = places_take(gateway, generation, config);
	if (err == -ENOMEM)
		return error_set(error, "no memory for the upstreams");
	if (err != 0)
		return error_set(error,
			"too many former configurations still have sessions: try again when some have ended");
	for (unsigned int i = 0; i < gateway->n_ports; i++)
		if (port_table_fill(&generation->table[i], &gateway->port[i].host,
			    gateway->port[i].guards, config, generation->listener) != 0)
			return error_set(error, "no memory for the binds of port %s",
				gateway->port[i].config->name);
	fill_limits(generation, &config->gateway);
	return 0;
}

int
generation_enter(struct gateway *gateway, struct config *config, struct error *error)
{
	bool first = current(gateway) == NULL;
	struct generation *generation;
	struct retired *retired;

	if (check_flights(gateway, config, error) != 0)
		return -EINVAL;
	generation = calloc(1, sizeof(*generation));
	retired = first ? NULL : reserve(gateway);
	if (generation == NULL || (retired == NULL && !first)) {
		error_set(error, "no memory for the configuration");
		goto refuse;
	}
	if (fill(gateway, generation, config, error) != 0 || steer(gateway, generation, error) != 0)
		goto refuse;
	replace(gateway, generation, config, retired);
	for (unsigned int i = 0; i < gateway->n_ports; i++)
		steering_keep(&gateway->port[i], &generation->table[i]);
	return 0;
refuse:
	free_generation(gateway, generation);
	free_retired(gateway, retired);
	return -EINVAL;
}

void
generation_follow_mac(struct gateway *gateway, const struct port *port)
{
	const struct generation *generation =
		atomic_load_explicit(&gateway->generation, memory_order_relaxed);

	if (generation != NULL) /* the first finds it in the port */
		memcpy(generation->table[port->number].host.mac, port->host.mac,
			sizeof(port->host.mac));
}

static bool
is_needed(const struct gateway *gateway, struct retired *retired)
{
	return !quiesce_is_over(&retired->quiesce, &gateway->rings, gateway->qsbr) ||
	       places_have_sessions(gateway, retired->generation);
}

void
generation_reap(struct gateway *gateway)
{
	struct retired **link = &gateway->private->retired, *retired;

	while ((retired = *link) != NULL) {
		if (is_needed(gateway, retired)) {
			link = &retired->next;
			continue;
		}
		*link = retired->next;
		free_retired(gateway, retired);
	}
}

void
generation_end(struct gateway *gateway)
{
	struct retired *retired;

	free_generation(gateway, current(gateway));
	atomic_store_explicit(&gateway->generation, NULL, memory_order_relaxed);
	while ((retired = gateway->private->retired) != NULL) {
		gateway->private->retired = retired->next;
		free_retired(gateway, retired);
	}
}
