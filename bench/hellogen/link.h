/* SPDX-License-Identifier: BSD-3-Clause */
/* DPDK, the port and its buffers, brought up as the gateway does it, by a driver's profile. */
#pragma once

#include <rte_mempool.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "command.h"
#include "config/config.h"
#include "config/error.h"
#include "engine.h"
#include "port/nodes.h"
#include "port/port.h"

struct link {
	struct config config; /* of one port */
	struct config_port settings;
	struct port port;
	struct nodes nodes; /* of the engines, as workers */
	struct rte_mempool *pool[ENGINE_QUEUES_MAX];
	char quiet[64];
	char *eal_options[128];
	bool eal; /* it runs */
};

/* All of it, up to a port that is up. Returns 0 or -EINVAL; link_close() in either case. */
int link_open(struct link *link, const struct command *command, struct error *error);

/*
 * Finds out the MAC addresses: the own one, and the target's by asking for it unless it is given.
 * Returns 0 or -EINVAL.
 */
int link_meet(struct link *link, const struct command *command, struct neighbour *neighbour,
	uint8_t ret_far_mac[6], const atomic_bool *stop, struct error *error);

/* Returns how many buffers are missing, those that the driver keeps left out. */
unsigned int link_close(struct link *link);
