/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/session.h"

#include <errno.h>

#include "core/core.h"
#include "gateway/generation.h"

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

/* The session that has been idle for longest, if that is long enough; never the one of the 4-tuple. */
static struct session *
find_idle(const struct core *core, const struct session *head, uint64_t now)
{
	uint64_t idle = core->generation->limits.evict_cycles;
	struct session *session = TAILQ_FIRST(&core->quiet);

	if (session != NULL && session == head)
		session = TAILQ_NEXT(session, quiet);
	if (session == NULL || idle == 0 || now - session->last_active < idle)
		return NULL;
	return session;
}

static _Atomic uint64_t *
refusal(struct stats_handshake *stats, enum admission_verdict verdict)
{
	switch (verdict) {
	case ADMISSION_HALF_OPEN:
		return &stats->refused_half_open;
	case ADMISSION_SESSIONS:
		return &stats->refused_sessions_full;
	case ADMISSION_RATE:
		return &stats->refused_handshake_rate;
	case ADMISSION_CLIENT_RATE:
		return &stats->refused_client_rate;
	case ADMISSION_CLIENT_HALF_OPEN:
		return &stats->refused_client_half_open;
	case ADMISSION_CLIENT_SESSIONS:
		return &stats->refused_client_sessions;
	case ADMISSION_CLIENT_TABLE:
		return &stats->refused_client_table;
	default:
		return NULL;
	}
}

bool
session_admit(struct core *core, const struct session *head, struct admission_ask *ask,
	struct session **ret_idle)
{
	struct session *idle = find_idle(core, head, ask->now);
	const struct admission_load load = {
		.half_open = stats_get(&core->stats.half_open),
		.sessions = stats_get(&core->stats.sessions),
		.sessions_max = core->sessions_max,
		.has_entry = head != NULL,
		.replaces = head != NULL && (head->half_open || head->beside != NULL),
		.has_idle = idle != NULL,
	};
	enum admission_verdict verdict =
		admission_admit(core->admission, &core->generation->limits, &load, ask);

	*ret_idle = ask->evicts ? idle : NULL;
	if (verdict != ADMISSION_PASS)
		stats_add(refusal(&core->stats, verdict), 1);
	return verdict == ADMISSION_PASS;
}
