/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Link loss forwarding, of a bridge: while one of its ports has no link, the other's is set down too, so
 * that both neighbours see what a cut wire would show them. Main's own.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct port;

/* Of the link of a bridge's port. */
enum port_link_state {
	PORT_LINK_FREE,   /* nothing is done to it */
	PORT_LINK_COMING, /* set up a moment ago: links take their time, and that is no failure */
	PORT_LINK_HELD,   /* we have set it down */
};

struct port_link {
	_Atomic(enum port_link_state) state; /* written by main, read by all */
	/* main's own */
	bool cannot;    /* the driver does not let its link be set down */
	uint64_t until; /* TSC cycles; of PORT_LINK_COMING */
};

/* Whether the port's link is down because its peer's is. Anybody may ask. */
bool port_link_holds(const struct port *port);

/* The functions below are given all ports, and their number. Before the start: */
void port_link_begin(struct port *port, unsigned int n_ports);

/* To be called now and then, when the ports' links have been looked at. */
void port_link_look(struct port *port, unsigned int n_ports);

/*
 * No worker forwards any more. open, which is guard-fail of the configuration: what is held is set up;
 * otherwise both links of a bridge are set down.
 */
void port_link_end(struct port *port, unsigned int n_ports, bool open);
