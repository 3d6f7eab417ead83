/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/upstream.h"

#include <rte_cycles.h>

#include <stdlib.h>
#include <string.h>

#include "core/choice.h"
#include "gateway/gateway.h"
#include "port/log.h"

LOG_TYPE(upstream);

struct server *
upstream_hold(struct gateway *gateway, const struct address *address)
{
	struct server *server;

	for (server = gateway->servers; server != NULL; server = server->next)
		if (address_is_same(&server->address, address)) {
			server->n_uses++;
			return server;
		}
	server = aligned_alloc(_Alignof(struct server), sizeof(*server));
	if (server == NULL)
		return NULL;
	memset(server, 0, sizeof(*server));
	server->address = *address;
	server->id = choice_upstream(address);
	server->n_uses = 1;
	atomic_store_explicit(&server->health.since, rte_get_tsc_cycles(), memory_order_relaxed);
	pthread_mutex_lock(&gateway->config_lock);
	server->next = gateway->servers;
	gateway->servers = server;
	pthread_mutex_unlock(&gateway->config_lock);
	return server;
}

void
upstream_release(struct gateway *gateway, struct server *server)
{
	struct server **link = &gateway->servers;

	if (--server->n_uses != 0)
		return;
	while (*link != server)
		link = &(*link)->next;
	pthread_mutex_lock(&gateway->config_lock);
	*link = server->next;
	pthread_mutex_unlock(&gateway->config_lock);
	free(server);
}

/* Of those that are not in the mask. */
static unsigned int
best(const struct listener *listener, uint64_t client, uint32_t without)
{
	unsigned int index = 0;
	uint64_t most = 0;

	for (unsigned int i = 0; i < listener->n_servers; i++) {
		uint64_t weight = choice_weight(client, listener->server[i]->id);

		if ((without & UINT32_C(1) << i) == 0 && weight >= most) {
			most = weight;
			index = i;
		}
	}
	return index;
}

struct server *
upstream_choose(const struct listener *listener, uint64_t client, uint64_t now)
{
	uint32_t tried = 0;

	for (unsigned int n = 0; n < listener->n_servers; n++) {
		unsigned int i = best(listener, client, tried);

		if (health_admit(&listener->server[i]->health, &listener->health, now))
			return listener->server[i];
		tried |= UINT32_C(1) << i;
	}
	return NULL;
}

struct server *
upstream_prefer(const struct listener *listener, uint64_t client)
{
	return listener->server[best(listener, client, 0)];
}

void
upstream_report(struct gateway *gateway)
{
	char text[ADDRESS_TEXT_MAX];

	for (struct server *server = gateway->servers; server != NULL; server = server->next) {
		bool down = health_state(&server->health) != HEALTH_UP;

		if (down == server->told_down)
			continue;
		server->told_down = down;
		address_print_port(&server->address, text, sizeof(text));
		if (down)
			LOG(WARNING, "upstream %s: down: %s\n", text,
				health_reason_text(health_reason(&server->health)));
		else
			LOG(NOTICE, "upstream %s: up\n", text);
	}
}
