/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/rings.h"

#include <rte_malloc.h>

#include <stdio.h>
#include <stdlib.h>

/* Whoever takes out of it is on that node. */
static struct rte_ring *
create(struct nodes *nodes, const char *kind, size_t number, int node)
{
	char name[RTE_RING_NAMESIZE];
	struct rte_ring *ring;

	node = nodes_first(nodes, node);
	snprintf(name, sizeof(name), "%s-%zu", kind, number);
	do
		ring = rte_ring_create(name, RINGS_SIZE, node, RING_F_SP_ENQ | RING_F_SC_DEQ);
	while (ring == NULL && nodes_fall_back(nodes, &node));
	return ring;
}

static int
no_memory(size_t n, struct error *error)
{
	return error_set(error,
		"too little DPDK memory for %zu rings: give more with the EAL options -m or "
		"--socket-mem",
		n);
}

int
rings_create(struct rings *rings, unsigned int n_workers, unsigned int n_cores, struct nodes *nodes,
	struct error *error)
{
	size_t n = (size_t)n_workers * n_cores;

	*rings = (struct rings){
		.n_workers = n_workers,
		.n_cores = n_cores,
		.in = calloc(n * RINGS_CLASSES, sizeof(*rings->in)),
		.count = nodes_alloc(
			nodes, "rings", n * RINGS_CLASSES * sizeof(*rings->count), nodes->cores),
		.out = calloc(n, sizeof(*rings->out)),
	};
	if (rings->in == NULL || rings->count == NULL || rings->out == NULL)
		return error_set(error, "no memory for %zu rings", (RINGS_CLASSES + 1) * n);
	for (size_t i = 0; i < n * RINGS_CLASSES; i++) {
		rings->in[i] = create(nodes, "in", i, nodes->core[i / RINGS_CLASSES % n_cores]);
		if (rings->in[i] == NULL)
			return no_memory((RINGS_CLASSES + 1) * n, error);
	}
	for (size_t i = 0; i < n; i++) {
		rings->out[i] = create(nodes, "out", i, nodes->worker[i / n_cores]);
		if (rings->out[i] == NULL)
			return no_memory((RINGS_CLASSES + 1) * n, error);
	}
	return 0;
}

int
rings_create_exception(struct rings *rings, struct nodes *nodes, struct error *error)
{
	rings->exception = calloc(rings->n_workers, sizeof(*rings->exception));
	if (rings->exception == NULL)
		return error_set(error, "no memory for %u rings", 3 * rings->n_workers);
	for (unsigned int i = 0; i < rings->n_workers; i++) {
		struct rings_exception *exception = &rings->exception[i];

		exception->to = create(nodes, "to", i, PLACEMENT_ANY);
		exception->back = create(nodes, "back", i, nodes->worker[i]);
		exception->from = create(nodes, "from", i, nodes->worker[i]);
		if (exception->to == NULL || exception->back == NULL || exception->from == NULL)
			return no_memory((size_t)3 * rings->n_workers, error);
	}
	return 0;
}

void
rings_free(struct rings *rings)
{
	size_t n = (size_t)rings->n_workers * rings->n_cores;

	for (size_t i = 0; rings->in != NULL && i < n * RINGS_CLASSES; i++)
		rte_ring_free(rings->in[i]);
	for (size_t i = 0; rings->out != NULL && i < n; i++)
		rte_ring_free(rings->out[i]);
	for (unsigned int i = 0; rings->exception != NULL && i < rings->n_workers; i++) {
		rte_ring_free(rings->exception[i].to);
		rte_ring_free(rings->exception[i].back);
		rte_ring_free(rings->exception[i].from);
	}
	free(rings->exception);
	rte_free(rings->count);
	free(rings->in);
	free(rings->out);
	*rings = (struct rings){ 0 };
}

void
rings_sample(const struct rings *rings, uint64_t *ret_end)
{
	for (unsigned int i = 0; i < rings_count_in(rings); i++)
		ret_end[i] = stats_get(&rings->count[i].put);
}

bool
rings_passed(const struct rings *rings, const uint64_t *end)
{
	for (unsigned int i = 0; i < rings_count_in(rings); i++)
		if (stats_get(&rings->count[i].taken) < end[i])
			return false;
	return true;
}

/* rte_ring_count() reads what others write without saying so, and ThreadSanitizer minds. */
#ifdef __SANITIZE_THREAD__
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
#else
#define AnnotateIgnoreReadsBegin(file, line) ((void)0)
#define AnnotateIgnoreReadsEnd(file, line) ((void)0)
#endif

unsigned int
rings_level(const struct rte_ring *ring)
{
	unsigned int n;

	AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
	n = rte_ring_count(ring);
	AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
	return n;
}
