/* SPDX-License-Identifier: BSD-3-Clause */
#include "rings.h"

#include <stdio.h>
#include <stdlib.h>

static struct rte_ring *
create(const char *direction, unsigned int worker, unsigned int core)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "%s-%u-%u", direction, worker, core);
	return rte_ring_create(name, RINGS_SIZE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

int
rings_create(struct rings *rings, unsigned int n_workers, unsigned int n_cores, struct error *error)
{
	size_t n = (size_t)n_workers * n_cores;

	*rings = (struct rings){
		.n_workers = n_workers,
		.n_cores = n_cores,
		.in = calloc(n, sizeof(*rings->in)),
		.out = calloc(n, sizeof(*rings->out)),
	};
	if (rings->in == NULL || rings->out == NULL)
		return error_set(error, "no memory for %zu rings", 2 * n);
	for (size_t i = 0; i < n; i++) {
		unsigned int worker = (unsigned int)(i / n_cores);
		unsigned int core = (unsigned int)(i % n_cores);

		rings->in[i] = create("in", worker, core);
		rings->out[i] = create("out", worker, core);
		if (rings->in[i] == NULL || rings->out[i] == NULL)
			return error_set(error,
				"too little DPDK memory for %zu rings: give more with the EAL "
				"options -m or --socket-mem",
				2 * n);
	}
	return 0;
}

void
rings_free(struct rings *rings)
{
	for (size_t i = 0; i < (size_t)rings->n_workers * rings->n_cores; i++) {
		if (rings->in != NULL)
			rte_ring_free(rings->in[i]);
		if (rings->out != NULL)
			rte_ring_free(rings->out[i]);
	}
	free(rings->in);
	free(rings->out);
	*rings = (struct rings){ 0 };
}
