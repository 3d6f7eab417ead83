/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/flows.h"

#include <rte_jhash.h>
#include <rte_random.h>

#include <errno.h>

struct rte_hash *
flows_create(uint32_t max, struct rte_rcu_qsbr *qsbr, int node)
{
	/*
	 * Seeded, so that nobody outside can aim at one bucket; and not rte_hash's default, CRC32C,
	 * of which two keys that collide under one seed collide under all.
	 */
	struct rte_hash_parameters parameters = {
		.name = "sessions",
		.entries = max,
		.key_len = sizeof(struct flow_key),
		.hash_func = rte_jhash,
		.hash_func_init_val = (uint32_t)rte_rand(),
		.socket_id = node,
		.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF |
			      RTE_HASH_EXTRA_FLAGS_MULTI_WRITER_ADD |
			      RTE_HASH_EXTRA_FLAGS_EXT_TABLE,
	};
	struct rte_hash_rcu_config rcu = { .v = qsbr, .mode = RTE_HASH_QSBR_MODE_DQ };
	struct rte_hash *table = rte_hash_create(&parameters);

	if (table != NULL && rte_hash_rcu_qsbr_add(table, &rcu) != 0) {
		rte_hash_free(table);
		table = NULL;
	}
	return table;
}

void *
flows_find(const struct rte_hash *table, const struct flow_key *key)
{
	void *data;

	return rte_hash_lookup_data(table, key, &data) < 0 ? NULL : flow_session(data);
}

int
flows_put(struct rte_hash *table, const struct flow_key *key, void *data)
{
	return rte_hash_add_key_data(table, key, data) == 0 ? 0 : -ENOSPC;
}

void
flows_remove(struct rte_hash *table, const struct flow_key *key)
{
	rte_hash_del_key(table, key);
}
