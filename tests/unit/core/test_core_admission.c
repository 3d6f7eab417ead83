/* SPDX-License-Identifier: BSD-3-Clause */
/* Which hellos open a session, who makes room for one, and what the others cost. */
#include <string.h>

#include "life.h"
#include "unit.h"

/* What it cannot have costs the client nothing: it may send the same hello again. */
static void
test_no_slot(void **state)
{
	struct stats_handshake *stats = &life.lcores.core.stats;

	(void)state;
	pace_init(&life.generation.limits.pace, LIFE_HZ, 1, 1);
	pace_init(&life.generation.limits.clients.pace, LIFE_HZ, 1, 1);
	life.slots = 0;
	for (unsigned int i = 1; i <= 3; i++)
		assert_null(life_hello(1, 1));
	life_assert("no slot for 1, free 1, no slot for 2, free 2, no slot for 3, free 3");
	assert_int_equal(stats_get(&stats->refused_sessions_full), 3);
	life.no_tls = true;
	assert_null(life_hello(1, 1));
	life_assert("");
	assert_int_equal(stats_get(&stats->refused_no_memory), 1);
	life.no_tls = false;
	life.slots = LIFE_SLOTS;
	assert_non_null(life_hello(1, 1));
	life_assert("put 4, enter 4");
}

/* Whoever is idle for long ends for a new session that has its place, and for no other. */
static void
test_evicted(void **state)
{
	struct session *session[LIFE_MAX];

	(void)state;
	for (unsigned int i = 0; i < LIFE_MAX; i++)
		session[i] = life_established((uint16_t)(i + 1), (uint8_t)(i + 1));
	life.slots = LIFE_MAX;
	assert_null(life_hello(10, 10));
	life_assert("no slot for 4, free 4");
	life.slots = LIFE_SLOTS;
	assert_non_null(life_hello(10, 10));
	life_assert("put 5, close 1, remove 1, free 1, enter 5");
	/* Half-open sessions are not idle; this one is replaced, which needs no room. */
	assert_non_null(life_hello(10, 11));
	life_assert("put 6, free 5, enter 6");
	/* A client that comes back does not lose the session that it may still have. */
	assert_non_null(life_hello(2, 12));
	life_assert("close 3, remove 3, free 3, enter 7");
	assert_ptr_equal(life_head(2), session[1]);
	assert_non_null(life_hello(2, 13));
	life_assert("free 7, enter 8");
	assert_int_equal(stats_get(&life.lcores.core.stats.sessions_evicted), 2);
}

/* Nobody is pushed out as long as there is room, or who is in use. */
static void
test_in_use(void **state)
{
	struct session *session[LIFE_MAX];

	(void)state;
	life.lcores.core.sessions_max = LIFE_MAX + 1;
	for (unsigned int i = 0; i < LIFE_MAX; i++)
		session[i] = life_established((uint16_t)(i + 1), (uint8_t)(i + 1));
	assert_non_null(life_hello(10, 10));
	life_assert("put 4, enter 4");
	for (unsigned int i = 0; i < LIFE_MAX; i++)
		session[i]->last_active = rte_get_tsc_cycles() + 1000 * LIFE_IDLE - LIFE_IDLE / 2;
	assert_null(life_hello(11, 11));
	life.generation.limits.evict_cycles = 0;
	session[0]->last_active = 0;
	assert_null(life_hello(11, 11));
	life_assert("");
	assert_int_equal(stats_get(&life.lcores.core.stats.refused_sessions_full), 2);
	life.generation.limits.evict_cycles = LIFE_IDLE;
	assert_non_null(life_hello(11, 11));
	life_assert("put 5, close 1, remove 1, free 1, enter 5");
}

/* A datagram puts a session at the end of the idle ones, once a second. */
static void
test_order(void **state)
{
	struct session *session[LIFE_MAX];
	uint64_t now;

	(void)state;
	for (unsigned int i = 0; i < LIFE_MAX; i++)
		session[i] = life_established((uint16_t)(i + 1), (uint8_t)(i + 1));
	now = session[0]->queued;
	core_touch(session[0], now + LIFE_HZ - 1);
	assert_int_equal(session[0]->last_active, now + LIFE_HZ - 1);
	assert_ptr_equal(TAILQ_FIRST(&life.lcores.core.quiet), session[0]);
	core_touch(session[0], now + LIFE_HZ);
	assert_ptr_equal(TAILQ_FIRST(&life.lcores.core.quiet), session[1]);
	core_touch(session[1], session[1]->queued + LIFE_HZ);
	assert_ptr_equal(TAILQ_FIRST(&life.lcores.core.quiet), session[2]);
	assert_non_null(life_hello(10, 10));
	life_assert("put 4, close 3, remove 3, free 3, enter 4");
}

/* Each reason to refuse a hello has its counter, and only that. */
static void
test_refusals(void **state)
{
	struct admission_limits *limits = &life.generation.limits;
	struct stats_handshake *stats = &life.lcores.core.stats;
	uint64_t sum;

	(void)state;
	life.lcores.core.sessions_max = 100;
	for (uint16_t i = 1; i <= 4; i++)
		life_established(i, (uint8_t)i);
	life_hello(5, 5);
	limits->half_open = 1;
	assert_null(life_hello(6, 6));
	assert_int_equal(stats_get(&stats->refused_half_open), 1);
	limits->half_open = 10;
	life.lcores.core.sessions_max = 5;
	limits->evict_cycles = 0;
	assert_null(life_hello(6, 6));
	assert_int_equal(stats_get(&stats->refused_sessions_full), 1);
	life.lcores.core.sessions_max = 100;
	pace_init(&limits->pace, LIFE_HZ, 1, 1);
	life.admission.due = UINT64_MAX;
	assert_null(life_hello(6, 6));
	assert_int_equal(stats_get(&stats->refused_handshake_rate), 1);
	pace_init(&limits->pace, LIFE_HZ, 0, 1);
	limits->clients.sessions = 5;
	assert_null(life_hello(6, 6));
	assert_int_equal(stats_get(&stats->refused_client_sessions), 1);
	limits->clients.sessions = 0;
	limits->clients.half_open = 1;
	assert_null(life_hello(6, 6));
	assert_int_equal(stats_get(&stats->refused_client_half_open), 1);
	limits->clients.half_open = 0;
	pace_init(&limits->clients.pace, LIFE_HZ, 1, 1);
	for (unsigned int i = 0; i < LIFE_CLIENTS; i++)
		if (atomic_load(&life.admission.clients.table[i].sessions) != 0)
			atomic_store(&life.admission.clients.table[i].due, UINT64_MAX);
	assert_null(life_hello(6, 6));
	assert_int_equal(stats_get(&stats->refused_client_rate), 1);
	sum = stats_get(&stats->refused_half_open) + stats_get(&stats->refused_sessions_full) +
	      stats_get(&stats->refused_handshake_rate) +
	      stats_get(&stats->refused_client_sessions) +
	      stats_get(&stats->refused_client_half_open) + stats_get(&stats->refused_client_rate) +
	      stats_get(&stats->refused_client_table) + stats_get(&stats->refused_no_memory);
	assert_int_equal(sum, 6);
	assert_int_equal(stats_get(&stats->sessions_opened), 5);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, life_open, life_close)
	const struct CMUnitTest tests[] = {
		TEST(test_no_slot),
		TEST(test_evicted),
		TEST(test_in_use),
		TEST(test_order),
		TEST(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
