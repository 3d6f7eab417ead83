/* SPDX-License-Identifier: BSD-3-Clause */
#include "sizes.h"

#include <rte_common.h>
#include <rte_ether.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "clients.h"
#include "core.h"
#include "exception.h"
#include "hvr_cap.h"
#include "marks.h"
#include "port.h"
#include "rings.h"
#include "worker.h"

#define FILES_SPARE 256u
/* Buffers that wait to be sent, per core: one ring's worth and what drivers keep of them. */
#define CORE_POOL_SPARE 1024u
#define SESSION_BYTES 150u     /* of rte_hash for each entry, at most */
#define FIXED_BYTES (6u << 20) /* EAL, drivers, rings; measured */
#define WORKERS_MAX 128u

static unsigned int
pool(unsigned int buffers, unsigned int n_users)
{
	buffers += n_users * SIZES_POOL_CACHE * 2 + WORKER_BURST_MAX;
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
		(uint32_t)(sizeof(struct rte_mbuf) + RINGS_NOTE_ROOM) + buffer, 0, NULL);
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

/* Deals queues out as gateway_create() does, as many as the profiles let a port have. */
static bool
deal(const struct config *config, struct sizes_worker *worker, unsigned int n_workers,
	unsigned int *ret_kernel)
{
	unsigned int next = 0;
	bool exception = false;

	*ret_kernel = 0;
	for (unsigned int p = 0; p < config->n_ports; p++) {
		const struct config_port *port = &config->port[p];
		const struct profile *profile = &port->profile;
		unsigned int n = n_workers;

		if (profile->queues != 0)
			n = RTE_MIN(n, profile->queues);
		for (unsigned int q = 0; q < n; q++) {
			struct sizes_worker *one =
				&worker[(port->bridged ? q : next++) % n_workers];

			one->descriptors += profile->rx_descriptors + profile->tx_descriptors;
			one->mtu = RTE_MAX(one->mtu, port->mtu);
			one->terminates |= !port->bridged;
			one->packed |= profile->packed_buffers != 0;
		}
		if (port->tap != NULL) {
			exception = true;
			*ret_kernel += n * profile->tx_descriptors;
		}
	}
	return exception;
}

uint64_t
sizes_memory(const struct config *config, unsigned int n_workers, uint32_t page)
{
	const struct config_gateway *settings = &config->gateway;
	struct sizes_worker worker[WORKERS_MAX] = { 0 };
	unsigned int kernel;
	bool exception;
	uint64_t bytes = FIXED_BYTES;

	n_workers = RTE_MIN(n_workers, WORKERS_MAX);
	exception = deal(config, worker, n_workers, &kernel);
	for (unsigned int i = 0; i < n_workers; i++) {
		bytes += pool_bytes(
			sizes_receive_pool(&worker[i], settings->handshake_cores, exception),
			sizes_buffer(worker[i].mtu), worker[i].packed, page);
		bytes += HVR_CAP_SIZE;
		if (settings->bridge_text != NULL)
			bytes += marks_size(settings->guard_table);
	}
	for (unsigned int i = 0; i < settings->handshake_cores; i++) {
		bytes += pool_bytes(
			sizes_send_pool(n_workers), RTE_MBUF_DEFAULT_BUF_SIZE, false, page);
		bytes += clients_size(sizes_clients(settings)) + marks_size(settings->used_hellos);
	}
	if (exception)
		bytes += pool_bytes(sizes_kernel_pool(n_workers, kernel), RTE_MBUF_DEFAULT_BUF_SIZE,
			false, page);
	return bytes + table_bytes(settings->max_sessions);
}
