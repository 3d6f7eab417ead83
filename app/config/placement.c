/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/placement.h"

#include <string.h>

struct deal {
	struct placement_port *port;
	unsigned int n_ports;
	const int *node;
	unsigned int n_workers;
	unsigned int
		turns[PLACEMENT_WORKERS_MAX]; /* of each worker: it was dealt a queue, or a pair */
};

/* The node that a port's queues are dealt out by: the clients' port's for both of a bridge. */
static int
node_of(const struct deal *deal, const struct placement_port *port)
{
	const struct placement_port *other = port;

	if (port->peer != PLACEMENT_ALONE)
		other = &deal->port[port->peer];
	if (other->guards ? other->node != PLACEMENT_ANY : port->node == PLACEMENT_ANY)
		return other->node;
	return port->node;
}

static bool
has_port(const struct deal *deal, int node)
{
	for (unsigned int i = 0; i < deal->n_ports; i++)
		if (node_of(deal, &deal->port[i]) == node)
			return true;
	return false;
}

/* How far a worker is from the queues of a port on that node. */
enum distance {
	LOCAL,
	SPARE, /* on another node, on which no port is */
	FAR,
};

static enum distance
distance(const struct deal *deal, unsigned int worker, int node)
{
	if (!placement_crosses(deal->node[worker], node))
		return LOCAL;
	return has_port(deal, deal->node[worker]) ? FAR : SPARE;
}

/* Is worker a to have the next queue of a port, of which they have so many, rather than b? */
static bool
is_first(const struct deal *deal, unsigned int a, unsigned int b, int node,
	const unsigned int *of_port)
{
	enum distance a_far = distance(deal, a, node), b_far = distance(deal, b, node);

	if ((a_far == FAR) != (b_far == FAR))
		return b_far == FAR;
	if (of_port[a] != of_port[b])
		return of_port[a] < of_port[b];
	if (a_far != b_far)
		return a_far < b_far;
	return deal->turns[a] < deal->turns[b];
}

static void
deal_port(struct deal *deal, struct placement_port *port)
{
	unsigned int of_port[PLACEMENT_WORKERS_MAX] = { 0 };
	int node = node_of(deal, port);

	for (unsigned int q = 0; q < port->n_queues; q++) {
		unsigned int worker = 0;

		for (unsigned int i = 1; i < deal->n_workers; i++)
			if (is_first(deal, i, worker, node, of_port))
				worker = i;
		port->worker[q] = (uint16_t)worker;
		of_port[worker]++;
		deal->turns[worker]++;
	}
}

void
placement_deal(
	struct placement_port *port, unsigned int n_ports, const int *node, unsigned int n_workers)
{
	struct deal deal = {
		.port = port,
		.n_ports = n_ports,
		.node = node,
		.n_workers = n_workers,
	};

	for (unsigned int i = 0; i < n_ports; i++)
		if (port[i].peer < i)
			memcpy(port[i].worker, port[port[i].peer].worker, sizeof(port[i].worker));
		else
			deal_port(&deal, &port[i]);
}

unsigned int
placement_crossing(const struct placement_port *port, const int *node)
{
	unsigned int n = 0;

	for (unsigned int q = 0; q < port->n_queues; q++)
		n += placement_crosses(node[port->worker[q]], port->node);
	return n;
}

int
placement_common(const int *node, unsigned int n)
{
	for (unsigned int i = 1; i < n; i++)
		if (node[i] != node[0])
			return PLACEMENT_ANY;
	return n != 0 ? node[0] : PLACEMENT_ANY;
}
