/* SPDX-License-Identifier: BSD-3-Clause */
/* Pools of packet buffers with room for a note (note.h), each on the NUMA node of those who use it most. */
#pragma once

#include <rte_mempool.h>

#include <stdbool.h>
#include <stdint.h>

#include "port/nodes.h"

#define POOL_CACHE 128u /* buffers that an lcore keeps of a pool */

struct pool {
	const char *kind; /* with the number its name */
	unsigned int number;
	unsigned int n; /* buffers */
	uint16_t size;  /* bytes of each, headroom included */
	bool packed;    /* they follow each other without a gap */
	int node;       /* or PLACEMENT_ANY */
};

/* To be freed by rte_mempool_free(). NULL: too little memory of DPDK's. */
struct rte_mempool *pool_create(struct nodes *nodes, const struct pool *wanted);
