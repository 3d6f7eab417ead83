/* SPDX-License-Identifier: BSD-3-Clause */
#include "admission.h"

#include <rte_cycles.h>

#include "core.h"
#include "generation.h"

bool
admission_begin(const struct admission *admission, const struct session_key *key,
	const struct hg_hello *hello, struct admission_ask *ret_ask)
{
	*ret_ask = (struct admission_ask){
		.now = rte_get_tsc_cycles(),
		.id = clients_id(key),
		.mark = used_mark(&admission->used, hello->cookie, hello->client + 2),
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
admit_client(struct core *core, struct admission_ask *ask)
{
	const struct clients_limits *limits = &core->generation->limits.clients;

	switch (clients_admit(&core->admission->clients, limits, ask->id, ask->now, &ask->client)) {
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

bool
admission_admit(struct core *core, bool replaces, struct admission_ask *ask)
{
	const struct admission_limits *limits = &core->generation->limits;
	const struct admission *admission = core->admission;
	struct stats_handshake *stats = &core->stats;

	if (stats_get(&stats->half_open) - replaces >= limits->half_open)
		return refuse(&stats->refused_half_open);
	if (stats_get(&stats->sessions) - replaces >= core->sessions_max)
		return refuse(&stats->refused_sessions_full);
	if (!pace_ready(&limits->pace, admission->due, ask->now))
		return refuse(&stats->refused_handshake_rate);
	return admission->clients.table == NULL || admit_client(core, ask);
}

void
admission_take(struct core *core, const struct admission_ask *ask, struct session *session)
{
	const struct admission_limits *limits = &core->generation->limits;
	struct admission *admission = core->admission;

	admission->due = pace_take(&limits->pace, admission->due, ask->now);
	session->client = ask->client;
	if (ask->client != NULL)
		clients_begin(&limits->clients, ask->client, ask->id, ask->now);
	if (!used_add(&admission->used, ask->mark, ask->now))
		stats_add(&core->stats.used_forgotten, 1);
}
