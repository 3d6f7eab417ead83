/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/admission.h"

static struct used_mark
mark_of(const struct admission *admission, const struct hg_hello *hello)
{
	return used_mark(&admission->used, hello->cookie, hello->client + HG_HELLO_RANDOM,
		hello->record_seq);
}

static enum admission_verdict
of_client(enum clients_verdict verdict)
{
	switch (verdict) {
	case CLIENTS_RATE:
		return ADMISSION_CLIENT_RATE;
	case CLIENTS_HALF_OPEN:
		return ADMISSION_CLIENT_HALF_OPEN;
	case CLIENTS_SESSIONS:
		return ADMISSION_CLIENT_SESSIONS;
	case CLIENTS_FULL:
		return ADMISSION_CLIENT_TABLE;
	default:
		return ADMISSION_PASS;
	}
}

enum admission_verdict
admission_look(const struct admission *admission, const struct clients_limits *limits,
	const struct flow_key *key, const struct hg_hello *hello, uint64_t now)
{
	/* A fragment may bring what the core has not had yet, even of a hello that it knows. */
	if (hg_hello_is_whole(hello) && used_has(&admission->used, mark_of(admission, hello), now))
		return ADMISSION_USED;
	if (admission->clients.table == NULL)
		return ADMISSION_PASS;
	return of_client(clients_look(&admission->clients, limits, clients_id(key), now));
}

bool
admission_begin(const struct admission *admission, const struct flow_key *key,
	const struct hg_hello *hello, uint64_t now, struct admission_ask *ret_ask)
{
	*ret_ask = (struct admission_ask){
		.now = now,
		.id = clients_id(key),
		.mark = mark_of(admission, hello),
	};
	return !used_has(&admission->used, ret_ask->mark, now);
}

enum admission_verdict
admission_admit(const struct admission *admission, const struct admission_limits *limits,
	const struct admission_load *load, struct admission_ask *ask)
{
	if (load->half_open - load->replaces >= limits->half_open)
		return ADMISSION_HALF_OPEN;
	ask->evicts = load->sessions - load->replaces >= load->sessions_max;
	if (ask->evicts && !load->has_idle)
		return ADMISSION_SESSIONS;
	if (!pace_ready(&limits->pace, admission->due, ask->now))
		return ADMISSION_RATE;
	if (admission->clients.table == NULL)
		return ADMISSION_PASS;
	ask->is_further = !load->has_entry;
	return of_client(clients_admit(&admission->clients, &limits->clients, ask->id, ask->now,
		load->has_entry, &ask->client));
}

bool
admission_take(struct admission *admission, const struct admission_limits *limits,
	const struct admission_ask *ask)
{
	admission->due = pace_take(&limits->pace, admission->due, ask->now);
	if (ask->client != NULL)
		clients_begin(&limits->clients, ask->client, ask->id, ask->now);
	if (ask->client != NULL && admission->clients.with_sessions && ask->is_further)
		clients_enter(ask->client);
	return used_add(&admission->used, ask->mark, ask->now);
}

void
admission_give_up(const struct admission *admission, struct used_mark mark, uint64_t now)
{
	used_give_up(&admission->used, mark, now);
}
