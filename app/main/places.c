/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/places.h"

#include <rte_cycles.h>

#include <errno.h>

#include "core/listener.h"
#include "core/upstream.h"
#include "gateway/gateway.h"
#include "gateway/generation.h"

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
leave(struct gateway *gateway, struct listener *listener)
{
	while (listener->n_upstreams > 0)
		upstream_release(gateway, listener->upstream[--listener->n_upstreams]);
	listener->config = NULL;
}

int
places_take(struct gateway *gateway, struct generation *generation, const struct config *config)
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

void
places_leave(struct gateway *gateway, struct generation *generation)
{
	for (unsigned int i = 0; i < generation->n_listeners; i++)
		leave(gateway, &gateway->listener[generation->listener[i]]);
}

bool
places_have_sessions(const struct gateway *gateway, const struct generation *generation)
{
	for (unsigned int i = 0; i < generation->n_listeners; i++)
		if (atomic_load_explicit(&gateway->listener[generation->listener[i]].n_sessions,
			    memory_order_acquire) != 0)
			return true;
	return false;
}
