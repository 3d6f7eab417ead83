/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/nodes.h"

#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "port/eal.h"
#include "port/log.h"

LOG_TYPE(nodes);

_Static_assert(PLACEMENT_ANY == SOCKET_ID_ANY, "what DPDK calls any node");
_Static_assert(RTE_MAX_NUMA_NODES <= 64, "a bit for each");

/* EAL gives PLACEMENT_ANY for an lcore with CPUs of several nodes. */
static int
node_of_lcore(unsigned int lcore)
{
	return lcore < RTE_MAX_LCORE ? (int)rte_lcore_to_socket_id(lcore) : PLACEMENT_ANY;
}

void
nodes_find(struct nodes *nodes, unsigned int n_workers, unsigned int n_cores)
{
	int main_node = node_of_lcore(rte_get_main_lcore());
	bool several = rte_socket_count() > 1;
	unsigned int n_far = 0;

	*nodes = (struct nodes){ .cores = PLACEMENT_ANY };
	for (unsigned int i = 0; i < n_workers; i++) {
		nodes->worker[i] = several ? node_of_lcore(eal_lcore(i)) : PLACEMENT_ANY;
		n_far += placement_crosses(nodes->worker[i], main_node);
	}
	for (unsigned int i = 0; i < n_cores; i++) {
		nodes->core[i] = several ? node_of_lcore(eal_lcore(n_workers + i)) : PLACEMENT_ANY;
		n_far += placement_crosses(nodes->core[i], main_node);
	}
	nodes->cores = placement_common(nodes->core, n_cores);
	nodes->has_memory = several && rte_eal_has_hugepages() != 0;
	if (!nodes->has_memory && n_far != 0)
		LOG(NOTICE,
			"without hugepages all memory is main's, on NUMA node %d, and %u of %u workers and cores are on others\n",
			main_node, n_far, n_workers + n_cores);
}

static uint64_t
bit_of(int node)
{
	return UINT64_C(1) << (unsigned int)node % 64;
}

int
nodes_first(const struct nodes *nodes, int node)
{
	if (!nodes->has_memory || node == PLACEMENT_ANY || (nodes->without & bit_of(node)) != 0)
		return PLACEMENT_ANY;
	return node;
}

bool
nodes_fall_back(struct nodes *nodes, int *node)
{
	if (*node == PLACEMENT_ANY)
		return false;
	LOG(WARNING,
		"too little DPDK memory on NUMA node %d: some of what its lcores use lies on another\n",
		*node);
	nodes->without |= bit_of(*node);
	*node = PLACEMENT_ANY;
	return true;
}

void *
nodes_alloc(struct nodes *nodes, const char *name, size_t size, int node)
{
	int first = nodes_first(nodes, node);
	void *memory;

	do
		memory = rte_zmalloc_socket(name, size, RTE_CACHE_LINE_SIZE, first);
	while (memory == NULL && nodes_fall_back(nodes, &first));
	return memory;
}
