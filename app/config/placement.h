/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which worker polls which queue, by the NUMA nodes of devices and lcores: pure functions, for setting up
 * and for --check alike.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

#define PLACEMENT_ANY (-1) /* a node that nobody knows; DPDK's SOCKET_ID_ANY */
#define PLACEMENT_WORKERS_MAX \
	CONFIG_WORKERS_MAX /* and queues of a port: it has no more than there are workers */
#define PLACEMENT_ALONE UINT32_C(-1) /* of a port that is in no bridge: its peer */

struct placement_port {
	int node; /* of its device, or PLACEMENT_ANY */
	unsigned int
		n_queues; /* no more than PLACEMENT_WORKERS_MAX, and of a bridge's ports the same */
	unsigned int peer; /* place of the bridge's other port, or PLACEMENT_ALONE */
	bool guards;       /* of a bridge's port: its clients' */

	/* placement_deal() sets it */
	uint16_t worker[PLACEMENT_WORKERS_MAX]; /* of each queue */
};

/*
 * Deals the queues of all ports out to n_workers workers, whose lcores are on these nodes, 1 of them at
 * least. Each port's go to the workers of its node; then, as there is no use in a CPU that idles, to those
 * of nodes that no port is on; and to any if there is neither. No worker has two queues of a port before all of
 * these have one, and the one with the fewest queues has the next. An unknown node is every node. Queues of one
 * number of a bridge's ports belong to one worker, and where the two are on different nodes, to one of the
 * clients' port, whose every frame is looked at.
 */
void placement_deal(
	struct placement_port *port, unsigned int n_ports, const int *node, unsigned int n_workers);

/* Are both nodes known, and different? */
static inline bool
placement_crosses(int node, int other)
{
	return node != PLACEMENT_ANY && other != PLACEMENT_ANY && node != other;
}

/* How many queues of a port that has been dealt out belong to workers of other nodes. */
unsigned int placement_crossing(const struct placement_port *port, const int *node);

/* The node that all n lcores are on, or PLACEMENT_ANY. */
int placement_common(const int *node, unsigned int n);
