/* SPDX-License-Identifier: BSD-3-Clause */
/* Bringing up DPDK ports by their profiles, and taking them down. */
#pragma once

#include <rte_mempool.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "error.h"
#include "net/host.h"

struct port {
	const struct config_port *config;
	unsigned int number; /* place in gateway->port */
	uint16_t id;         /* DPDK's */
	uint16_t n_queues;
	uint16_t rx_descriptors; /* per queue, as the device adjusted them */
	uint16_t tx_descriptors;
	uint16_t mtu; /* bytes of the longest IP packet that may be sent */
	bool probed;
	bool started;
	bool device_sums;        /* the device fills in IPv4 and UDP checksums */
	bool trusted_sums;       /* its verdict on received ones is believed */
	struct hg_net_host host; /* addresses, and the MAC address that is answered to */
	atomic_bool link_up;     /* written by main */
};

/*
 * Creates the device and finds out what it offers; nothing is started. queues_max is the number of
 * workers. Returns 0, or -EINVAL; port_close() in either case.
 */
int port_probe(struct port *port, const struct config *config, unsigned int number,
	unsigned int queues_max, struct error *error);

/* Configures and starts; pool[i] gives the receive buffers of queue i. */
int port_start(struct port *port, struct rte_mempool *const *pool, struct error *error);
void port_stop(struct port *port);
void port_close(struct port *port);

/* Looks at the link, logs a change. */
void port_check_link(struct port *port);
