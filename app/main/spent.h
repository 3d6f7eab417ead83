/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pools of receive buffers that a driver has kept some of for good (retains-buffers of its profile). What
 * else was out of them comes back; when nobody can have any more of them they are freed. Main's own.
 */
#pragma once

#include <rte_mempool.h>

struct gateway;
struct port;
struct spent;

/*
 * The port has been closed, and no worker has anything of it: takes the pools of its own that its queues
 * have.
 */
void spent_add(struct gateway *gateway, const struct port *port);

/* Frees what nobody needs, and waits for nothing. To be called now and then. */
void spent_reap(struct gateway *gateway);

/* Frees all, when no lcore runs any more. */
void spent_end(struct gateway *gateway);
