/* SPDX-License-Identifier: BSD-3-Clause */
/* The NUMA nodes of a host: where devices, lcores and memory are. With one node nothing is said. */
#pragma once

#include "host/host.h"
#include "main/sizes.h"

/* Fills in the nodes, and deals the queues out. cpu are the n CPUs that this process may use. */
void host_node_find(struct host *host, const unsigned int *cpu, unsigned int n);

/* Is there memory where the lcores are that need it? huge: by hugepages. */
void host_node_report_memory(const struct host *host, const struct sizes_memory *memory, bool huge);

/* Are the workers of a port's queues where its device is? */
void host_node_report_port(const struct host *host, unsigned int number);
