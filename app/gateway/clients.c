/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/clients.h"

#include "base/bytes.h"

static uint64_t
get(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

size_t
clients_size(uint32_t n)
{
	return sets_places(n) * sizeof(struct client);
}

void
clients_init(struct clients *clients, void *memory, uint32_t n, uint64_t seed)
{
	clients->table = memory;
	sets_init(&clients->sets, n, seed);
}

uint64_t
clients_id(const struct flow_key *key)
{
	/* No packet comes from ffff::/16, which is multicast: IPv4 addresses have it to themselves. */
	if (key->family == 4)
		return UINT64_C(0xffffffff00000000) | hg_load_be32(key->tuple);
	return hg_load_be64(key->tuple);
}

/* The sets in which an entry can be: their first places. */
static void
find_sets(const struct clients *clients, uint64_t id, struct client *ret_set[2])
{
	const uint32_t words[2] = { (uint32_t)id, (uint32_t)(id >> 32) };
	uint32_t first[2];

	sets_find(&clients->sets, words, first);
	ret_set[0] = clients->table + first[0];
	ret_set[1] = clients->table + first[1];
}

static struct client *
find(struct client *const set[2], uint64_t id)
{
	for (unsigned int s = 0; s < 2; s++)
		for (unsigned int i = 0; i < SETS_PLACES; i++)
			if (get(&set[s][i].id) == id)
				return &set[s][i];
	return NULL;
}

static bool
is_free(const struct client *client, uint64_t now)
{
	return get(&client->due) <= now &&
	       atomic_load_explicit(&client->half_open, memory_order_relaxed) == 0 &&
	       atomic_load_explicit(&client->sessions, memory_order_relaxed) == 0;
}

/* A free place, or NULL. */
static struct client *
find_place(struct client *const set[2], uint64_t now)
{
	uint32_t left[2][SETS_PLACES];
	struct sets_place chosen;

	/* Nobody is driven out, so it does not matter when a place is free that is not. */
	for (unsigned int s = 0; s < 2; s++)
		for (unsigned int i = 0; i < SETS_PLACES; i++)
			left[s][i] = is_free(&set[s][i], now) ? 0 : 1;
	chosen = sets_choose(left);
	return left[chosen.set][chosen.place] == 0 ? &set[chosen.set][chosen.place] : NULL;
}

static enum clients_verdict
judge(const struct clients_limits *limits, const struct client *client, uint64_t now,
	bool has_entry)
{
	if (limits->sessions != 0 && !has_entry &&
		atomic_load_explicit(&client->sessions, memory_order_relaxed) >= limits->sessions)
		return CLIENTS_SESSIONS;
	if (limits->half_open != 0 &&
		atomic_load_explicit(&client->half_open, memory_order_relaxed) >= limits->half_open)
		return CLIENTS_HALF_OPEN;
	return pace_ready(&limits->pace, get(&client->due), now) ? CLIENTS_PASS : CLIENTS_RATE;
}

enum clients_verdict
clients_look(const struct clients *clients, const struct clients_limits *limits, uint64_t id,
	uint64_t now)
{
	const struct client *client;
	struct client *set[2];

	find_sets(clients, id, set);
	client = find(set, id);
	return client != NULL ? judge(limits, client, now, false) : CLIENTS_PASS;
}

enum clients_verdict
clients_admit(const struct clients *clients, const struct clients_limits *limits, uint64_t id,
	uint64_t now, bool has_entry, struct client **ret_client)
{
	enum clients_verdict verdict = CLIENTS_PASS;
	struct client *set[2], *client;

	find_sets(clients, id, set);
	client = find(set, id);
	if (client != NULL)
		verdict = judge(limits, client, now, has_entry);
	else
		client = find_place(set, now);
	if (client == NULL)
		return CLIENTS_FULL;
	if (verdict == CLIENTS_PASS)
		*ret_client = client;
	return verdict;
}

void
clients_begin(const struct clients_limits *limits, struct client *client, uint64_t id, uint64_t now)
{
	uint64_t due = pace_take(&limits->pace, get(&client->due), now);
	uint32_t half_open = atomic_load_explicit(&client->half_open, memory_order_relaxed);

	atomic_store_explicit(&client->id, id, memory_order_relaxed);
	atomic_store_explicit(&client->due, due, memory_order_relaxed);
	atomic_store_explicit(&client->half_open, half_open + 1, memory_order_relaxed);
}

void
clients_leave(struct client *client)
{
	uint32_t half_open = atomic_load_explicit(&client->half_open, memory_order_relaxed);

	atomic_store_explicit(&client->half_open, half_open - 1, memory_order_relaxed);
}

void
clients_enter(struct client *client)
{
	uint32_t sessions = atomic_load_explicit(&client->sessions, memory_order_relaxed);

	atomic_store_explicit(&client->sessions, sessions + 1, memory_order_relaxed);
}

void
clients_exit(struct client *client)
{
	uint32_t sessions = atomic_load_explicit(&client->sessions, memory_order_relaxed);

	atomic_store_explicit(&client->sessions, sessions - 1, memory_order_relaxed);
}
