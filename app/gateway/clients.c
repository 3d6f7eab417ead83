/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/clients.h"

#include <rte_jhash.h>

#include "base/bytes.h"

static uint64_t
get(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

size_t
clients_size(uint32_t n)
{
	return (size_t)(n + CLIENTS_SET - 1) / CLIENTS_SET * CLIENTS_SET * sizeof(struct client);
}

void
clients_init(struct clients *clients, void *memory, uint32_t n, uint64_t seed)
{
	clients->table = memory;
	clients->n_sets = (n + CLIENTS_SET - 1) / CLIENTS_SET;
	clients->seed[0] = (uint32_t)seed;
	clients->seed[1] = (uint32_t)(seed >> 32);
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
	uint32_t a = clients->seed[0], b = clients->seed[1];

	rte_jhash_32b_2hashes(words, 2, &a, &b);
	ret_set[0] = clients->table + ((uint64_t)a * clients->n_sets >> 32) * CLIENTS_SET;
	ret_set[1] = clients->table + ((uint64_t)b * clients->n_sets >> 32) * CLIENTS_SET;
}

static struct client *
find(struct client *const set[2], uint64_t id)
{
	for (unsigned int s = 0; s < 2; s++)
		for (unsigned int i = 0; i < CLIENTS_SET; i++)
			if (get(&set[s][i].id) == id)
				return &set[s][i];
	return NULL;
}

/* A free place in the set that has more of them, or NULL: so that both fill up evenly. */
static struct client *
find_place(struct client *const set[2], uint64_t now)
{
	struct client *place[2] = { NULL, NULL };
	unsigned int n[2] = { 0, 0 };

	for (unsigned int s = 0; s < 2; s++)
		for (unsigned int i = 0; i < CLIENTS_SET; i++) {
			struct client *client = &set[s][i];

			if (get(&client->due) > now ||
				atomic_load_explicit(&client->half_open, memory_order_relaxed) !=
					0 ||
				atomic_load_explicit(&client->sessions, memory_order_relaxed) != 0)
				continue;
			place[s] = client;
			n[s]++;
		}
	return n[0] >= n[1] ? place[0] : place[1];
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
