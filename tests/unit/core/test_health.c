/* SPDX-License-Identifier: BSD-3-Clause */
/* What traffic tells of an upstream, step by step. */
#include <errno.h>

#include "core/health.h"
#include "unit.h"

#define SECOND UINT64_C(2000000000)
#define NOW (UINT64_C(400) * 86400 * SECOND) /* 400 days after the boot */
#define SLACK UINT64_C(1024)                 /* what the end of a pause may be early by */

static const struct health_limits quiet = { .retry = 5 * SECOND };
static const struct health_limits chatty = { .silence = 10 * SECOND, .retry = 5 * SECOND };

static void
test_errors(void **state)
{
	static const int unrelated[] = { 0, EAGAIN, EMSGSIZE, EPERM, EMFILE, EADDRNOTAVAIL,
		ENOBUFS };

	(void)state;
	assert_int_equal(health_reason_of(ECONNREFUSED), HEALTH_REFUSED);
	assert_int_equal(health_reason_of(EHOSTUNREACH), HEALTH_HOST_UNREACHABLE);
	assert_int_equal(health_reason_of(ENETUNREACH), HEALTH_NETWORK_UNREACHABLE);
	for (unsigned int i = 0; i < sizeof(unrelated) / sizeof(unrelated[0]); i++)
		assert_int_equal(health_reason_of(unrelated[i]), HEALTH_NO_REASON);
	assert_string_equal(health_reason_text(HEALTH_SILENT), "silent");
}

static void
test_pause_trial_up(void **state)
{
	struct health health = { 0 };
	uint64_t now = NOW;

	(void)state;
	assert_true(health_admit(&health, &quiet, now));
	health_fail(&health, &quiet, HEALTH_REFUSED, now);
	assert_int_equal(health_state(&health), HEALTH_DOWN);
	assert_int_equal(health_reason(&health), HEALTH_REFUSED);
	assert_int_equal(atomic_load(&health.since), NOW);
	assert_false(health_admit(&health, &quiet, now));
	assert_false(health_admit(&health, &quiet, now + 5 * SECOND - SLACK - 1));
	now += 5 * SECOND;
	/* One session, and no other. */
	assert_true(health_admit(&health, &quiet, now));
	assert_int_equal(health_state(&health), HEALTH_TRIAL);
	assert_false(health_admit(&health, &quiet, now));
	assert_false(health_admit(&health, &quiet, now + 5 * SECOND - SLACK - 1));
	/* Nothing has gone wrong. */
	assert_true(health_admit(&health, &quiet, now + 5 * SECOND));
	assert_int_equal(health_state(&health), HEALTH_UP);
	assert_int_equal(health_reason(&health), HEALTH_NO_REASON);
	assert_true(health_admit(&health, &quiet, now + 5 * SECOND));
}

static void
test_pauses_grow(void **state)
{
	struct health health = { 0 };
	uint64_t now = NOW;

	(void)state;
	for (unsigned int i = 0; i < 9; i++) {
		uint64_t pause = (5 * SECOND) << (i < 5 ? i : 5);

		health_fail(&health, &quiet, HEALTH_HOST_UNREACHABLE, now);
		/* A second one while it is down changes nothing. */
		health_fail(&health, &quiet, HEALTH_REFUSED, now + pause / 2);
		assert_int_equal(health_reason(&health), HEALTH_HOST_UNREACHABLE);
		assert_false(health_admit(&health, &quiet, now + pause - SLACK - 1));
		now += pause;
		assert_true(health_admit(&health, &quiet, now));
	}
	assert_int_equal(atomic_load(&health.since), NOW); /* it has been down all the time */
	health_heard(&health, now);
	assert_int_equal(health_state(&health), HEALTH_UP);
	assert_int_equal(atomic_load(&health.since), now);
	health_fail(&health, &quiet, HEALTH_REFUSED, now);
	assert_true(health_admit(&health, &quiet, now + 5 * SECOND));
}

static void
test_silence(void **state)
{
	struct health health = { 0 };
	uint64_t now = NOW;

	(void)state;
	/* As long as something comes back now and then, it is not silent. */
	for (unsigned int i = 0; i < 100; i++, now += 3 * SECOND) {
		health_sent(&health, &chatty, now);
		if (i % 3 == 0)
			health_heard(&health, now + SECOND);
		assert_int_equal(health_state(&health), HEALTH_UP);
	}
	health_heard(&health, now);
	/* Nor if there are pauses in which nothing was to be answered. */
	for (unsigned int i = 0; i < 100; i++, now += 11 * SECOND) {
		health_sent(&health, &chatty, now);
		assert_int_equal(health_state(&health), HEALTH_UP);
	}
	health_sent(&health, &chatty, now);
	health_sent(&health, &chatty, now + 6 * SECOND);
	health_sent(&health, &chatty, now + 10 * SECOND - 1);
	assert_int_equal(health_state(&health), HEALTH_UP);
	health_sent(&health, &chatty, now + 10 * SECOND);
	assert_int_equal(health_state(&health), HEALTH_DOWN);
	assert_int_equal(health_reason(&health), HEALTH_SILENT);
}

static void
test_silence_on_trial(void **state)
{
	struct health health = { 0 };
	uint64_t now = NOW;

	(void)state;
	health_fail(&health, &chatty, HEALTH_SILENT, now);
	health_sent(&health, &chatty, now + SECOND); /* of a session that has no other */
	now += 5 * SECOND;
	assert_true(health_admit(&health, &chatty, now));
	/* What was sent before the trial does not count. */
	health_sent(&health, &chatty, now);
	health_sent(&health, &chatty, now + 9 * SECOND);
	assert_int_equal(health_state(&health), HEALTH_TRIAL);
	assert_false(health_admit(&health, &chatty, now + 19 * SECOND));
	/* Its one session has fallen silent too: the end of the trial notices. */
	assert_false(health_admit(&health, &chatty, now + 20 * SECOND));
	assert_int_equal(health_state(&health), HEALTH_DOWN);
	now += 20 * SECOND;
	assert_false(health_admit(&health, &chatty, now + 10 * SECOND - SLACK - 1));
	assert_true(health_admit(&health, &chatty, now + 10 * SECOND));
	health_sent(&health, &chatty, now + 10 * SECOND);
	health_heard(&health, now + 11 * SECOND);
	assert_int_equal(health_state(&health), HEALTH_UP);
}

/* Another core has read its clock a little later, and told first. */
static void
test_clocks_apart(void **state)
{
	struct health health = { 0 };

	(void)state;
	health_sent(&health, &chatty, NOW + 500);
	health_sent(&health, &chatty, NOW);
	health_sent(&health, &chatty, NOW + 100);
	assert_int_equal(health_state(&health), HEALTH_UP);
	health_fail(&health, &quiet, HEALTH_REFUSED, NOW + 500);
	assert_false(health_admit(&health, &quiet, NOW));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_pause_trial_up),
		cmocka_unit_test(test_pauses_grow),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_silence_on_trial),
		cmocka_unit_test(test_clocks_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
