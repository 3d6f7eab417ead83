/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/setup.h"

#include <rte_malloc.h>
#include <rte_random.h>
#include <rte_timer.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "config/placement.h"
#include "core/listener.h"
#include "exception/exception.h"
#include "gateway/flows.h"
#include "gateway/pool.h"
#include "main/generation.h"
#include "main/private.h"
#include "main/service.h"
#include "main/setup_lcores.h"
#include "main/sizes.h"
#include "main/spent.h"
#include "main/watch.h"
#include "port/log.h"
#include "port/nodes.h"
#include "port/port.h"

LOG_TYPE(gateway);

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
	gateway->private->queue = calloc(gateway->n_queues, sizeof(*gateway->private->queue));
	if (gateway->queue == NULL || gateway->private->queue == NULL)
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
	placement_deal(
		placed, gateway->n_ports, gateway->private->nodes.worker, gateway->n_workers);
	for (unsigned int p = 0; p < gateway->n_ports; p++) {
		for (uint16_t q = 0; q < gateway->port[p].n_queues; q++, n++)
			enter_queue(gateway, n, &gateway->port[p], q, placed[p].worker[q]);
		tell_crossing(&gateway->port[p], &placed[p], gateway->private->nodes.worker);
	}
	return 0;
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
	gateway->qsbr = nodes_alloc(&gateway->private->nodes, "qsbr",
		rte_rcu_qsbr_get_memsize(readers), gateway->private->nodes.cores);
	if (gateway->qsbr == NULL || rte_rcu_qsbr_init(gateway->qsbr, readers) != 0)
		return error_set(error, SIZES_TOO_LITTLE, "grace periods");
	for (unsigned int i = 0; i < readers; i++)
		rte_rcu_qsbr_thread_register(gateway->qsbr, i);
	if (rings_create(&gateway->rings, gateway->n_workers, gateway->n_cores,
		    &gateway->private->nodes, error) != 0)
		return -EINVAL;
	if (gateway->exception != NULL &&
		rings_create_exception(&gateway->rings, &gateway->private->nodes, error) != 0)
		return -EINVAL;
	/* The largest, last: where there is too little for it, there may be enough for the others. */
	node = nodes_first(&gateway->private->nodes, gateway->private->nodes.cores);
	do
		gateway->sessions =
			flows_create(gateway->config->gateway.max_sessions, gateway->qsbr, node);
	while (gateway->sessions == NULL && nodes_fall_back(&gateway->private->nodes, &node));
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
	exception->pool = pool_create(&gateway->private->nodes,
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

	nodes_find(&gateway->private->nodes, gateway->n_workers, gateway->n_cores);
	gateway->port = calloc(gateway->config->n_ports, sizeof(*gateway->port));
	gateway->listener = aligned_alloc(
		_Alignof(struct listener), GATEWAY_LISTENERS_MAX * sizeof(*gateway->listener));
	if (gateway->port == NULL || gateway->listener == NULL)
		return error_set(error, SIZES_TOO_LITTLE, "lcores");
	memset(gateway->listener, 0, GATEWAY_LISTENERS_MAX * sizeof(*gateway->listener));
	gateway->by_client = config_limits_clients(&gateway->config->gateway);
	gateway->spread_seed = (uint32_t)rte_rand();
	raise_file_limit(gateway->config);

	err = probe_ports(gateway, error);
	if (err == 0)
		err = deal_queues(gateway, error);
	if (err == 0)
		err = create_exception(gateway, error);
	if (err == 0)
		err = setup_lcores_create(gateway, error);
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

unsigned int
setup_close_ports(struct gateway *gateway)
{
	unsigned int missing;

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
	missing = setup_lcores_count_missing(gateway);
	if (gateway->exception != NULL && gateway->exception->pool != NULL)
		missing += rte_mempool_in_use_count(gateway->exception->pool);
	return missing;
}

void
setup_destroy(struct gateway *gateway)
{
	setup_lcores_destroy(gateway);
	if (gateway->exception != NULL) {
		rte_mempool_free(gateway->exception->pool);
		free(gateway->exception);
	}
	for (unsigned int i = 0; gateway->private->queue != NULL && i < gateway->n_queues; i++)
		rte_mempool_free(gateway->private->queue[i].pool);
	spent_end(gateway);
	generation_end(gateway);
	rte_hash_free(gateway->sessions);
	rte_free(gateway->qsbr);
	rings_free(&gateway->rings);
	rte_timer_subsystem_finalize();
	watch_close(gateway);
	free(gateway->listener);
	free(gateway->private->queue);
	free(gateway->queue);
	free(gateway->port);
}
