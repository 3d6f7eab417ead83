/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/generation.h"

#include <rte_cycles.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/listener.h"
#include "config/reload.h"
#include "core/listener.h"
#include "core/upstream.h"
#include "main/own.h"
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

/* Returns 0 or -ENOMEM; listener->n_upstreams says how many there are. */
static int
hold_upstreams(struct gateway *gateway, struct listener *listener)
{
	const struct config_listener *config = listener->config;
	uint64_t hz = rte_get_tsc_hz();

	listener->health.silence = config->upstream_silence * hz;
	listener->health.retry = config->upstream_retry * hz;
	while (listener->n_upstreams < config->n_upstreams) {
		struct upstream *upstream =
			upstream_hold(gateway, &config->upstream[listener->n_upstreams]);

		if (upstream == NULL)
			return -ENOMEM;
		listener->upstream[listener->n_upstreams++] = upstream;
	}
	return 0;
}

static void
leave_place(struct gateway *gateway, struct listener *listener)
{
	while (listener->n_upstreams > 0)
		upstream_release(gateway, listener->upstream[--listener->n_upstreams]);
	listener->config = NULL;
}

/* Gives every listener a place in the gateway's list. */
static int
take_places(struct gateway *gateway, struct generation *generation, const struct config *config)
{
	unsigned int place = 0;

	for (unsigned int i = 0; i < config->n_listeners; i++) {
		while (place < GATEWAY_LISTENERS_MAX && gateway->listener[place].config != NULL)
			place++;
		if (place == GATEWAY_LISTENERS_MAX)
			return -ENOSPC;
		gateway->listener[place].config = &config->listener[i];
		generation->listener[generation->n_listeners++] = (uint16_t)place;
		if (hold_upstreams(gateway, &gateway->listener[place]) != 0)
			return -ENOMEM;
	}
	return 0;
}

static void
free_generation(struct gateway *gateway, struct generation *generation)
{
	if (generation == NULL)
		return;
	for (unsigned int i = 0; i < generation->n_listeners; i++)
		leave_place(gateway, &gateway->listener[generation->listener[i]]);
	config_free(generation->config);
	free(generation->end);
	for (unsigned int i = 0; generation->table != NULL && i < gateway->n_ports; i++)
		port_table_free(&generation->table[i]);
	free(generation->table);
	free(generation);
}

/* Main alone gets it without const. */
static struct generation *
current(struct gateway *gateway)
{
	return (struct generation *)(uintptr_t)atomic_load_explicit(
		&gateway->generation, memory_order_relaxed);
}

static void
replace(struct gateway *gateway, struct generation *generation, struct config *config)
{
	struct generation *old = current(gateway);

	generation->number = old != NULL ? old->number + 1 : 1;
	atomic_store_explicit(&gateway->generation, generation, memory_order_release);
	if (old != NULL) {
		old->step = GENERATION_ADDED;
		old->token = rte_rcu_qsbr_start(gateway->qsbr);
	}
	pthread_mutex_lock(&gateway->config_lock);
	if (old != NULL) {
		old->config = gateway->config;
		old->next = gateway->own->retired;
		gateway->own->retired = old;
		config_reload_take_ports(config, old->config);
	}
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

int
generation_enter(struct gateway *gateway, struct config *config, struct error *error)
{
	struct generation *generation;
	int err = check_flights(gateway, config, error);

	if (err != 0)
		return err;
	generation = calloc(1, sizeof(*generation));
	if (generation != NULL) {
		generation->table = calloc(gateway->n_ports, sizeof(*generation->table));
		generation->end = calloc(rings_count_in(&gateway->rings), sizeof(*generation->end));
	}
	if (generation == NULL || generation->table == NULL || generation->end == NULL) {
		free_generation(gateway, generation);
		return error_set(error, "no memory for the configuration");
	}
	err = take_places(gateway, generation, config);
	if (err != 0) {
		free_generation(gateway, generation);
		if (err == -ENOMEM)
			return error_set(error, "no memory for the upstreams");
		return error_set(error,
			"too many former configurations still have sessions: try again when some have ended");
	}
	for (unsigned int i = 0; i < gateway->n_ports; i++)
		if (port_table_fill(&generation->table[i], &gateway->port[i].host,
			    gateway->port[i].guards, config, generation->listener) != 0) {
			free_generation(gateway, generation);
			return error_set(error, "no memory for the binds of port %s",
				gateway->port[i].config->name);
		}
	fill_limits(generation, &config->gateway);
	if (steer(gateway, generation, error) != 0) {
		free_generation(gateway, generation);
		return -EINVAL;
	}
	replace(gateway, generation, config);
	for (unsigned int i = 0; i < gateway->n_ports; i++)
		steering_keep(&gateway->port[i], &generation->table[i]);
	return 0;
}

static bool
has_sessions(const struct gateway *gateway, const struct generation *generation)
{
	for (unsigned int i = 0; i < generation->n_listeners; i++)
		if (atomic_load_explicit(&gateway->listener[generation->listener[i]].n_sessions,
			    memory_order_acquire) != 0)
			return true;
	return false;
}

/* Goes as far as it can without waiting. Returns true if nothing is left of the generation. */
static bool
retire(struct gateway *gateway, struct generation *generation)
{
	switch (generation->step) {
	case GENERATION_ADDED:
		if (!rte_rcu_qsbr_check(gateway->qsbr, generation->token, false))
			return false;
		rings_sample(&gateway->rings, generation->end);
		generation->step = GENERATION_QUEUED;
		/* fall through */
	case GENERATION_QUEUED:
		if (!rings_passed(&gateway->rings, generation->end))
			return false;
		generation->token = rte_rcu_qsbr_start(gateway->qsbr);
		generation->step = GENERATION_TAKEN;
		/* fall through */
	case GENERATION_TAKEN:
		if (!rte_rcu_qsbr_check(gateway->qsbr, generation->token, false))
			return false;
		generation->step = GENERATION_SESSIONS;
		/* fall through */
	default:
		return !has_sessions(gateway, generation);
	}
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

void
generation_reap(struct gateway *gateway)
{
	struct generation **link = &gateway->own->retired, *generation;

	while ((generation = *link) != NULL) {
		if (!retire(gateway, generation)) {
			link = &generation->next;
			continue;
		}
		*link = generation->next;
		free_generation(gateway, generation);
	}
}

void
generation_end(struct gateway *gateway)
{
	struct generation *generation;

	free_generation(gateway, current(gateway));
	atomic_store_explicit(&gateway->generation, NULL, memory_order_relaxed);
	while ((generation = gateway->own->retired) != NULL) {
		gateway->own->retired = generation->next;
		free_generation(gateway, generation);
	}
}
