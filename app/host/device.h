/* SPDX-License-Identifier: BSD-3-Clause */
/* What a host has and lacks for a port: its PCI device, or the kernel's interface. */
#pragma once

#include "host/host.h"

void host_port_report(const struct host *host, const struct config_port *port);
