/* SPDX-License-Identifier: BSD-3-Clause */
/* NUMA: on which node each lcore is, and memory there. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "config/placement.h"

/* Nodes, of which PLACEMENT_ANY is none in particular; all are that where there is one node. */
struct nodes {
	int worker[PLACEMENT_WORKERS_MAX];
	int core[CONFIG_CORES_MAX];
	int cores;        /* that all cores are on */
	bool has_memory;  /* it can be chosen */
	uint64_t without; /* a bit for each node that had too little for something */
};

/* EAL runs, with lcores for all of them. Says so if memory cannot be on their nodes. */
void nodes_find(struct nodes *nodes, unsigned int n_workers, unsigned int n_cores);

/* Zeroed memory of DPDK's on a node, or where there is any. NULL: there is none. To be freed by rte_free(). */
void *nodes_alloc(struct nodes *nodes, const char *name, size_t size, int node);

/*
 * Where memory of DPDK's for what belongs to that node is asked for first: not on one that had too little before, as
 * DPDK says something each time.
 */
int nodes_first(const struct nodes *nodes, int node);

/*
 * There was too little memory on *node: says so, and makes it PLACEMENT_ANY, which is to be tried next. Returns false
 * if that was tried.
 */
bool nodes_fall_back(struct nodes *nodes, int *node);
