/* SPDX-License-Identifier: BSD-3-Clause */
/* What a host has and lacks for a configuration, for --check. Nothing is touched. */
#pragma once

#include <ifaddrs.h>

#include "config/config.h"
#include "config/placement.h"
#include "port/eal_args.h"
#include "port/view.h"

struct host {
	struct view view;
	const struct config *config;
	struct eal_args given;           /* what the user says to EAL */
	struct eal_args args;            /* all that EAL will be told */
	const struct ifaddrs *addresses; /* of the kernel's interfaces */
	/* host_report() sets these */
	unsigned int n_workers;
	unsigned int n_nodes;                /* of NUMA */
	int worker_node[CONFIG_WORKERS_MAX]; /* PLACEMENT_ANY: not known */
	int core_node[CONFIG_CORES_MAX];
	struct placement_port port[CONFIG_PORTS_MAX];
};

/*
 * Writes one line for each finding: "; host: has ..." or "; host: lacks ...". A lack is no error of the
 * configuration: it may be made good until hellogate starts.
 */
void host_report(struct host *host);

/* The same for this host, on stdout. */
void host_report_here(
	const struct config *config, const struct options *options, const struct eal_args *args);
