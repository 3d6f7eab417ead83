/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/admission.h"

#include <rte_cycles.h>

#include "core/core.h"
#include "gateway/generation.h"

bool
admission_begin(const struct admission *admission, const struct flow_key *key,
	const struct hg_hello *hello, struct admission_ask *ret_ask)
{
	*ret_ask = (struct admission_ask){
		.now = rte_get_tsc_cycles(),
		.id = clients_id(key),
		.mark = used_mark(
			&admission->used, hello->cookie, hello->client + 2, hello->record_seq),
	};
	return !used_has(&admission->used, ret_ask->mark, ret_ask->now);
}

static bool
refuse(_Atomic uint64_t *counter)
{
	stats_add(counter, 1);
	return false;
}

static bool
admit_client(struct core *core, bool has_entry, struct admission_ask *ask)
{
	const struct clients_limits *limits = &core->generation->limits.clients;

	switch (clients_admit(
		&core->admission->clients, limits, ask->id, ask->now, has_entry, &ask->client)) {
	case CLIENTS_SESSIONS:
		return refuse(&core->stats.refused_client_sessions);
	case CLIENTS_RATE:
		return refuse(&core->stats.refused_client_rate);
	case CLIENTS_HALF_OPEN:
		return refuse(&core->stats.refused_client_half_open);
	case CLIENTS_FULL:
		return refuse(&core->stats.refused_client_table);
	default:
		return true;
	}
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

bool
admission_admit(struct core *core, const struct session *head, struct admission_ask *ask)
{
	/* A handshake in progress of the same 4-tuple would end for it. */
	bool replaces = head != NULL && (head->half_open || head->beside != NULL);
	const struct admission_limits *limits = &core->generation->limits;
	const struct admission *admission = core->admission;
	struct stats_handshake *stats = &core->stats;

	if (stats_get(&stats->half_open) - replaces >= limits->half_open)
		return refuse(&stats->refused_half_open);
	if (stats_get(&stats->sessions) - replaces >= core->sessions_max) {
		ask->evicted = find_idle(core, head, ask->now);
		if (ask->evicted == NULL)
			return refuse(&stats->refused_sessions_full);
	}
	if (!pace_ready(&limits->pace, admission->due, ask->now))
		return refuse(&stats->refused_handshake_rate);
	return admission->clients.table == NULL || admit_client(core, head != NULL, ask);
}

void
admission_take(
	struct core *core, const struct admission_ask *ask, struct session *session, bool has_entry)
{
	const struct admission_limits *limits = &core->generation->limits;
	struct admission *admission = core->admission;

	admission->due = pace_take(&limits->pace, admission->due, ask->now);
	session->client = ask->client;
	if (ask->client != NULL)
		clients_begin(&limits->clients, ask->client, ask->id, ask->now);
	if (ask->client != NULL && admission->clients.with_sessions && !has_entry)
		clients_enter(ask->client);
	if (!used_add(&admission->used, ask->mark, ask->now))
		stats_add(&core->stats.used_forgotten, 1);
	session->hello = ask->mark;
}

void
admission_give_up(struct core *core, const struct session *session)
{
	used_give_up(&core->admission->used, session->hello, rte_get_tsc_cycles());
}
