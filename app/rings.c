/* SPDX-License-Identifier: BSD-3-Clause */
#include "rings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rte_ring *
create(const char *kind, size_t number)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "%s-%zu", kind, number);
	return rte_ring_create(name, RINGS_SIZE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
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
rings_create(struct rings *rings, unsigned int n_workers, unsigned int n_cores, struct error *error)
{
	size_t n = (size_t)n_workers * n_cores;

	*rings = (struct rings){
		.n_workers = n_workers,
		.n_cores = n_cores,
		.in = calloc(n * RINGS_CLASSES, sizeof(*rings->in)),
		.count = aligned_alloc(
			_Alignof(struct rings_count), n * RINGS_CLASSES * sizeof(*rings->count)),
		.out = calloc(n, sizeof(*rings->out)),
	};
	if (rings->in == NULL || rings->count == NULL || rings->out == NULL)
		return error_set(error, "no memory for %zu rings", (RINGS_CLASSES + 1) * n);
	memset(rings->count, 0, n * RINGS_CLASSES * sizeof(*rings->count));
	for (size_t i = 0; i < n * RINGS_CLASSES; i++) {
		rings->in[i] = create("in", i);
		if (rings->in[i] == NULL)
			return no_memory((RINGS_CLASSES + 1) * n, error);
	}
	for (size_t i = 0; i < n; i++) {
		rings->out[i] = create("out", i);
		if (rings->out[i] == NULL)
			return no_memory((RINGS_CLASSES + 1) * n, error);
	}
	return 0;
}

int
rings_create_exception(struct rings *rings, struct error *error)
{
	rings->exception = calloc(rings->n_workers, sizeof(*rings->exception));
	if (rings->exception == NULL)
		return error_set(error, "no memory for %u rings", 3 * rings->n_workers);
	for (unsigned int i = 0; i < rings->n_workers; i++) {
		struct rings_exception *exception = &rings->exception[i];

		exception->to = create("to", i);
		exception->back = create("back", i);
		exception->from = create("from", i);
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
	free(rings->count);
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
