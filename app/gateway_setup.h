/* SPDX-License-Identifier: BSD-3-Clause */
/* Making all that the lcores share, in an order in which nothing is half done, and undoing it. */
#pragma once

#include "error.h"
#include "gateway.h"
#include "stats.h"

/*
 * config, n_workers, n_cores and hmac are set; EAL runs. Probes the devices, creates pools, rings
 * and tables, starts the ports, puts config into effect. Returns 0, or -EINVAL; gateway_close_ports()
 * and gateway_destroy() in either case.
 */
int gateway_create(struct gateway *gateway, struct error *error);

/*
 * Before a port is started again: other receive buffers for it, if its driver has kept some of those that it
 * had. Returns 0 or -EINVAL.
 */
int gateway_renew_pools(struct gateway *gateway, const struct port *port, struct error *error);

/* Starts a port that has been probed, with the buffers of its workers. Returns 0 or -EINVAL. */
int gateway_start_port(struct gateway *gateway, struct port *port, struct error *error);

/*
 * Stops and closes every port. Returns the number of packet buffers that are not back in their
 * pools.
 */
unsigned int gateway_close_ports(struct gateway *gateway);
void gateway_destroy(struct gateway *gateway);

/* Adds up the counters of all workers, and of all handshake cores. */
void gateway_sum(const struct gateway *gateway, struct stats_worker *ret_worker,
	struct stats_handshake *ret_handshake);
