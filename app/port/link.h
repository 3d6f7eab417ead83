/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Links of a bridge: while one of its ports has none, the other's is set down too, so that both
 * neighbours see what a cut wire would show them. Main's own.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "gateway/gateway.h"

struct port;

/* Of a port of a bridge. */
enum mirror_state {
	MIRROR_FREE,   /* its link is its own */
	MIRROR_COMING, /* set up a moment ago: links take their time, and that is no failure */
	MIRROR_HELD,   /* we have set it down */
};

struct mirror {
	_Atomic(enum mirror_state) state; /* anybody may look at it */
	bool cannot;                      /* the driver does not let its link be set down */
	uint64_t until;                   /* TSC cycles; of MIRROR_COMING */
};

/* Whether the port's link is down because its peer's is. */
bool port_link_holds(const struct port *port);

/* Before the start. */
void port_link_begin(struct gateway *gateway);

/* To be called now and then, when the ports' links have been looked at. */
void port_link_look(struct gateway *gateway);

/*
 * No worker forwards any more. With guard-fail = closed sets both links down; otherwise sets up what
 * is held.
 */
void port_link_end(struct gateway *gateway);
