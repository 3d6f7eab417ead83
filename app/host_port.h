/* SPDX-License-Identifier: BSD-3-Clause */
/* What a host has and lacks for a port: its PCI device, or the kernel's interface. */
#pragma once

#include "host.h"

void host_port_report(const struct host *host, const struct config_port *port);

/* Is it a PCI device, and not a vdev? */
bool host_port_is_pci(const struct config_port *port);

/* Is its device of this driver, "net_tap" for net_tap0? */
bool host_port_has_driver(const struct config_port *port, const char *driver);
