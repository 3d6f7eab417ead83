/* SPDX-License-Identifier: BSD-3-Clause */
/* Limits of single clients: at their edges, and of the table that holds them. */
#include <stdlib.h>
#include <string.h>

#include "gateway/clients.h"
#include "unit.h"

#define HZ 1000000u
#define NOW UINT64_C(987654321987)
#define SEED UINT64_C(0x0123456789abcdef)

static struct clients_limits limits;

/* A table of n entries; rate 0 and half_open 0 for no limit. */
static struct clients
make(uint32_t n, uint32_t rate, uint32_t burst, uint32_t half_open)
{
	struct clients clients;
	void *memory = calloc(1, clients_size(n));

	assert_non_null(memory);
	limits.half_open = half_open;
	pace_init(&limits.pace, HZ, rate, burst);
	clients_init(&clients, memory, n, SEED);
	return clients;
}

/* A handshake of the client begins, if it may. */
static enum clients_verdict
begin(struct clients *clients, uint64_t id, uint64_t now, struct client **ret_client)
{
	enum clients_verdict look = clients_look(clients, &limits, id, now), verdict;
	struct client *client = NULL;

	verdict = clients_admit(clients, &limits, id, now, false, &client);
	/* What a worker sees is what the core decides, but for clients that are not there yet. */
	assert_int_equal(look, verdict == CLIENTS_FULL ? CLIENTS_PASS : verdict);
	if (verdict == CLIENTS_PASS) {
		clients_begin(&limits, client, id, now);
		if (ret_client != NULL)
			*ret_client = client;
	} else {
		assert_null(client);
	}
	return verdict;
}

static enum clients_verdict
begin_and_leave(struct clients *clients, uint64_t id, uint64_t now)
{
	struct client *client;
	enum clients_verdict verdict = begin(clients, id, now, &client);

	if (verdict == CLIENTS_PASS)
		clients_leave(client);
	return verdict;
}

static struct flow_key
key_of(uint8_t family, const char *tuple)
{
	struct flow_key key = { .family = family };

	memcpy(key.tuple, tuple, family == 4 ? 12 : 36);
	return key;
}

/* An IPv4 address, whatever the port; an IPv6 /64, whatever the rest. */
static void
test_id(void **state)
{
	static const char six[] = "\x20\x01\x0d\xb8\x12\x34\x56\x78\x9a\xbc\xde\xf0\x11\x22\x33\x44"
				  "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
				  "\x12\x34\x16\x34";
	struct flow_key key = key_of(4, "\xc0\x00\x02\x07\xc6\x12\x00\x01\x12\x34\x16\x34");
	uint64_t id = clients_id(&key);

	(void)state;
	for (unsigned int i = 0; i < 12; i++) {
		struct flow_key other = key;

		other.tuple[i] ^= 1;
		assert_int_equal(clients_id(&other) == id, i >= 4);
	}
	key = key_of(6, six);
	id = clients_id(&key);
	assert_int_equal(id, UINT64_C(0x20010db812345678));
	for (unsigned int i = 0; i < 36; i++) {
		struct flow_key other = key;

		other.tuple[i] ^= 0x80;
		assert_int_equal(clients_id(&other) == id, i >= 8);
	}
	/* No /64 that a packet may come from is taken for an IPv4 address. */
	key = key_of(4, "\xff\xff\xff\xff\xc6\x12\x00\x01\x12\x34\x16\x34");
	assert_int_equal(clients_id(&key) >> 56, 0xff);
	key = key_of(4, "\x00\x00\x00\x00\xc6\x12\x00\x01\x12\x34\x16\x34");
	assert_int_equal(clients_id(&key) >> 56, 0xff);
}

static void
test_rate(void **state)
{
	struct clients clients = make(64, 20, 5, 0);

	(void)state;
	for (unsigned int i = 0; i < 5; i++)
		assert_int_equal(begin_and_leave(&clients, 7, NOW), CLIENTS_PASS);
	for (unsigned int i = 0; i < 100; i++)
		assert_int_equal(begin_and_leave(&clients, 7, NOW), CLIENTS_RATE);
	assert_int_equal(begin_and_leave(&clients, 8, NOW), CLIENTS_PASS); /* another client */
	assert_int_equal(begin_and_leave(&clients, 7, NOW + HZ / 20 - 1), CLIENTS_RATE);
	/* What was refused has cost nothing. */
	assert_int_equal(begin_and_leave(&clients, 7, NOW + HZ / 20), CLIENTS_PASS);
	assert_int_equal(begin_and_leave(&clients, 7, NOW + HZ / 20), CLIENTS_RATE);
	free(clients.table);
}

static void
test_half_open(void **state)
{
	struct clients clients = make(64, 0, 1, 3);
	struct client *client[3], *other;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(begin(&clients, 7, NOW, &client[i]), CLIENTS_PASS);
		assert_ptr_equal(client[i], client[0]);
	}
	assert_int_equal(begin(&clients, 7, NOW, NULL), CLIENTS_HALF_OPEN);
	assert_int_equal(begin(&clients, 7, NOW + 1000 * HZ, NULL), CLIENTS_HALF_OPEN);
	assert_int_equal(begin(&clients, 8, NOW, &other), CLIENTS_PASS);
	clients_leave(client[1]);
	assert_int_equal(begin(&clients, 7, NOW, NULL), CLIENTS_PASS);
	assert_int_equal(begin(&clients, 7, NOW, NULL), CLIENTS_HALF_OPEN);
	free(clients.table);
}

/* With a 4-tuple that has a session it is no further one; and a client with sessions keeps its place. */
static void
test_sessions(void **state)
{
	struct clients clients = make(SETS_PLACES, 0, 1, 0);
	struct client *client, *other;

	(void)state;
	limits.sessions = 2;
	for (unsigned int i = 0; i < 2; i++) {
		assert_int_equal(begin(&clients, 7, NOW, &client), CLIENTS_PASS);
		clients_enter(client);
		clients_leave(client);
	}
	assert_int_equal(begin(&clients, 7, NOW + 1000 * HZ, NULL), CLIENTS_SESSIONS);
	assert_int_equal(clients_admit(&clients, &limits, 7, NOW, true, &other), CLIENTS_PASS);
	assert_ptr_equal(other, client);
	/* Others have none of it, whatever they need places for. */
	for (uint64_t id = 100; id < 200; id++)
		assert_int_equal(begin_and_leave(&clients, id, NOW + id * HZ), CLIENTS_PASS);
	assert_int_equal(begin(&clients, 7, NOW + 1000 * HZ, NULL), CLIENTS_SESSIONS);
	clients_exit(client);
	assert_int_equal(begin(&clients, 7, NOW + 1000 * HZ, &other), CLIENTS_PASS);
	assert_ptr_equal(other, client);
	limits.sessions = 0;
	free(clients.table);
}

/* A table of one set: every place is anyone's. */
static void
test_full(void **state)
{
	struct clients clients = make(SETS_PLACES, 10, 2, 0);
	struct client *first;

	(void)state;
	assert_int_equal(begin(&clients, 100, NOW, &first), CLIENTS_PASS);
	for (uint64_t id = 101; id < 100 + SETS_PLACES; id++)
		assert_int_equal(begin_and_leave(&clients, id, NOW), CLIENTS_PASS);
	assert_int_equal(begin_and_leave(&clients, 200, NOW), CLIENTS_FULL);
	assert_int_equal(begin_and_leave(&clients, 101, NOW), CLIENTS_PASS); /* is there */
	/*
	 * All have their buckets full again then, but for 101, which has taken two; and the first
	 * has a handshake in progress.
	 */
	assert_int_equal(begin_and_leave(&clients, 200, NOW + HZ / 10 - 1), CLIENTS_FULL);
	for (uint64_t id = 200; id < 200 + SETS_PLACES - 2; id++)
		assert_int_equal(begin_and_leave(&clients, id, NOW + HZ / 10), CLIENTS_PASS);
	assert_int_equal(begin_and_leave(&clients, 300, NOW + HZ / 10), CLIENTS_FULL);
	clients_leave(first);
	assert_int_equal(begin_and_leave(&clients, 300, NOW + HZ / 10), CLIENTS_PASS);
	/* The first has lost its place, and nothing with it. */
	assert_int_equal(begin_and_leave(&clients, 100, NOW + HZ / 10), CLIENTS_FULL);
	assert_int_equal(begin_and_leave(&clients, 100, NOW + HZ), CLIENTS_PASS);
	free(clients.table);
}

/* Fills a table until the first is refused: at random, yet not far from full. */
static void
test_fills_evenly(void **state)
{
	const uint32_t n = 16384;
	struct clients clients = make(n, 1, 1, 0);
	uint64_t held;

	(void)state;
	for (held = 0; begin_and_leave(&clients, held * 0x10001 + 1, NOW) == CLIENTS_PASS; held++)
		assert_true(held < n);
	assert_true(held > n * 6 / 10);
	for (uint64_t i = 0; i < held; i++)
		assert_int_equal(
			clients_look(&clients, &limits, i * 0x10001 + 1, NOW), CLIENTS_RATE);
	/* When their time is over the table is as good as new. */
	for (uint64_t i = 0; i < n * 6 / 10; i++)
		assert_int_equal(begin_and_leave(&clients, ~i, NOW + HZ), CLIENTS_PASS);
	free(clients.table);
}

/* Which clients share a set depends on the seed. */
static void
test_seed(void **state)
{
	struct clients one = make(1024, 1, 1, 0), two = make(1024, 1, 1, 0);
	unsigned int same = 0;

	(void)state;
	clients_init(&two, two.table, 1024, ~SEED);
	for (uint64_t id = 1; id <= 100; id++) {
		struct client *a, *b;

		assert_int_equal(begin(&one, id, NOW, &a), CLIENTS_PASS);
		assert_int_equal(begin(&two, id, NOW, &b), CLIENTS_PASS);
		same += (a - one.table) / (ptrdiff_t)SETS_PLACES ==
			(b - two.table) / (ptrdiff_t)SETS_PLACES;
	}
	assert_true(same < 20);
	free(one.table);
	free(two.table);
}

static void
test_size(void **state)
{
	(void)state;
	assert_int_equal(clients_size(8), 8 * sizeof(struct client));
	assert_int_equal(clients_size(9), 16 * sizeof(struct client));
	assert_int_equal(clients_size(1048576), 1048576 * sizeof(struct client));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_id),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_half_open),
		cmocka_unit_test(test_sessions),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_fills_evenly),
		cmocka_unit_test(test_seed),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
