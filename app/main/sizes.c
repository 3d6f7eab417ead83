/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/sizes.h"

#include <rte_common.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "core/core.h"
#include "core/source_ports.h"
#include "exception/exception.h"
#include "gateway/clients.h"
#include "gateway/marks.h"
#include "gateway/pool.h"
#include "gateway/rings.h"
#include "host/host.h"
#include "port/port.h"
#include "worker/hvr_cap.h"
#include "worker/loop.h"

#define FILES_SPARE 256u
/* Buffers that wait to be sent, per core: one ring's worth and what drivers keep of them. */
#define CORE_POOL_SPARE 1024u
#define SESSION_BYTES 150u     /* of rte_hash for each entry, at most */
#define FIXED_BYTES (6u << 20) /* EAL, drivers; measured */

static unsigned int
pool(unsigned int buffers, unsigned int n_users)
{
	buffers += n_users * POOL_CACHE * 2 + WORKER_BURST_MAX;
	return rte_align32pow2(buffers + 1) - 1;
}

unsigned int
sizes_receive_pool(const struct sizes_worker *worker, unsigned int n_cores, bool exception)
{
	unsigned int buffers = worker->descriptors, n_users = 1;

	if (worker->terminates) { /* of a bridge's port nothing goes to a core */
		buffers += n_cores * RINGS_CLASSES * RINGS_SIZE;
		n_users += n_cores;
	}
	if (exception)
		buffers += 2 * RINGS_SIZE + EXCEPTION_BURST;
	return pool(buffers, n_users);
}

unsigned int
sizes_send_pool(unsigned int n_workers)
{
	return pool(n_workers * (RINGS_SIZE + CORE_BURST) + CORE_POOL_SPARE, 1 + n_workers);
}

unsigned int
sizes_kernel_pool(unsigned int n_workers, unsigned int tx_descriptors)
{
	return pool(n_workers * RINGS_SIZE + EXCEPTION_BURST + tx_descriptors, n_workers);
}

uint16_t
sizes_buffer(uint16_t mtu)
{
	unsigned int longest = RTE_PKTMBUF_HEADROOM + PORT_ETHER_MAX + RTE_ETHER_CRC_LEN + mtu;

	return (uint16_t)RTE_MAX(
		RTE_ALIGN(longest, RTE_CACHE_LINE_SIZE), RTE_MBUF_DEFAULT_BUF_SIZE);
}

uint32_t
sizes_sessions(const struct config_gateway *settings)
{
	return RTE_MAX(settings->max_sessions / settings->handshake_cores, 1u);
}

uint32_t
sizes_clients(const struct config_gateway *settings)
{
	/* A client with sessions keeps its entry: half of them stay free, so that there is one. */
	return settings->client_table +
	       (settings->client_sessions != 0 ? 2 * sizes_sessions(settings) : 0);
}

uint64_t
sizes_files(const struct config_gateway *settings)
{
	return (uint64_t)settings->max_sessions + FILES_SPARE;
}

/* Of a pool of n packet buffers; without hugepages none of them crosses a page. */
static uint64_t
pool_bytes(unsigned int n, uint16_t buffer, bool packed, uint32_t page)
{
	uint32_t element = rte_mempool_calc_obj_size(
		(uint32_t)(sizeof(struct rte_mbuf) + NOTE_ROOM) + buffer, 0, NULL);
	uint64_t bytes = sizeof(struct rte_mempool) +
			 RTE_MAX_LCORE * sizeof(struct rte_mempool_cache) +
			 rte_align32pow2(n + 1) * sizeof(void *);

	if (page == 0 || packed)
		return bytes + (uint64_t)n * element;
	if (element > page)
		return bytes + (uint64_t)n * RTE_ALIGN(element, page);
	return bytes + ((uint64_t)n / (page / element) + 1) * page;
}

/* Of the session table: keys and the list of those to be freed, buckets and lists of free places. */
static uint64_t
table_bytes(uint32_t n)
{
	return (uint64_t)n * 76 + (uint64_t)rte_align32pow2(n) * 32;
}

/* What workers have of a port. Returns the descriptors of the kernel's frames. */
static unsigned int
add_port(const struct config_port *port, const struct placement_port *placed,
	struct sizes_worker *worker)
{
	const struct profile *profile = &port->profile;

	for (unsigned int q = 0; q < placed->n_queues; q++) {
		struct sizes_worker *one = &worker[placed->worker[q]];

		one->descriptors += profile->rx_descriptors + profile->tx_descriptors;
		one->mtu = RTE_MAX(one->mtu, port->mtu);
		one->terminates |= !port->bridged;
		one->packed |= profile->packed_buffers != 0;
	}
	return port->tap != NULL ? placed->n_queues * profile->tx_descriptors : 0;
}

/* Of one worker: see create_worker() and rings_create(). */
static uint64_t
worker_bytes(const struct config_gateway *settings, const struct sizes_worker *worker,
	unsigned int n_queues, bool exception, uint32_t page)
{
	unsigned int n_cores = settings->handshake_cores;
	uint64_t bytes = sizeof(struct worker);

	bytes += n_queues * (sizeof(struct queue *) + sizeof(unsigned int));
	bytes += n_cores * RINGS_CLASSES *
		 (WORKER_BURST_MAX * sizeof(struct rte_mbuf *) + sizeof(unsigned int));
	bytes += hg_cookie_batch_size(settings->cookie_binding);
	bytes += (n_cores + (exception ? 3 : 0)) * (uint64_t)rte_ring_get_memsize(RINGS_SIZE);
	bytes += HVR_CAP_SIZE;
	if (settings->bridge_text != NULL)
		bytes += marks_size(settings->guard_table);
	return bytes + pool_bytes(sizes_receive_pool(worker, n_cores, exception),
			       sizes_buffer(worker->mtu), worker->packed, page);
}

/* Of one core: see create_core() and rings_create(). */
static uint64_t
core_bytes(const struct config_gateway *settings, unsigned int n_workers, uint32_t page)
{
	uint64_t bytes = sizeof(struct core) + sizeof(struct admission);

	bytes += n_workers * (sizeof(struct core_out) + RINGS_CLASSES * sizeof(struct rings_count));
	bytes += n_workers * RINGS_CLASSES * (uint64_t)rte_ring_get_memsize(RINGS_SIZE);
	bytes += clients_size(sizes_clients(settings)) + marks_size(settings->used_hellos);
	if (settings->upstream_port_first != 0)
		bytes += source_ports_size(settings->upstream_port_first,
			settings->upstream_port_last, settings->handshake_cores);
	return bytes +
	       pool_bytes(sizes_send_pool(n_workers), RTE_MBUF_DEFAULT_BUF_SIZE, false, page);
}

void
sizes_needs(const struct host *host, struct host_needs *ret_needs)
{
	const struct config *config = host->config;
	const struct config_gateway *settings = &config->gateway;
	struct sizes_worker worker[CONFIG_WORKERS_MAX] = { 0 };
	unsigned int kernel = 0, n_queues = 0;
	bool exception = false;

	for (unsigned int p = 0; p < config->n_ports; p++) {
		kernel += add_port(&config->port[p], &host->port[p], worker);
		n_queues += host->port[p].n_queues;
		exception |= config->port[p].tap != NULL;
	}
	*ret_needs = (struct host_needs){
		.files = sizes_files(settings),
		.core = core_bytes(settings, host->n_workers, host->page),
		.cores = table_bytes(settings->max_sessions),
		.other = FIXED_BYTES,
	};
	if (exception)
		ret_needs->other += pool_bytes(sizes_kernel_pool(host->n_workers, kernel),
			RTE_MBUF_DEFAULT_BUF_SIZE, false, host->page);
	for (unsigned int i = 0; i < host->n_workers; i++)
		ret_needs->worker[i] =
			worker_bytes(settings, &worker[i], n_queues, exception, host->page);
}
