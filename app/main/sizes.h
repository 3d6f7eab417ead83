/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How much memory and how many files a configuration takes: pure functions of it, for setting up and for
 * --check alike.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "config/placement.h"

/* What determines the buffers that a worker receives into. */
struct sizes_worker {
	unsigned int descriptors; /* of all its queues, of both directions */
	uint16_t mtu;             /* the largest of their ports'; 0: nothing said */
	bool terminates;          /* one of these ports has listeners of its own */
	bool packed;              /* the driver of one needs buffers without gaps between them */
};

/*
 * Packet buffers of a pool, a power of 2 less 1: what queues, rings and the caches of lcores can hold at
 * once. Small pools stay in the CPU's cache.
 */
unsigned int sizes_receive_pool(
	const struct sizes_worker *worker, unsigned int n_cores, bool exception);
unsigned int sizes_send_pool(unsigned int n_workers);
unsigned int sizes_kernel_pool(unsigned int n_workers, unsigned int tx_descriptors);

#define SIZES_POOL_CACHE 128u /* buffers that an lcore keeps of a pool */

/* Bytes of a buffer for a whole frame of a port with that MTU, headroom included. */
uint16_t sizes_buffer(uint16_t mtu);

/* Sessions of a core, and clients that it knows. */
uint32_t sizes_sessions(const struct config_gateway *settings);
uint32_t sizes_clients(const struct config_gateway *settings);

/* Most open files: a socket for each session, and what else there is. */
uint64_t sizes_files(const struct config_gateway *settings);

/*
 * The ports of a configuration with as many queues as workers, where profile and device string let them have so
 * many; their nodes are not known. ret_port has room for all of them.
 */
void sizes_ports(
	const struct config *config, unsigned int n_workers, struct placement_port *ret_port);

/* About how many bytes of DPDK's memory are needed. */
struct sizes_memory {
	uint64_t worker[CONFIG_WORKERS_MAX]; /* by each worker */
	uint64_t core;                       /* by each handshake core */
	uint64_t cores;                      /* by all of them together */
	uint64_t other;                      /* by EAL, drivers, the exception path */
};

/*
 * With these ports, whose queues have been dealt out. page is 0 with hugepages, or the size of a page without.
 * Returns the sum.
 */
uint64_t sizes_memory(const struct config *config, const struct placement_port *port,
	unsigned int n_workers, uint32_t page, struct sizes_memory *ret_memory);
