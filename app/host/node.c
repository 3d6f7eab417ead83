/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/node.h"

#include <inttypes.h>
#include <stdio.h>

#include "host/pages.h"
#include "port/device.h"

#define MB (1024u * 1024u)
#define NODES_MAX 64u

static void
count_node(void *arg, const char *name)
{
	unsigned int number;

	*(unsigned int *)arg += sscanf(name, "node%u", &number) == 1;
}

/* As EAL finds it. */
static int
node_of_cpu(const struct view *view, unsigned int cpu)
{
	for (unsigned int i = 0; i < NODES_MAX; i++)
		if (view_exists(view, "sys/devices/system/node/node%u/cpu%u", i, cpu))
			return (int)i;
	return PLACEMENT_ANY;
}

static void
find_lcores(struct host *host)
{
	unsigned int cpu[CPU_SETSIZE], n = 0;
	unsigned int n_workers = host->n_workers, n_cores = host->config->gateway.handshake_cores;
	unsigned int of_lcore[EAL_ARGS_LCORES_MAX];

	for (unsigned int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &host->cpus))
			cpu[n++] = i;
	if (!eal_args_have(&host->given, EAL_ARGS_LCORES))
		eal_args_spread(cpu, n, n_workers, n_cores, of_lcore);
	else if (eal_args_lcores(&host->given, of_lcore) < n_workers + n_cores)
		return;
	for (unsigned int i = 0; i < n_workers; i++)
		host->worker_node[i] = node_of_cpu(&host->view, of_lcore[i]);
	for (unsigned int i = 0; i < n_cores; i++)
		host->core_node[i] = node_of_cpu(&host->view, of_lcore[n_workers + i]);
}

static unsigned int
least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/*
 * The ports with as many queues as workers, where profile and device string let them have so many; their nodes
 * are not known.
 */
static void
find_queues(const struct config *config, unsigned int n_workers, struct placement_port *ret_port)
{
	for (unsigned int p = 0; p < config->n_ports; p++) {
		const struct config_port *port = &config->port[p];
		unsigned int asked = device_queues(port->device), most = port->profile.queues;

		ret_port[p] = (struct placement_port){
			.node = PLACEMENT_ANY,
			.n_queues = n_workers,
			.peer = PLACEMENT_ALONE,
		};
		if (most != 0)
			ret_port[p].n_queues = least(ret_port[p].n_queues, most);
		if (asked != 0)
			ret_port[p].n_queues = least(ret_port[p].n_queues, asked);
	}
	if (config->gateway.bridge_text != NULL) {
		struct placement_port *clients = &ret_port[config->bridge[0]];
		struct placement_port *servers = &ret_port[config->bridge[1]];

		clients->n_queues = servers->n_queues = least(clients->n_queues, servers->n_queues);
		clients->peer = config->bridge[1];
		servers->peer = config->bridge[0];
		clients->guards = true;
	}
}

void
host_node_find(struct host *host)
{
	const struct config *config = host->config;

	for (unsigned int i = 0; i < CONFIG_WORKERS_MAX; i++)
		host->worker_node[i] = PLACEMENT_ANY;
	for (unsigned int i = 0; i < CONFIG_CORES_MAX; i++)
		host->core_node[i] = PLACEMENT_ANY;
	view_each(&host->view, count_node, &host->n_nodes, "sys/devices/system/node");
	find_queues(config, host->n_workers, host->port);
	if (host->n_nodes > 1) {
		find_lcores(host);
		for (unsigned int i = 0; i < config->n_ports; i++)
			host->port[i].node = device_node(&host->view, config->port[i].device);
	}
	placement_deal(host->port, config->n_ports, host->worker_node, host->n_workers);
}

/* Bytes that the lcores of a node want there. */
static uint64_t
needed_on(const struct host *host, const struct host_needs *needs, int node)
{
	unsigned int n_cores = host->config->gateway.handshake_cores;
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < host->n_workers; i++)
		bytes += host->worker_node[i] == node ? needs->worker[i] : 0;
	for (unsigned int i = 0; i < n_cores; i++)
		bytes += host->core_node[i] == node ? needs->core : 0;
	return bytes + (placement_common(host->core_node, n_cores) == node ? needs->cores : 0);
}

void
host_node_report_memory(const struct host *host, const struct host_needs *needs)
{
	bool huge = host->page == 0;
	unsigned int n_wanted = 0;

	for (int node = 0; host->n_nodes > 1 && node < (int)NODES_MAX; node++) {
		uint64_t needed = (needed_on(host, needs, node) + MB - 1) / MB;
		char folder[VIEW_TEXT];
		uint64_t mb;

		if (needed == 0)
			continue;
		n_wanted++;
		snprintf(folder, sizeof(folder), "sys/devices/system/node/node%d/hugepages", node);
		mb = pages_mb(&host->view, folder, "free_hugepages");
		if (huge && mb < needed)
			view_lacks(&host->view,
				"hugepages on NUMA node %d: %" PRIu64 " MB free, about %" PRIu64
				" wanted by its lcores, which get memory of another node: see host-setup.sh hugepages",
				node, mb, needed);
		else if (huge)
			view_has(&host->view,
				"hugepages on NUMA node %d: %" PRIu64 " MB free, about %" PRIu64
				" wanted by its lcores",
				node, mb, needed);
	}
	if (!huge && n_wanted > 1)
		view_lacks(&host->view,
			"memory on %u NUMA nodes: without hugepages all of it is on the node of main",
			n_wanted);
}

void
host_node_report_port(const struct host *host, unsigned int number)
{
	const struct placement_port *port = &host->port[number];
	unsigned int n = placement_crossing(port, host->worker_node);
	const char *name = host->config->port[number].name;

	if (port->node == PLACEMENT_ANY || host->worker_node[0] == PLACEMENT_ANY)
		return;
	if (n != 0)
		view_lacks(&host->view,
			"workers on NUMA node %d, where the device of port %s is: those of %u of %u queues are on others, and to cross between nodes costs time: see --lcores",
			port->node, name, n, port->n_queues);
	else
		view_has(&host->view, "workers on NUMA node %d, where the device of port %s is",
			port->node, name);
}
