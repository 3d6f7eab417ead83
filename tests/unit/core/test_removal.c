/* SPDX-License-Identifier: BSD-3-Clause */
/* Sessions that a new configuration takes away: all of them go, but a few in each round of the core. */
#include <stdlib.h>
#include <string.h>

#include "core/removal.h"
#include "core/session.h"
#include "gateway/generation.h"
#include "lcores.h"
#include "port/table.h"
#include "unit.h"

#define SERVED 5684u
#define GONE 5685u

static struct lcores lcores;
static struct port_table table;
static struct generation generation;
static unsigned int n_ended;

/* Here it is the test that ends a session: what a core does is too much for it. */
void
session_close(struct session *session, _Atomic uint64_t *reason)
{
	struct core *core = session->core;

	assert_true(
		reason == &core->stats.sessions_removed || reason == &core->stats.sessions_drained);
	if (reason == &core->stats.sessions_removed && table.ipv4.n != 0)
		assert_int_not_equal(session->key.tuple[11], SERVED & 255);
	if (core->unchecked == session)
		core->unchecked = TAILQ_NEXT(session, all);
	TAILQ_REMOVE(&core->sessions, session, all);
	free(session);
	core->out[0].n++; /* its close_notify */
	n_ended++;
}

static int
open_core(void **state)
{
	(void)state;
	lcores_open(&lcores);
	memset(&table, 0, sizeof(table));
	assert_int_equal(
		port_table_add(&table, 4, (const uint8_t *)"\xc6\x12\x00\x01", SERVED, 0), 0);
	assert_int_equal(port_table_index(&table), 0);
	generation = (struct generation){ .number = 1, .table = &table };
	lcores.core.generation = &generation;
	n_ended = 0;
	return 0;
}

static void
add(unsigned int port, unsigned int n)
{
	while (n-- > 0) {
		struct session *session = calloc(1, sizeof(*session));

		assert_non_null(session);
		session->core = &lcores.core;
		session->key.family = 4;
		memcpy(session->key.tuple + 4, "\xc6\x12\x00\x01", 4);
		session->key.tuple[10] = (uint8_t)(port >> 8);
		session->key.tuple[11] = (uint8_t)port;
		TAILQ_INSERT_TAIL(&lcores.core.sessions, session, all);
		if (lcores.core.unchecked == NULL)
			lcores.core.unchecked = session;
	}
}

static unsigned int
count(unsigned int port)
{
	struct session *session;
	unsigned int n = 0;

	TAILQ_FOREACH (session, &lcores.core.sessions, all)
		n += session->key.tuple[11] == (port & 255);
	return n;
}

/* A round; the worker takes all that is sent. Returns what the core has looked at. */
static unsigned int
step(void)
{
	unsigned int before = n_ended, looks = removal_step(&lcores.core);

	assert_true(looks <= REMOVAL_LOOKS && n_ended - before <= REMOVAL_ENDS);
	lcores.out.n = 0;
	return looks;
}

static int
close_core(void **state)
{
	(void)state;
	while (removal_drain(&lcores.core))
		continue;
	assert_true(TAILQ_EMPTY(&lcores.core.sessions));
	port_table_free(&table);
	lcores_close(&lcores);
	return 0;
}

static void
test_a_few_in_a_round(void **state)
{
	unsigned int rounds = 0;

	(void)state;
	for (unsigned int i = 0; i < 500; i++) {
		add(GONE, 10);
		add(SERVED, 3);
	}
	while (lcores.core.unchecked != NULL) {
		assert_true(step() > 0);
		rounds++;
	}
	assert_int_equal(n_ended, 5000);
	assert_int_equal(count(SERVED), 1500);
	assert_uint_in_range(rounds, 5000 / REMOVAL_ENDS, 5000 / REMOVAL_ENDS + 10);
	/* And then there is nothing to do, until there is another generation. */
	assert_int_equal(step(), 0);
	generation.number++;
	assert_int_equal(step(), REMOVAL_LOOKS);
	assert_int_equal(n_ended, 5000);
}

/* One generation after the other, in the middle of the work for the one before. */
static void
test_begins_again(void **state)
{
	(void)state;
	add(SERVED, 1000);
	add(GONE, 100);
	assert_int_equal(step(), REMOVAL_LOOKS);
	/* What it has looked at already is not served any more either. */
	table.ipv4.n = 0;
	assert_int_equal(port_table_index(&table), 0);
	generation.number++;
	while (lcores.core.unchecked != NULL)
		step();
	assert_int_equal(n_ended, 1100);
}

/* A hello that was on its way when its listener went. */
static void
test_late_one(void **state)
{
	(void)state;
	add(SERVED, 10);
	while (lcores.core.unchecked != NULL)
		step();
	add(GONE, 1);
	add(SERVED, 1);
	assert_int_equal(step(), 2);
	assert_int_equal(n_ended, 1);
	assert_int_equal(count(SERVED), 11);
}

/* Nobody goes without a word because the worker is slow. */
static void
test_waits_for_room(void **state)
{
	struct rte_ring *ring = lcores.gateway.rings.out[0];
	static char packet[1];
	void *taken;

	(void)state;
	add(GONE, 5);
	while (rte_ring_sp_enqueue(ring, packet) == 0)
		continue;
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(step(), 0);
	assert_int_equal(rte_ring_sc_dequeue(ring, &taken), 0);
	assert_int_equal(rte_ring_sc_dequeue(ring, &taken), 0);
	assert_int_equal(rte_ring_sc_dequeue(ring, &taken), 0);
	/* Room for three packets: for one session, and for the next, which may need two. */
	assert_int_equal(step(), 2);
	while (rte_ring_sc_dequeue(ring, &taken) == 0)
		continue;
	assert_int_equal(step(), 3);
	assert_int_equal(n_ended, 5);
}

static void
test_drain(void **state)
{
	unsigned int rounds = 0;

	(void)state;
	add(SERVED, 1000);
	for (; removal_drain(&lcores.core); rounds++)
		assert_true(n_ended <= (rounds + 1) * REMOVAL_ENDS);
	assert_int_equal(n_ended, 1000);
	assert_false(removal_drain(&lcores.core));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_core, close_core)
	const struct CMUnitTest tests[] = {
		TEST(test_a_few_in_a_round),
		TEST(test_begins_again),
		TEST(test_late_one),
		TEST(test_waits_for_room),
		TEST(test_drain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
