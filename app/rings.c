/* SPDX-License-Identifier: BSD-3-Clause */
#include "rings.h"

#include <stdio.h>
#include <stdlib.h>

static struct rte_ring *
create(const char *kind, size_t number)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "%s-%zu", kind, number);
	return rte_ring_create(name, RINGS_SIZE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

int
rings_create(struct rings *rings, unsigned int n_workers, unsigned int n_cores, struct error *error)
{
	size_t n = (size_t)n_workers * n_cores;

	*rings = (struct rings){
		.n_workers = n_workers,
		.n_cores = n_cores,
		.in = calloc(n * RINGS_CLASSES, sizeof(*rings->in)),
		.out = calloc(n, sizeof(*rings->out)),
	};
	if (rings->in == NULL || rings->out == NULL)
		return error_set(error, "no memory for %zu rings", (RINGS_CLASSES + 1) * n);
	for (size_t i = 0; i < n * RINGS_CLASSES; i++) {
		rings->in[i] = create("in", i);
		if (rings->in[i] == NULL)
			goto no_memory;
	}
	for (size_t i = 0; i < n; i++) {
		rings->out[i] = create("out", i);
		if (rings->out[i] == NULL)
			goto no_memory;
	}
	return 0;
no_memory:
	return error_set(error,
		"too little DPDK memory for %zu rings: give more with the EAL options -m or "
		"--socket-mem",
		(RINGS_CLASSES + 1) * n);
}

void
rings_free(struct rings *rings)
{
	size_t n = (size_t)rings->n_workers * rings->n_cores;

	for (size_t i = 0; rings->in != NULL && i < n * RINGS_CLASSES; i++)
		rte_ring_free(rings->in[i]);
	for (size_t i = 0; rings->out != NULL && i < n; i++)
		rte_ring_free(rings->out[i]);
	free(rings->in);
	free(rings->out);
	*rings = (struct rings){ 0 };
}
