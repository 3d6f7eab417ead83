/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ports in service and out of it: started with the buffers of their workers, taken down when their interface is
 * gone or stuck, taken up again. The others go on meanwhile. Main's own.
 */
#pragma once

#include <stdint.h>

#include "config/error.h"
#include "port/port.h"

struct gateway;

/* Starts a port that has been probed, and looks at its interface. Returns 0 or -EINVAL. */
int service_start(struct gateway *gateway, struct port *port, struct error *error);

/* Closes what was opened beside a device, before that is closed. */
void service_detach(struct port *port);

/* The interface has that MTU now. */
void service_set_mtu(struct port *port, uint32_t mtu);

/* Makes workers let go of a port, so that something in it can change; it has that state then. */
void service_pause(struct gateway *gateway, struct port *port, enum port_state state);
void service_resume(struct port *port);

/*
 * Removes the device of a port, which has that state then. The first attempt to take it up again is due at once, but if
 * the one before was soon in vain, or came to nothing, it has to wait twice as long as that.
 */
void service_take_down(struct gateway *gateway, struct port *port, enum port_state state);

/* An attempt that is due: probes and starts the device. Says what comes of it. */
void service_take_up(struct gateway *gateway, struct port *port);
