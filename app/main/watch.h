/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel's interfaces that ports stand on: they go and come back, change their MTU and MAC address, or
 * send nothing any more. A port whose interface is away waits for it. Main's own.
 */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/error.h"

struct config_port;
struct gateway;
struct port;

/* What main knows of a port's interface. */
struct watch {
	char interface[IF_NAMESIZE]; /* of the device string; "": there is none that comes and goes */
	unsigned int index;          /* of the interface that it stands on; 0: none */
	bool renamed;                /* that one has another name now */
	bool lost;                   /* the driver's own interface is gone for good */
	bool counts;                 /* the interface counts what we send */
	uint32_t mtu;                /* of the interface */
	uint8_t mac[6];              /* likewise */
	uint64_t sent;               /* by the interface, at the look before */
	unsigned int blocked_looks; /* at which a queue had no room for anything */
	unsigned int flat_looks; /* at which the interface had sent nothing of what it was given */
	uint64_t since;          /* TSC cycles: when it was taken up */
	uint64_t due;            /* TSC cycles: not to be taken up before that */
	unsigned int wait;       /* seconds until the next attempt, if this one fails */
	struct error said;       /* why it could not be taken up, or "" */
};

/* The name of the interface that must be there before a port can be probed; false: it needs none. */
bool watch_names_interface(const struct config_port *settings, char ret_name[IF_NAMESIZE]);

/* Before the ports are probed. Returns 0 or -EINVAL; watch_close() in either case. */
int watch_open(struct gateway *gateway, struct error *error);

/*
 * port_probe(), or if the port's interface is not there, port_expect(): the first look that sees it takes the
 * port up.
 */
int watch_probe(struct gateway *gateway, unsigned int number, struct error *error);

/* To be called now and then, while workers run. */
void watch_look(struct gateway *gateway);

void watch_close(struct gateway *gateway);
