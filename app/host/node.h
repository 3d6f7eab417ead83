/* SPDX-License-Identifier: BSD-3-Clause */
/* The NUMA nodes of a host: where devices, lcores and memory are. With one node nothing is said. */
#pragma once

#include "host/host.h"

/* Fills in the nodes, and deals the queues out to host->n_workers workers. */
void host_node_find(struct host *host);

/* Is there memory where the lcores are that need it? */
void host_node_report_memory(const struct host *host, const struct host_needs *needs);

/* Are the workers of a port's queues where its device is? */
void host_node_report_port(const struct host *host, unsigned int number);
