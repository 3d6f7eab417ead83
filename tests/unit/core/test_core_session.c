/* SPDX-License-Identifier: BSD-3-Clause */
/* Who makes room for a new handshake when a core has all the sessions that it may have. */
#include "gateway/generation.h"
#include "lcores.h"
#include "unit.h"

#define NOW UINT64_C(987654321)
#define IDLE UINT64_C(1000)
#define MAX 3u

static struct lcores lcores;
static struct admission admission;
static struct generation generation;
static struct session session[MAX];

static int
open_core(void **state)
{
	struct core *core = &lcores.core;

	(void)state;
	lcores_open(&lcores);
	generation = (struct generation){ .limits = { .half_open = 10, .evict_cycles = IDLE } };
	core->generation = &generation;
	core->admission = &admission;
	core->sessions_max = MAX;
	TAILQ_INIT(&core->quiet);
	for (unsigned int i = 0; i < MAX; i++) {
		session[i] = (struct session){ .core = core, .last_active = NOW - 10 * IDLE + i };
		TAILQ_INSERT_TAIL(&core->quiet, &session[i], quiet);
	}
	stats_add(&core->stats.sessions, MAX);
	return 0;
}

static int
close_core(void **state)
{
	(void)state;
	lcores_close(&lcores);
	return 0;
}

/* Whom does a hello of the 4-tuple of head push out? NULL also if it is refused. */
static struct session *
ask(const struct session *head, bool wanted)
{
	struct admission_ask asked = { .now = NOW };
	uint64_t refused = stats_get(&lcores.core.stats.refused_sessions_full);
	struct session *evicted;

	assert_int_equal(session_admit(&lcores.core, head, &asked, &evicted), wanted);
	assert_int_equal(stats_get(&lcores.core.stats.refused_sessions_full) - refused, !wanted);
	return evicted;
}

static void
test_longest_idle_first(void **state)
{
	(void)state;
	assert_ptr_equal(ask(NULL, true), &session[0]);
	/* Nobody is pushed out as long as there is room. */
	lcores.core.sessions_max = MAX + 1;
	assert_null(ask(NULL, true));
}

static void
test_in_use(void **state)
{
	(void)state;
	session[0].last_active = NOW - IDLE;
	assert_ptr_equal(ask(NULL, true), &session[0]);
	session[0].last_active = NOW - IDLE + 1;
	assert_null(ask(NULL, false));
	generation.limits.evict_cycles = 0;
	session[0].last_active = 0;
	assert_null(ask(NULL, false));
}

/* A client that comes back does not lose the session that it may still have, nor does it need room. */
static void
test_own_session(void **state)
{
	struct session beside = { .half_open = true };

	(void)state;
	assert_ptr_equal(ask(&session[0], true), &session[1]);
	session[0].beside = &beside;
	stats_add(&lcores.core.stats.half_open, 1);
	assert_null(ask(&session[0], true));
	assert_null(ask(&beside, true));
}

/* A datagram puts a session at the end, once a second; EAL knows no second here, so each one does. */
static void
test_order(void **state)
{
	(void)state;
	session[0].queued = session[1].queued = 1;
	core_touch(&session[0], NOW);
	assert_ptr_equal(ask(NULL, true), &session[1]);
	core_touch(&session[1], NOW);
	assert_ptr_equal(ask(NULL, true), &session[2]);
	assert_int_equal(session[1].last_active, NOW);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_core, close_core)
	const struct CMUnitTest tests[] = {
		TEST(test_longest_idle_first),
		TEST(test_in_use),
		TEST(test_own_session),
		TEST(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
