/* SPDX-License-Identifier: BSD-3-Clause */
/* Making all that the lcores share, in an order in which nothing is half done, and undoing it. */
#pragma once

#include "config/error.h"
#include "gateway/gateway.h"
#include "gateway/stats.h"

/*
 * config, n_workers, n_cores and hmac are set; EAL runs. Probes the devices, creates pools, rings
 * and tables, starts the ports, puts config into effect. Returns 0, or -EINVAL; setup_close_ports()
 * and setup_destroy() in either case.
 */
int setup_create(struct gateway *gateway, struct error *error);

/*
 * Stops and closes every port. Returns the number of packet buffers that are not back in their
 * pools.
 */
unsigned int setup_close_ports(struct gateway *gateway);
void setup_destroy(struct gateway *gateway);
