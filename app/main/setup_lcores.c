/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/setup_lcores.h"

#include <rte_cycles.h>
#include <rte_malloc.h>
#include <rte_random.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/core.h"
#include "core/session.h"
#include "gateway/admission.h"
#include "gateway/gateway.h"
#include "gateway/pool.h"
#include "main/private.h"
#include "main/sizes.h"
#include "port/port.h"
#include "worker/worker.h"

#define WORKER_REST_US 200u
#define CORE_REST_US 500u

/* What a worker has on its node; setup_lcores_destroy() frees what there is of it. */
static int
create_tables(struct gateway *gateway, struct worker *worker, struct error *error)
{
	const struct config_gateway *settings = &gateway->config->gateway;
	unsigned int n_forward = gateway->n_cores * RINGS_CLASSES;
	int node = gateway->private->nodes.worker[worker->index];
	struct nodes *nodes = &gateway->private->nodes;
	void *memory;

	worker->queue =
		nodes_alloc(nodes, "queues", gateway->n_queues * sizeof(*worker->queue), node);
	worker->queue_index = nodes_alloc(
		nodes, "queues", gateway->n_queues * sizeof(*worker->queue_index), node);
	worker->n_forward =
		nodes_alloc(nodes, "forward", n_forward * sizeof(*worker->n_forward), node);
	worker->forward = nodes_alloc(nodes, "forward",
		(size_t)n_forward * WORKER_BURST_MAX * sizeof(*worker->forward), node);
	worker->cookies =
		nodes_alloc(nodes, "cookies", hg_cookie_batch_size(settings->cookie_binding), node);
	if (worker->queue == NULL || worker->queue_index == NULL || worker->n_forward == NULL ||
		worker->forward == NULL || worker->cookies == NULL)
		return error_set(error, SIZES_TOO_LITTLE, "workers");
	worker->hvr_cap.seed = (uint32_t)rte_rand();
	worker->hvr_cap.due = nodes_alloc(nodes, "hvr-cap", HVR_CAP_SIZE, node);
	if (worker->hvr_cap.due == NULL)
		return error_set(error, SIZES_TOO_LITTLE, "hvr-per-prefix");
	if (settings->bridge_text == NULL)
		return 0;
	memory = nodes_alloc(nodes, "proved", marks_size(settings->guard_table), node);
	if (memory == NULL)
		return error_set(error, SIZES_TOO_LITTLE, "guard-table");
	marks_init(&worker->proved, memory, settings->guard_table, settings->guard_timeout,
		rte_get_tsc_hz(), rte_rand());
	return 0;
}

static int
create_worker(struct gateway *gateway, unsigned int index, struct error *error)
{
	int node = gateway->private->nodes.worker[index];
	struct worker *worker =
		nodes_alloc(&gateway->private->nodes, "worker", sizeof(*worker), node);
	struct sizes_worker sizes = { 0 };

	if (worker == NULL)
		return error_set(error, SIZES_TOO_LITTLE, "workers");
	gateway->worker[index] = worker;
	worker->gateway = gateway;
	worker->index = index;
	idle_init(&worker->idle, gateway->config->gateway.poll_busy != 0, WORKER_REST_US);
	if (create_tables(gateway, worker, error) != 0)
		return -EINVAL;
	for (unsigned int q = 0; q < gateway->n_queues; q++) {
		struct queue *queue = &gateway->queue[q];

		if (queue->worker != index)
			continue;
		worker->queue_index[worker->n_queues] = q;
		worker->queue[worker->n_queues++] = queue;
		sizes.descriptors += queue->port->rx_descriptors;
		sizes.descriptors += queue->port->tx_descriptors;
		sizes.mtu = RTE_MAX(sizes.mtu, queue->port->config->mtu);
		sizes.terminates |= queue->port->peer == NULL;
		sizes.packed |= queue->port->config->profile.packed_buffers != 0;
	}
	worker->pool = pool_create(&gateway->private->nodes,
		&(struct pool){ "receive", index,
			sizes_receive_pool(&sizes, gateway->n_cores, gateway->exception != NULL),
			sizes_buffer(sizes.mtu), sizes.packed, node });
	return worker->pool != NULL ? 0 : error_set(error, SIZES_TOO_LITTLE, "receive buffers");
}

/* DPDK's memory has large pages, where there are any: the tables are looked at in no order. */
static int
create_admission(struct gateway *gateway, const struct core *core, struct error *error)
{
	int node = gateway->private->nodes.core[core->index];
	struct admission *admission = core->admission;
	const struct config_gateway *settings = &gateway->config->gateway;
	uint32_t n_clients = sizes_clients(settings);
	size_t clients = clients_size(n_clients);
	size_t used = marks_size(settings->used_hellos);
	uint64_t hz = rte_get_tsc_hz();
	void *memory;

	if (gateway->by_client) {
		memory = nodes_alloc(&gateway->private->nodes, "clients", clients, node);
		if (memory == NULL)
			return error_set(error, SIZES_TOO_LITTLE, "client-table");
		clients_init(&admission->clients, memory, n_clients, rte_rand());
		admission->clients.with_sessions = settings->client_sessions != 0;
	}
	memory = nodes_alloc(&gateway->private->nodes, "used", used, node);
	if (memory == NULL)
		return error_set(error, SIZES_TOO_LITTLE, "used-hellos");
	marks_init(&admission->used, memory, settings->used_hellos,
		settings->cookie_lifetime + HG_COOKIE_CLOCK_SKEW, hz, rte_rand());
	return 0;
}

static int
create_core(struct gateway *gateway, unsigned int index, struct error *error)
{
	const struct config_gateway *settings = &gateway->config->gateway;
	int node = gateway->private->nodes.core[index];
	struct core *core = nodes_alloc(&gateway->private->nodes, "core", sizeof(*core), node);
	void *memory;

	if (core == NULL)
		return error_set(error, SIZES_TOO_LITTLE, "handshake cores");
	gateway->core[index] = core;
	core->epoll = -1;
	core->gateway = gateway;
	core->index = index;
	core->admission = &gateway->admission[index];
	core->sessions_max = sizes_sessions(settings);
	/* The cores rest in epoll, so that an upstream's datagram wakes them. */
	idle_init(&core->idle, false, CORE_REST_US);
	TAILQ_INIT(&core->sessions);
	TAILQ_INIT(&core->due);
	TAILQ_INIT(&core->quiet);
	core->out = nodes_alloc(
		&gateway->private->nodes, "out", gateway->n_workers * sizeof(*core->out), node);
	core->pool = pool_create(&gateway->private->nodes,
		&(struct pool){ "send", index, sizes_send_pool(gateway->n_workers),
			RTE_MBUF_DEFAULT_BUF_SIZE, false, node });
	if (core->out == NULL || core->pool == NULL)
		return error_set(error, SIZES_TOO_LITTLE, "send buffers");
	core->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (core->epoll < 0)
		return error_set(error, "cannot wait for upstream sockets: %m");
	if (settings->upstream_port_first != 0) {
		memory = nodes_alloc(&gateway->private->nodes, "upstream-ports",
			source_ports_size(settings->upstream_port_first,
				settings->upstream_port_last, gateway->n_cores),
			node);
		if (memory == NULL)
			return error_set(error, SIZES_TOO_LITTLE, "upstream-ports");
		source_ports_init(&core->ports, memory, settings->upstream_port_first,
			settings->upstream_port_last, index, gateway->n_cores,
			settings->upstream_port_rest * rte_get_tsc_hz());
	}
	return create_admission(gateway, core, error);
}

int
setup_lcores_create(struct gateway *gateway, struct error *error)
{
	int err = 0;

	gateway->worker = calloc(gateway->n_workers, sizeof(*gateway->worker));
	gateway->core = calloc(gateway->n_cores, sizeof(*gateway->core));
	gateway->admission = nodes_alloc(&gateway->private->nodes, "admission",
		gateway->n_cores * sizeof(*gateway->admission), gateway->private->nodes.cores);
	if (gateway->worker == NULL || gateway->core == NULL || gateway->admission == NULL)
		return error_set(error, SIZES_TOO_LITTLE, "lcores");
	for (unsigned int i = 0; err == 0 && i < gateway->n_workers; i++)
		err = create_worker(gateway, i, error);
	for (unsigned int i = 0; err == 0 && i < gateway->n_cores; i++)
		err = create_core(gateway, i, error);
	return err;
}

/* Buffers of a pool that are not back; 0 for a pool whose driver keeps some for good. */
static unsigned int
count_missing(const struct gateway *gateway, const struct worker *worker)
{
	for (unsigned int i = 0; i < gateway->n_queues; i++)
		if (gateway->queue[i].worker == worker->index &&
			gateway->queue[i].port->config->profile.retains_buffers != 0)
			return 0;
	return rte_mempool_in_use_count(worker->pool);
}

unsigned int
setup_lcores_count_missing(const struct gateway *gateway)
{
	unsigned int missing = 0;

	for (unsigned int i = 0; gateway->worker != NULL && i < gateway->n_workers; i++)
		if (gateway->worker[i] != NULL && gateway->worker[i]->pool != NULL)
			missing += count_missing(gateway, gateway->worker[i]);
	for (unsigned int i = 0; gateway->core != NULL && i < gateway->n_cores; i++)
		if (gateway->core[i] != NULL && gateway->core[i]->pool != NULL)
			missing += rte_mempool_in_use_count(gateway->core[i]->pool);
	return missing;
}

static void
destroy_worker(struct worker *worker)
{
	if (worker == NULL)
		return;
	rte_mempool_free(worker->pool);
	rte_free(worker->cookies);
	rte_free(worker->queue);
	rte_free(worker->queue_index);
	rte_free(worker->n_forward);
	rte_free(worker->forward);
	rte_free(worker->hvr_cap.due);
	rte_free(worker->proved.table);
	rte_free(worker);
}

static void
destroy_core(struct core *core)
{
	if (core == NULL)
		return;
	rte_mempool_free(core->pool);
	rte_free(core->ports.queue);
	rte_free(core->out);
	if (core->epoll >= 0)
		close(core->epoll);
	rte_free(core);
}

void
setup_lcores_destroy(struct gateway *gateway)
{
	for (unsigned int i = 0; gateway->worker != NULL && i < gateway->n_workers; i++)
		destroy_worker(gateway->worker[i]);
	for (unsigned int i = 0; gateway->core != NULL && i < gateway->n_cores; i++)
		destroy_core(gateway->core[i]);
	for (unsigned int i = 0; gateway->admission != NULL && i < gateway->n_cores; i++) {
		rte_free(gateway->admission[i].clients.table);
		rte_free(gateway->admission[i].used.table);
	}
	free(gateway->worker);
	free(gateway->core);
	rte_free(gateway->admission);
}
