/* SPDX-License-Identifier: BSD-3-Clause */
/* What a host has and lacks for a configuration, for --check. Nothing is touched. */
#pragma once

#include <ifaddrs.h>
#include <sched.h>
#include <stdint.h>

#include "config/config.h"
#include "config/placement.h"
#include "port/eal_args.h"
#include "port/view.h"

struct host {
	struct view view;
	const struct config *config;
	struct eal_args given;     /* what the user says to EAL */
	struct eal_args args;      /* all that EAL will be told */
	struct ifaddrs *addresses; /* of the kernel's interfaces */
	/* host_find() sets these */
	cpu_set_t cpus; /* that this process may use */
	uint32_t page;  /* 0: memory is of hugepages; or bytes of a page without */
	unsigned int n_workers;
	unsigned int n_nodes;                /* of NUMA */
	int worker_node[CONFIG_WORKERS_MAX]; /* PLACEMENT_ANY: not known */
	int core_node[CONFIG_CORES_MAX];
	struct placement_port port[CONFIG_PORTS_MAX]; /* their queues have been dealt out */
};

/* What a configuration needs of a host that has been looked at. Of DPDK's memory about so many bytes: */
struct host_needs {
	uint64_t worker[CONFIG_WORKERS_MAX]; /* for each worker */
	uint64_t core;                       /* for each handshake core */
	uint64_t cores;                      /* for all of them together */
	uint64_t other;                      /* for EAL, drivers, the exception path */
	uint64_t files;                      /* open at once, at most */
};

/* Finds out what the needs depend on. */
void host_find(struct host *host);

/*
 * Writes one line for each finding: "; host: has ..." or "; host: lacks ...". A lack is no error of the
 * configuration: it may be made good until hellogate starts.
 */
void host_report(const struct host *host, const struct host_needs *needs);

/* host_find() for this host, to be reported on stdout. host_close() gives back all but what was passed. */
void host_open(struct host *ret_host, const struct config *config, const struct options *options,
	const struct eal_args *args);
void host_close(struct host *host);
