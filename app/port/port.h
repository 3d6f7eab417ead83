/* SPDX-License-Identifier: BSD-3-Clause */
/* Bringing up DPDK ports by their profiles, and taking them down. */
#pragma once

#include <rte_ether.h>
#include <rte_mempool.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "config/error.h"
#include "net/host.h"
#include "port/link.h"

/* Bytes of the longest header of the link layer that we take. */
#define PORT_ETHER_MAX (RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN)
#define PORT_RSS_KEY_MAX UINT8_MAX /* what a device can say that it wants */

struct raw;
struct rte_device;
struct steering_rule;

/* Whether workers may use a port. */
enum port_state {
	PORT_SERVES,
	PORT_ABSENT, /* there is no interface for it: it comes when there is one */
	PORT_FAILED, /* it could not be taken up again: that is tried again */
	PORT_PAUSES, /* for a moment, while main changes something in it */
};

/* steering.c's. */
struct steering {
	struct steering_rule *rule;
	unsigned int n;
};

struct port {
	/* written by main before the lcores start, read by all; immutable then */
	const struct config_port *config;
	unsigned int number; /* place in gateway->port */
	bool partial_sums; /* checksums that a neighbour on this host has left out are taken for right */
	bool is_memif;
	bool diverts;      /* what is not for a listener goes elsewhere */
	bool guards;       /* of a bridge's port: its clients' */
	bool on_interface; /* the kernel's, which may come and go, and tells of the link */
	struct port *peer; /* the other one of the bridge, or NULL */

	/* written by main, read by all at any time; restarts below likewise */
	_Atomic(enum port_state) state; /* by release and acquire: the next group goes with it */
	_Atomic uint16_t mtu;           /* bytes of the longest IP packet that may be sent */
	atomic_bool device_sums;        /* the device fills in IPv4 and UDP checksums */
	atomic_bool link_up;
	atomic_bool stopped; /* it sends nothing of what it is given */

	/*
	 * written by main under the lock of the configuration, while the port is not PORT_SERVES and workers have let
	 * go of it; read by them while it is, and by others under that lock
	 */
	uint16_t id; /* DPDK's */
	uint16_t n_queues;
	int node;          /* NUMA node of the hardware; -1: there is none, or nobody knows */
	bool trusted_sums; /* the device's verdict on received checksums is believed */
	struct raw *raw;   /* sockets that frames are sent by in the driver's place, or NULL */
	struct hg_net_host host; /* addresses, and the MAC address that is answered to */

	_Atomic uint64_t restarts; /* how often it was taken up again */

	/* main's own, but for the state of the link, which is atomic */
	struct port_link link;   /* of a bridge's port */
	uint16_t rx_descriptors; /* per queue, as the device adjusted them */
	uint16_t tx_descriptors;
	struct rte_device *device;
	bool probed;
	bool started;
	uint64_t rss_types;  /* what the queues are chosen by; 0: nothing, or the device's choice */
	uint8_t rss_key_len; /* 0: the device's own key */
	uint8_t rss_key[PORT_RSS_KEY_MAX];
	struct steering steering;
};

/*
 * Creates the device and finds out what it offers; nothing is started. queues_max is the number of
 * workers. Returns 0, or -EINVAL; port_close() in either case.
 */
int port_probe(struct port *port, const struct config *config, unsigned int number,
	unsigned int queues_max, struct error *error);

/*
 * In place of port_probe(), for a port whose device cannot be created yet: it is PORT_ABSENT, and will
 * have that many queues.
 */
void port_expect(
	struct port *port, const struct config *config, unsigned int number, unsigned int queues);

/*
 * Joins the clients' and the servers' port of a bridge: as many queues, none of them alone. Before
 * queues are dealt out.
 */
void port_join(struct port *clients, struct port *servers);

/* Of the longest packet that the device, or its interface, sends: the port's is that at most. */
void port_set_mtu(struct port *port, uint32_t mtu);

/* Configures and starts; pool[i] gives the receive buffers of queue i. */
int port_start(struct port *port, struct rte_mempool *const *pool, struct error *error);
void port_stop(struct port *port);
void port_close(struct port *port);

/* As port_close(), and forgets the device, so that it can be created again by port_probe(). */
void port_remove(struct port *port);

/*
 * Waits until DPDK's interrupt thread has done what stopping or closing a port of memif has brought it. The other
 * end of the link, if it is in this process, learns there that it has lost its peer, and frees what stopping it
 * at that moment would free, too; and what a closed port leaves to that thread must be done before DPDK's memory
 * goes.
 */
void port_settle(const struct port *port);

/* Looks at the link, if the driver is who tells it; logs a change. */
void port_check_link(struct port *port);

/* Somebody else knows what the link is. */
void port_set_link(struct port *port, bool up);

/* May workers use it? What main has changed before is seen then. */
static inline bool
port_serves(const struct port *port)
{
	return atomic_load_explicit(&port->state, memory_order_acquire) == PORT_SERVES;
}

/* Does it carry packets, as far as is known? */
bool port_in_service(const struct port *port);

/* "in service", or why not: "no interface", "failed", "stopped". */
const char *port_service(const struct port *port);

/* Does its device fill in IPv4 and UDP checksums? */
static inline bool
port_has_sums(const struct port *port)
{
	return atomic_load_explicit(&port->device_sums, memory_order_relaxed);
}
