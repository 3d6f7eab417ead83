/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/setup.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_random.h>
#include <rte_timer.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "config/placement.h"
#include "cookie/batch.h"
#include "core/core.h"
#include "core/listener.h"
#include "exception/exception.h"
#include "gateway/admission.h"
#include "gateway/flows.h"
#include "gateway/pool.h"
#include "main/generation.h"
#include "main/own.h"
#include "main/service.h"
#include "main/sizes.h"
#include "main/spent.h"
#include "main/watch.h"
#include "port/log.h"
#include "port/nodes.h"
#include "port/port.h"
#include "worker/loop.h"

LOG_TYPE(gateway);

#define WORKER_REST_US 200u
#define CORE_REST_US 500u

static int
probe_ports(struct gateway *gateway, struct error *error)
{
	const struct config *config = gateway->config;
	int err = watch_open(gateway, error);

	for (unsigned int i = 0; err == 0 && i < config->n_ports; i++) {
		gateway->n_ports++;
		err = watch_probe(gateway, i, error);
	}
	if (err == 0 && config->gateway.bridge_text != NULL)
		port_join(&gateway->port[config->bridge[0]], &gateway->port[config->bridge[1]]);
	for (unsigned int i = 0; i < gateway->n_ports; i++)
		gateway->n_queues += gateway->port[i].n_queues;
	return err;
}

/* What costs most where it goes wrong, and nothing else shows. */
static void
tell_crossing(const struct port *port, const struct placement_port *placed, const int *node)
{
	unsigned int n = placement_crossing(placed, node);

	if (n != 0)
		LOG(WARNING,
			"port %s: its device is on NUMA node %d, but the workers of %u of %u queues are on others: packets cross between nodes, which costs time\n",
			port->config->name, port->node, n, port->n_queues);
}

/* The queue of that number of a port, if it has been dealt out. */
static struct queue *
find_queue(const struct gateway *gateway, unsigned int n, const struct port *port, uint16_t number)
{
	for (unsigned int i = 0; i < n; i++)
		if (gateway->queue[i].port == port && gateway->queue[i].number == number)
			return &gateway->queue[i];
	return NULL;
}

/* The n-th of all queues. */
static void
enter_queue(struct gateway *gateway, unsigned int n, struct port *port, uint16_t number,
	uint16_t worker)
{
	struct queue *queue = &gateway->queue[n];

	queue->port = port;
	queue->number = number;
	queue->worker = worker;
	if (port->peer != NULL)
		queue->beyond = find_queue(gateway, n, port->peer, number);
	if (queue->beyond != NULL)
		queue->beyond->beyond = queue;
}

/*
 * Deals the queues of all ports out to the workers. Queues of one number of a bridge's ports belong to
 * one worker, which receives from either and sends to the other.
 */
static int
deal_queues(struct gateway *gateway, struct error *error)
{
	struct placement_port placed[CONFIG_PORTS_MAX];
	unsigned int n = 0;

	gateway->queue =
		aligned_alloc(RTE_CACHE_LINE_SIZE, gateway->n_queues * sizeof(*gateway->queue));
	if (gateway->queue == NULL)
		return error_set(error, SIZES_TOO_LITTLE, "queues");
	memset(gateway->queue, 0, gateway->n_queues * sizeof(*gateway->queue));
	for (unsigned int p = 0; p < gateway->n_ports; p++) {
		const struct port *port = &gateway->port[p];

		placed[p] = (struct placement_port){
			.node = port->node,
			.n_queues = port->n_queues,
			.peer = port->peer != NULL ? port->peer->number : PLACEMENT_ALONE,
			.guards = port->guards,
		};
	}
	placement_deal(placed, gateway->n_ports, gateway->own->nodes.worker, gateway->n_workers);
	for (unsigned int p = 0; p < gateway->n_ports; p++) {
		for (uint16_t q = 0; q < gateway->port[p].n_queues; q++, n++)
			enter_queue(gateway, n, &gateway->port[p], q, placed[p].worker[q]);
		tell_crossing(&gateway->port[p], &placed[p], gateway->own->nodes.worker);
	}
	return 0;
}

/* What a worker has on its node; setup_destroy() frees what there is of it. */
static int
create_tables(struct gateway *gateway, struct worker *worker, struct error *error)
{
	const struct config_gateway *settings = &gateway->config->gateway;
	unsigned int n_forward = gateway->n_cores * RINGS_CLASSES;
	int node = gateway->own->nodes.worker[worker->index];
	struct nodes *nodes = &gateway->own->nodes;
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
	int node = gateway->own->nodes.worker[index];
	struct worker *worker = nodes_alloc(&gateway->own->nodes, "worker", sizeof(*worker), node);
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
	worker->pool = pool_create(&gateway->own->nodes,
		&(struct pool){ "receive", index,
			sizes_receive_pool(&sizes, gateway->n_cores, gateway->exception != NULL),
			sizes_buffer(sizes.mtu), sizes.packed, node });
	return worker->pool != NULL ? 0 : error_set(error, SIZES_TOO_LITTLE, "receive buffers");
}

/* DPDK's memory has large pages, where there are any: the tables are looked at in no order. */
static int
create_admission(struct gateway *gateway, const struct core *core, struct error *error)
{
	int node = gateway->own->nodes.core[core->index];
	struct admission *admission = core->admission;
	const struct config_gateway *settings = &gateway->config->gateway;
	uint32_t n_clients = sizes_clients(settings);
	size_t clients = clients_size(n_clients);
	size_t used = marks_size(settings->used_hellos);
	uint64_t hz = rte_get_tsc_hz();
	void *memory;

	if (gateway->by_client) {
		memory = nodes_alloc(&gateway->own->nodes, "clients", clients, node);
		if (memory == NULL)
			return error_set(error, SIZES_TOO_LITTLE, "client-table");
		clients_init(&admission->clients, memory, n_clients, rte_rand());
		admission->clients.with_sessions = settings->client_sessions != 0;
	}
	memory = nodes_alloc(&gateway->own->nodes, "used", used, node);
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
	int node = gateway->own->nodes.core[index];
	struct core *core = nodes_alloc(&gateway->own->nodes, "core", sizeof(*core), node);
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
		&gateway->own->nodes, "out", gateway->n_workers * sizeof(*core->out), node);
	core->pool = pool_create(&gateway->own->nodes,
		&(struct pool){ "send", index, sizes_send_pool(gateway->n_workers),
			RTE_MBUF_DEFAULT_BUF_SIZE, false, node });
	if (core->out == NULL || core->pool == NULL)
		return error_set(error, SIZES_TOO_LITTLE, "send buffers");
	core->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (core->epoll < 0)
		return error_set(error, "cannot wait for upstream sockets: %m");
	if (settings->upstream_port_first != 0) {
		memory = nodes_alloc(&gateway->own->nodes, "upstream-ports",
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

/* Every session has a socket of its own. */
static void
raise_file_limit(const struct config *config)
{
	struct rlimit limit;
	rlim_t needed = sizes_files(&config->gateway);

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed)
		return;
	if (limit.rlim_max < needed && geteuid() == 0)
		limit.rlim_max = needed;
	limit.rlim_cur = RTE_MIN(needed, limit.rlim_max);
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int
create_shared(struct gateway *gateway, struct error *error)
{
	unsigned int readers = gateway->n_workers + gateway->n_cores + 1;
	int node;

	if (rte_timer_subsystem_init() != 0)
		return error_set(error, SIZES_TOO_LITTLE, "timers");
	gateway->qsbr = nodes_alloc(&gateway->own->nodes, "qsbr", rte_rcu_qsbr_get_memsize(readers),
		gateway->own->nodes.cores);
	if (gateway->qsbr == NULL || rte_rcu_qsbr_init(gateway->qsbr, readers) != 0)
		return error_set(error, SIZES_TOO_LITTLE, "grace periods");
	for (unsigned int i = 0; i < readers; i++)
		rte_rcu_qsbr_thread_register(gateway->qsbr, i);
	if (rings_create(&gateway->rings, gateway->n_workers, gateway->n_cores,
		    &gateway->own->nodes, error) != 0)
		return -EINVAL;
	if (gateway->exception != NULL &&
		rings_create_exception(&gateway->rings, &gateway->own->nodes, error) != 0)
		return -EINVAL;
	/* The largest, last: where there is too little for it, there may be enough for the others. */
	node = nodes_first(&gateway->own->nodes, gateway->own->nodes.cores);
	do
		gateway->sessions =
			flows_create(gateway->config->gateway.max_sessions, gateway->qsbr, node);
	while (gateway->sessions == NULL && nodes_fall_back(&gateway->own->nodes, &node));
	return gateway->sessions != NULL ? 0
					 : error_set(error, SIZES_TOO_LITTLE, "the session table");
}

/* Before the workers: their pools have room for what lies in its rings. */
static int
create_exception(struct gateway *gateway, struct error *error)
{
	unsigned int descriptors = 0;
	struct exception *exception;
	bool wanted = false;

	for (unsigned int i = 0; i < gateway->n_queues; i++)
		if (gateway->queue[i].port->diverts) {
			descriptors += gateway->queue[i].port->tx_descriptors;
			wanted = true;
		}
	if (!wanted)
		return 0;
	exception = calloc(1, sizeof(*exception));
	if (exception == NULL)
		return error_set(error, SIZES_TOO_LITTLE, "the exception path");
	gateway->exception = exception;
	exception->gateway = gateway;
	exception->epoll = -1;
	for (unsigned int i = 0; i < CONFIG_PORTS_MAX; i++)
		exception->tap[i].fd = -1;
	/* Its thread is on the CPUs of main and the cores. */
	exception->pool = pool_create(&gateway->own->nodes,
		&(struct pool){ "kernel", 0, sizes_kernel_pool(gateway->n_workers, descriptors),
			RTE_MBUF_DEFAULT_BUF_SIZE, false, PLACEMENT_ANY });
	if (exception->pool == NULL)
		return error_set(error, SIZES_TOO_LITTLE, "frames of the kernel");
	return 0;
}

int
setup_create(struct gateway *gateway, struct error *error)
{
	int err;

	nodes_find(&gateway->own->nodes, gateway->n_workers, gateway->n_cores);
	gateway->port = calloc(gateway->config->n_ports, sizeof(*gateway->port));
	gateway->worker = calloc(gateway->n_workers, sizeof(*gateway->worker));
	gateway->core = calloc(gateway->n_cores, sizeof(*gateway->core));
	gateway->listener = calloc(GATEWAY_LISTENERS_MAX, sizeof(*gateway->listener));
	gateway->admission = nodes_alloc(&gateway->own->nodes, "admission",
		gateway->n_cores * sizeof(*gateway->admission), gateway->own->nodes.cores);
	if (gateway->port == NULL || gateway->worker == NULL || gateway->core == NULL ||
		gateway->listener == NULL || gateway->admission == NULL)
		return error_set(error, SIZES_TOO_LITTLE, "lcores");
	gateway->by_client = gateway->config->gateway.client_rate != 0 ||
			     gateway->config->gateway.client_half_open != 0 ||
			     gateway->config->gateway.client_sessions != 0;
	gateway->spread_seed = (uint32_t)rte_rand();
	raise_file_limit(gateway->config);

	err = probe_ports(gateway, error);
	if (err == 0)
		err = deal_queues(gateway, error);
	if (err == 0)
		err = create_exception(gateway, error);
	for (unsigned int i = 0; err == 0 && i < gateway->n_workers; i++)
		err = create_worker(gateway, i, error);
	for (unsigned int i = 0; err == 0 && i < gateway->n_cores; i++)
		err = create_core(gateway, i, error);
	if (err == 0)
		err = create_shared(gateway, error);
	/* All that can fail for want of memory has been made: the ports come last. */
	for (unsigned int i = 0; err == 0 && i < gateway->n_ports; i++)
		if (port_serves(&gateway->port[i]))
			err = service_start(gateway, &gateway->port[i], error);
	/* What a port says of itself is known now. */
	if (err == 0 && gateway->exception != NULL)
		err = exception_open(gateway->exception, error);
	if (err == 0)
		err = generation_enter(gateway, gateway->config, error);
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
setup_close_ports(struct gateway *gateway)
{
	unsigned int missing = 0;

	exception_close(gateway->exception);
	for (unsigned int i = 0; gateway->port != NULL && i < gateway->n_ports; i++) {
		service_detach(&gateway->port[i]);
		port_stop(&gateway->port[i]);
		port_settle(&gateway->port[i]);
	}
	for (unsigned int i = 0; gateway->port != NULL && i < gateway->n_ports; i++) {
		port_close(&gateway->port[i]);
		port_settle(&gateway->port[i]);
	}
	for (unsigned int i = 0; gateway->worker != NULL && i < gateway->n_workers; i++)
		if (gateway->worker[i] != NULL && gateway->worker[i]->pool != NULL)
			missing += count_missing(gateway, gateway->worker[i]);
	for (unsigned int i = 0; gateway->core != NULL && i < gateway->n_cores; i++)
		if (gateway->core[i] != NULL && gateway->core[i]->pool != NULL)
			missing += rte_mempool_in_use_count(gateway->core[i]->pool);
	if (gateway->exception != NULL && gateway->exception->pool != NULL)
		missing += rte_mempool_in_use_count(gateway->exception->pool);
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
setup_destroy(struct gateway *gateway)
{
	for (unsigned int i = 0; gateway->worker != NULL && i < gateway->n_workers; i++)
		destroy_worker(gateway->worker[i]);
	for (unsigned int i = 0; gateway->core != NULL && i < gateway->n_cores; i++)
		destroy_core(gateway->core[i]);
	for (unsigned int i = 0; gateway->admission != NULL && i < gateway->n_cores; i++) {
		rte_free(gateway->admission[i].clients.table);
		rte_free(gateway->admission[i].used.table);
	}
	if (gateway->exception != NULL) {
		rte_mempool_free(gateway->exception->pool);
		free(gateway->exception);
	}
	for (unsigned int i = 0; gateway->queue != NULL && i < gateway->n_queues; i++)
		rte_mempool_free(gateway->queue[i].pool);
	spent_end(gateway);
	generation_end(gateway);
	rte_hash_free(gateway->sessions);
	rte_free(gateway->qsbr);
	rings_free(&gateway->rings);
	rte_timer_subsystem_finalize();
	watch_close(gateway);
	free(gateway->worker);
	free(gateway->core);
	rte_free(gateway->admission);
	free(gateway->listener);
	free(gateway->queue);
	free(gateway->port);
}
