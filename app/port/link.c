/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/link.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_log.h>

#include "port/port.h"

RTE_LOG_REGISTER(port_link_log, hellogate.mirror, INFO);
#define LOG(level, ...) rte_log(RTE_LOG_##level, port_link_log, "hellogate: " __VA_ARGS__)

/* Negotiating a link takes seconds; one that is not there then is down. */
#define PATIENCE_SECONDS 10u

static void
await(struct mirror *mirror)
{
	mirror->state = MIRROR_COMING;
	mirror->until = rte_get_tsc_cycles() + PATIENCE_SECONDS * rte_get_tsc_hz();
}

static bool
is_up(const struct port *port)
{
	return atomic_load_explicit(&port->link_up, memory_order_relaxed);
}

bool
port_link_holds(const struct port *port)
{
	return atomic_load_explicit(&port->mirror.state, memory_order_relaxed) == MIRROR_HELD;
}

void
port_link_begin(struct gateway *gateway)
{
	for (unsigned int i = 0; i < gateway->n_ports; i++)
		if (gateway->port[i].peer != NULL && !is_up(&gateway->port[i]))
			await(&gateway->port[i].mirror);
}

/* Returns false, and says so once, if the device cannot. */
static bool
take_down(struct port *port)
{
	if (port->mirror.cannot || !port_serves(port))
		return false;
	if (rte_eth_dev_set_link_down(port->id) == 0)
		return true;
	port->mirror.cannot = true;
	LOG(WARNING, "port %s: the device cannot set its link down: it stays up\n",
		port->config->name);
	return false;
}

static void
set_down(struct port *port)
{
	if (!take_down(port))
		return;
	port->mirror.state = MIRROR_HELD;
	LOG(NOTICE, "port %s: link held down, as that of port %s is down\n", port->config->name,
		port->peer->config->name);
}

static void
set_up(struct port *port)
{
	if (rte_eth_dev_set_link_up(port->id) != 0) {
		LOG(WARNING, "port %s: the device does not set its link up\n", port->config->name);
		return; /* the next look tries again */
	}
	await(&port->mirror);
	LOG(NOTICE, "port %s: link released\n", port->config->name);
}

/* What port's link means for its peer's. */
static void
look(struct port *port)
{
	struct mirror *mirror = &port->mirror;

	if (mirror->state == MIRROR_COMING &&
		(is_up(port) || rte_get_tsc_cycles() >= mirror->until))
		mirror->state = MIRROR_FREE;
	/* What is held is down because of the peer: sent back, it would hold both for good. */
	if (mirror->state != MIRROR_FREE)
		return;
	if (is_up(port) && port->peer->mirror.state == MIRROR_HELD)
		set_up(port->peer);
	else if (!is_up(port) && port->peer->mirror.state != MIRROR_HELD)
		set_down(port->peer);
}

void
port_link_look(struct gateway *gateway)
{
	for (unsigned int i = 0; i < gateway->n_ports; i++)
		if (gateway->port[i].peer != NULL)
			look(&gateway->port[i]);
}

void
port_link_end(struct gateway *gateway)
{
	bool open = gateway->config->gateway.guard_open != 0;

	for (unsigned int i = 0; i < gateway->n_ports; i++) {
		struct port *port = &gateway->port[i];

		if (port->peer == NULL)
			continue;
		if (open && port->mirror.state == MIRROR_HELD)
			set_up(port);
		else if (!open && port->mirror.state != MIRROR_HELD)
			take_down(port);
	}
}
