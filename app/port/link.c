/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/link.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "port/log.h"
#include "port/port.h"

LOG_TYPE(link);

/* Negotiating a link takes seconds; one that is not there then is down. */
#define PATIENCE_SECONDS 10u

static enum port_link_state
state_of(const struct port *port)
{
	return atomic_load_explicit(&port->link.state, memory_order_relaxed);
}

static void
set_state(struct port *port, enum port_link_state state)
{
	atomic_store_explicit(&port->link.state, state, memory_order_relaxed);
}

static void
await(struct port *port)
{
	set_state(port, PORT_LINK_COMING);
	port->link.until = rte_get_tsc_cycles() + PATIENCE_SECONDS * rte_get_tsc_hz();
}

static bool
is_up(const struct port *port)
{
	return atomic_load_explicit(&port->link_up, memory_order_relaxed);
}

bool
port_link_holds(const struct port *port)
{
	return state_of(port) == PORT_LINK_HELD;
}

void
port_link_begin(struct port *port, unsigned int n_ports)
{
	for (unsigned int i = 0; i < n_ports; i++)
		if (port[i].peer != NULL && !is_up(&port[i]))
			await(&port[i]);
}

/* Returns false, and says so once, if the device cannot. */
static bool
take_down(struct port *port)
{
	if (port->link.cannot || !port_serves(port))
		return false;
	if (rte_eth_dev_set_link_down(port->id) == 0)
		return true;
	port->link.cannot = true;
	LOG(WARNING, "port %s: the device cannot set its link down: it stays up\n",
		port->config->name);
	return false;
}

static void
set_down(struct port *port)
{
	if (!take_down(port))
		return;
	set_state(port, PORT_LINK_HELD);
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
	await(port);
	LOG(NOTICE, "port %s: link released\n", port->config->name);
}

/* What port's link means for its peer's. */
static void
look(struct port *port)
{
	if (state_of(port) == PORT_LINK_COMING &&
		(is_up(port) || rte_get_tsc_cycles() >= port->link.until))
		set_state(port, PORT_LINK_FREE);
	/* What is held is down because of the peer: sent back, it would hold both for good. */
	if (state_of(port) != PORT_LINK_FREE)
		return;
	if (is_up(port) && port_link_holds(port->peer))
		set_up(port->peer);
	else if (!is_up(port) && !port_link_holds(port->peer))
		set_down(port->peer);
}

void
port_link_look(struct port *port, unsigned int n_ports)
{
	for (unsigned int i = 0; i < n_ports; i++)
		if (port[i].peer != NULL)
			look(&port[i]);
}

void
port_link_end(struct port *port, unsigned int n_ports, bool open)
{
	for (unsigned int i = 0; i < n_ports; i++) {
		if (port[i].peer == NULL)
			continue;
		if (open && port_link_holds(&port[i]))
			set_up(&port[i]);
		else if (!open && !port_link_holds(&port[i]))
			take_down(&port[i]);
	}
}
