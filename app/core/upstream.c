/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/upstream.h"

#include <rte_cycles.h>

#include <stdlib.h>
#include <string.h>

#include "core/choice.h"
#include "core/listener.h"
#include "gateway/gateway.h"
#include "port/log.h"

LOG_TYPE(upstream);

struct upstream *
upstream_hold(struct gateway *gateway, const struct address *address)
{
	struct upstream *upstream;

	for (upstream = gateway->upstreams; upstream != NULL; upstream = upstream->next)
		if (address_is_same(&upstream->address, address)) {
			upstream->n_uses++;
			return upstream;
		}
	upstream = aligned_alloc(_Alignof(struct upstream), sizeof(*upstream));
	if (upstream == NULL)
		return NULL;
	memset(upstream, 0, sizeof(*upstream));
	upstream->address = *address;
	upstream->id = choice_upstream(address);
	upstream->n_uses = 1;
	atomic_store_explicit(&upstream->health.since, rte_get_tsc_cycles(), memory_order_relaxed);
	pthread_mutex_lock(&gateway->config_lock);
	upstream->next = gateway->upstreams;
	gateway->upstreams = upstream;
	pthread_mutex_unlock(&gateway->config_lock);
	return upstream;
}

void
upstream_release(struct gateway *gateway, struct upstream *upstream)
{
	struct upstream **link = &gateway->upstreams;

	if (--upstream->n_uses != 0)
		return;
	while (*link != upstream)
		link = &(*link)->next;
	pthread_mutex_lock(&gateway->config_lock);
	*link = upstream->next;
	pthread_mutex_unlock(&gateway->config_lock);
	free(upstream);
}

/* Of those that are not in the mask. */
static unsigned int
best(const struct listener *listener, uint64_t client, uint32_t without)
{
	unsigned int index = 0;
	uint64_t most = 0;

	for (unsigned int i = 0; i < listener->n_upstreams; i++) {
		uint64_t weight = choice_weight(client, listener->upstream[i]->id);

		if ((without & UINT32_C(1) << i) == 0 && weight >= most) {
			most = weight;
			index = i;
		}
	}
	return index;
}

struct upstream *
upstream_choose(const struct listener *listener, uint64_t client, uint64_t now)
{
	uint32_t tried = 0;

	for (unsigned int n = 0; n < listener->n_upstreams; n++) {
		unsigned int i = best(listener, client, tried);

		if (health_admit(&listener->upstream[i]->health, &listener->health, now))
			return listener->upstream[i];
		tried |= UINT32_C(1) << i;
	}
	return NULL;
}

struct upstream *
upstream_prefer(const struct listener *listener, uint64_t client)
{
	return listener->upstream[best(listener, client, 0)];
}

void
upstream_report(struct gateway *gateway)
{
	char text[ADDRESS_TEXT_MAX];

	for (struct upstream *upstream = gateway->upstreams; upstream != NULL;
		upstream = upstream->next) {
		bool down = health_state(&upstream->health) != HEALTH_UP;

		if (down == upstream->told_down)
			continue;
		upstream->told_down = down;
		address_print_port(&upstream->address, text, sizeof(text));
		if (down)
			LOG(WARNING, "upstream %s: down: %s\n", text,
				health_reason_text(health_reason(&upstream->health)));
		else
			LOG(NOTICE, "upstream %s: up\n", text);
	}
}
