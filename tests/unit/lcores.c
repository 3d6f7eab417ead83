/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "lcores.h"
#include "unit.h"

static void *
reserve(size_t size)
{
	void *memory = aligned_alloc(RTE_CACHE_LINE_SIZE,
		(size + RTE_CACHE_LINE_SIZE - 1) & ~(RTE_CACHE_LINE_SIZE - 1ul));

	assert_non_null(memory);
	memset(memory, 0, size);
	return memory;
}

static struct rte_ring *
make_ring(void)
{
	struct rte_ring *ring = reserve((size_t)rte_ring_get_memsize(RINGS_SIZE));

	assert_int_equal(rte_ring_init(ring, "test", RINGS_SIZE, RING_F_SP_ENQ | RING_F_SC_DEQ), 0);
	return ring;
}

void
lcores_open(struct lcores *lcores)
{
	struct gateway *gateway = &lcores->gateway;
	struct rings *rings = &gateway->rings;

	memset(lcores, 0, sizeof(*lcores));
	gateway->n_workers = rings->n_workers = 1;
	gateway->n_cores = rings->n_cores = 1;
	gateway->n_ports = gateway->n_queues = 1;
	gateway->port = &lcores->port;
	gateway->queue = &lcores->queue;
	gateway->listener = lcores->listener;
	lcores->cores[0] = &lcores->core;
	gateway->core = lcores->cores;
	lcores->port.config = &lcores->config_port;
	lcores->queue.port = &lcores->port;
	lcores->core.gateway = gateway;
	lcores->core.out = &lcores->out;
	TAILQ_INIT(&lcores->core.sessions);
	pthread_mutex_init(&gateway->config_lock, NULL);
	rings->in = calloc(RINGS_CLASSES, sizeof(*rings->in));
	rings->count = aligned_alloc(64, RINGS_CLASSES * sizeof(*rings->count));
	rings->out = calloc(1, sizeof(*rings->out));
	assert_true(rings->in != NULL && rings->count != NULL && rings->out != NULL);
	memset(rings->count, 0, RINGS_CLASSES * sizeof(*rings->count));
	for (unsigned int i = 0; i < RINGS_CLASSES; i++)
		rings->in[i] = make_ring();
	rings->out[0] = make_ring();
	gateway->qsbr = reserve(rte_rcu_qsbr_get_memsize(LCORES_N));
	assert_int_equal(rte_rcu_qsbr_init(gateway->qsbr, LCORES_N), 0);
	for (unsigned int i = 0; i < LCORES_N; i++) {
		rte_rcu_qsbr_thread_register(gateway->qsbr, i);
		rte_rcu_qsbr_thread_online(gateway->qsbr, i);
	}
}

void
lcores_close(struct lcores *lcores)
{
	struct rings *rings = &lcores->gateway.rings;

	for (unsigned int i = 0; i < RINGS_CLASSES; i++)
		free(rings->in[i]);
	free(rings->out[0]);
	free(rings->in);
	free(rings->count);
	free(rings->out);
	free(lcores->gateway.qsbr);
	pthread_mutex_destroy(&lcores->gateway.config_lock);
}

void
lcores_quiescent(struct lcores *lcores, unsigned int reader)
{
	rte_rcu_qsbr_quiescent(lcores->gateway.qsbr, reader);
}
