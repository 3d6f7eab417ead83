/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules by which a device brings listeners' datagrams to the queues of a port, if the profile asks for
 * them: one for each address and UDP port that a generation listens on, and for each number of VLAN
 * tags. Main's own. A reload adds what is new before the workers see the new generation, and takes away
 * what has gone afterwards; a rule that both have stays.
 */
#pragma once

#include "config/error.h"
#include "port/port.h"
#include "port/table.h"

/*
 * Before the port is configured: in isolated mode, if the profile asks for it, the device gives us
 * nothing but what rules say. Returns 0 or -EINVAL.
 */
int steering_isolate(struct port *port, struct error *error);

/*
 * Makes the rules of a table that are not there yet. Returns 0, or -EINVAL if the device takes one of
 * them not; those that were made stay until steering_keep().
 */
int steering_add(struct port *port, const struct port_table *table, struct error *error);

/* Takes away all rules but those of a table; NULL: all. */
void steering_keep(struct port *port, const struct port_table *table);
