/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/session.h"

#include <errno.h>

struct session *
session_find(const struct rte_hash *table, const struct flow_key *key)
{
	void *data;

	if (rte_hash_lookup_data(table, key, &data) < 0)
		return NULL;
	return flow_session(data);
}

int
session_publish(struct rte_hash *table, struct session *session)
{
	void *data = flow_data(session, !session->half_open);

	return rte_hash_add_key_data(table, &session->key, data) == 0 ? 0 : -ENOSPC;
}

void
session_unpublish(struct rte_hash *table, struct session *session)
{
	rte_hash_del_key(table, &session->key);
}
