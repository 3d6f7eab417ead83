/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/pool.h"

#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>

#include <stdio.h>

#include "gateway/note.h"

/*
 * A pool whose buffers follow each other without a gap. rte_pktmbuf_pool_create() lets none cross a
 * page, for devices that know physical addresses.
 */
static struct rte_mempool *
create_packed(const char *name, const struct pool *wanted, int node)
{
	struct rte_pktmbuf_pool_private sizes = {
		.mbuf_data_room_size = wanted->size,
		.mbuf_priv_size = NOTE_ROOM,
	};
	struct rte_mempool *pool = rte_mempool_create_empty(name, wanted->n,
		sizeof(struct rte_mbuf) + NOTE_ROOM + wanted->size, POOL_CACHE, sizeof(sizes), node,
		RTE_MEMPOOL_F_NO_IOVA_CONTIG);

	if (pool == NULL)
		return NULL;
	if (rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), NULL) != 0)
		goto fail;
	rte_pktmbuf_pool_init(pool, &sizes);
	if (rte_mempool_populate_default(pool) < 0)
		goto fail;
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;
fail:
	rte_mempool_free(pool);
	return NULL;
}

struct rte_mempool *
pool_create(struct nodes *nodes, const struct pool *wanted)
{
	int node = nodes_first(nodes, wanted->node);
	char name[RTE_MEMPOOL_NAMESIZE];
	struct rte_mempool *pool;

	snprintf(name, sizeof(name), "%s-%u", wanted->kind, wanted->number);
	do
		pool = wanted->packed ? create_packed(name, wanted, node)
				      : rte_pktmbuf_pool_create(name, wanted->n, POOL_CACHE,
						NOTE_ROOM, wanted->size, node);
	while (pool == NULL && nodes_fall_back(nodes, &node));
	return pool;
}
