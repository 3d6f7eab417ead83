/* SPDX-License-Identifier: BSD-3-Clause */
#include <time.h>

#include "gateway/idle.h"
#include "unit.h"

#define ROUNDS 100000u

static void
test_busy_never_rests(void **state)
{
	struct idle idle;

	(void)state;
	idle_init(&idle, true, 1000);
	for (unsigned int i = 0; i < ROUNDS; i++)
		assert_int_equal(idle_step(&idle, i % 1000 == 0), 0);
}

static void
test_work_never_rests(void **state)
{
	struct idle idle;

	(void)state;
	idle_init(&idle, false, 1000);
	for (unsigned int i = 0; i < ROUNDS; i++)
		assert_int_equal(idle_step(&idle, true), 0);
}

/* At first not at all, then longer and longer, at last for the longest rest and never for more. */
static void
test_steps(void **state)
{
	static const uint32_t longest[] = { 1, 10, 15, 100, 500, 1000, 50000, 400000, 999999 };

	(void)state;
	for (unsigned int k = 0; k < sizeof(longest) / sizeof(longest[0]); k++) {
		struct idle idle;
		uint32_t us, before = 0;
		unsigned int spun = 0;

		idle_init(&idle, false, longest[k]);
		for (unsigned int i = 0; i < ROUNDS; i++) {
			us = idle_step(&idle, false);
			spun += us == 0;
			assert_true(us >= before);
			assert_true(us <= longest[k]);
			before = us;
		}
		assert_int_equal(before, longest[k]);
		assert_uint_in_range(spun, 16, 10000); /* a short pause costs no latency */
	}
}

static void
test_work_starts_over(void **state)
{
	struct idle idle;
	uint32_t us;
	unsigned int spun;

	(void)state;
	idle_init(&idle, false, 1000);
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < ROUNDS; i++)
			us = idle_step(&idle, false);
		assert_int_equal(us, 1000);
		assert_int_equal(idle_step(&idle, true), 0);
		for (spun = 0; idle_step(&idle, false) == 0; spun++)
			assert_true(spun < 10000);
		assert_uint_in_range(spun, 16, 10000);
	}
}

/* A lcore that never works for days: nothing wraps round to no rest. */
static void
test_idle_for_ever(void **state)
{
	struct idle idle;

	(void)state;
	idle_init(&idle, false, 1000);
	for (unsigned int i = 0; i < 10 * ROUNDS; i++)
		idle_step(&idle, false);
	assert_true(idle.empty < 10 * ROUNDS); /* so it does not get there by counting */
	assert_int_equal(idle_step(&idle, false), 1000);
	idle_init(&idle, true, 1000);
	idle.empty = UINT32_MAX;
	assert_int_equal(idle_step(&idle, false), 0);
	assert_int_equal(idle_step(&idle, false), 0);
}

static int64_t
rested_us(uint32_t us)
{
	struct timespec before, after;

	clock_gettime(CLOCK_MONOTONIC, &before);
	idle_rest(us);
	clock_gettime(CLOCK_MONOTONIC, &after);
	return (int64_t)(after.tv_sec - before.tv_sec) * 1000000 +
	       (after.tv_nsec - before.tv_nsec) / 1000;
}

static void
test_rest(void **state)
{
	static const uint32_t lengths[] = { 0, 1, 100, 20000, 1000001 };

	(void)state;
	for (unsigned int i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		assert_true(rested_us(lengths[i]) >= lengths[i]);
}

/* Time without work is never taken for work; with work in every round, the TSC is read rarely. */
static void
test_accounts_for_work(void **state)
{
	struct idle idle;
	uint64_t begun;

	(void)state;
	idle_init(&idle, false, 1000);
	idle_resume(&idle);
	begun = idle.begun;
	for (unsigned int i = 1; i < IDLE_ACCOUNT_ROUNDS; i++)
		assert_true(idle_account(&idle, true) == 0);
	assert_true(idle.begun == begun);
	assert_true(idle_account(&idle, true) == idle.begun - begun && idle.begun > begun);
	begun = idle.begun;
	assert_true(idle_account(&idle, true) == 0);
	assert_true(idle_account(&idle, false) == idle.begun - begun && idle.begun > begun);
	assert_true(idle_account(&idle, false) == 0);
	begun = idle.begun;
	idle_resume(&idle);
	assert_true(idle.begun > begun);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_busy_never_rests),
		cmocka_unit_test(test_work_never_rests),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_work_starts_over),
		cmocka_unit_test(test_idle_for_ever),
		cmocka_unit_test(test_accounts_for_work),
		cmocka_unit_test(test_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
