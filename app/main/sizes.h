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

/* What is said where there is less than that; of what there is too little follows. */
#define SIZES_TOO_LITTLE \
	"too little DPDK memory for %s: give more with the EAL options -m or --socket-mem"

struct host;
struct host_needs;

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

/* Bytes of a buffer for a whole frame of a port with that MTU, headroom included. */
uint16_t sizes_buffer(uint16_t mtu);

/* Sessions of a core, and clients that it knows. */
uint32_t sizes_sessions(const struct config_gateway *settings);
uint32_t sizes_clients(const struct config_gateway *settings);

/* Most open files: a socket for each session, and what else there is. */
uint64_t sizes_files(const struct config_gateway *settings);

/* What the configuration of a host that host_find() has looked at needs of it. */
void sizes_needs(const struct host *host, struct host_needs *ret_needs);
