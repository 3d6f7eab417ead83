/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "gateway/stats.h"
#include "unit.h"

#define COUNTERS_MAX 128u

struct seen {
	unsigned int n;
	const char *name[COUNTERS_MAX];
	uint64_t value[COUNTERS_MAX];
};

static void
see(void *arg, const char *name, const char *help, uint64_t value)
{
	struct seen *seen = arg;

	assert_true(seen->n < COUNTERS_MAX);
	assert_true(strlen(name) > 0 && strlen(name) < 64); /* RTE_TEL_MAX_STRING_LEN */
	assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(name));
	assert_true(strlen(help) > 0);
	for (unsigned int i = 0; i < seen->n; i++)
		assert_string_not_equal(seen->name[i], name);
	seen->name[seen->n] = name;
	seen->value[seen->n++] = value;
}

static uint64_t
value_of(const struct seen *seen, const char *name)
{
	for (unsigned int i = 0; i < seen->n; i++)
		if (strcmp(seen->name[i], name) == 0)
			return seen->value[i];
	fail_msg("no counter %s", name);
	return 0;
}

static void
test_worker_counters(void **state)
{
	struct stats_worker stats = { 0 };
	struct seen seen = { 0 };

	(void)state;
	stats_add(&stats.rx, 3);
	stats_add(&stats.rx, 4);
	stats_add(&stats.cookie_wrong_tag, UINT32_MAX);
	stats_add(&stats.cookie_wrong_tag, UINT32_MAX);
	stats_add(&stats.drop[HG_DROP_FRAME_SHORT], 11);
	stats_add(&stats.drop[HG_DROP_TX_FULL], 12);
	assert_true(stats_get(&stats.rx) == 7);
	stats_each_worker(&stats, see, &seen);
	assert_true(value_of(&seen, "rx") == 7);
	assert_true(value_of(&seen, "tx") == 0);
	assert_true(value_of(&seen, "cookie_wrong_tag") == 2 * (uint64_t)UINT32_MAX);
	assert_true(value_of(&seen, "drop_frame_short") == 11);
	assert_true(value_of(&seen, "drop_tx_full") == 12);
	/* One for each field but busy and the histogram; of the drops two verdicts are none. */
	assert_int_equal(seen.n, (sizeof(stats) - sizeof(stats.cookie_age)) / sizeof(uint64_t) - 3);
}

static void
test_handshake_counters(void **state)
{
	struct stats_handshake stats = { 0 };
	struct seen seen = { 0 };

	(void)state;
	stats_add(&stats.handshakes, 5);
	stats_add(&stats.sessions, 6);
	stats_add(&stats.half_open, 7);
	stats_add(&stats.ignored[HG_TLS_IGNORE_FORMAT], 8);
	stats_add(&stats.ignored[HG_TLS_IGNORE_ROOM], 9);
	stats_each_handshake(&stats, see, &seen);
	assert_true(value_of(&seen, "handshakes") == 5);
	assert_true(value_of(&seen, "ignored_format") == 8);
	assert_true(value_of(&seen, "ignored_room") == 9);
	/* One for each field but the gauges, busy and the histogram; two verdicts ignore nothing. */
	assert_int_equal(
		seen.n, (sizeof(stats) - sizeof(stats.handshake_time)) / sizeof(uint64_t) - 5);
}

static void
test_exception_counters(void **state)
{
	struct stats_exception stats = { 0 };
	struct seen seen = { 0 };

	(void)state;
	stats_add(&stats.kernel_rx, 5);
	stats_each_exception(&stats, see, &seen);
	assert_true(value_of(&seen, "kernel_rx") == 5);
	assert_int_equal(seen.n, sizeof(stats) / sizeof(uint64_t));
}

static void
test_histogram(void **state)
{
	static const uint64_t bounds[STATS_BOUNDS] = { 0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000,
		2000 };
	struct stats_histogram histogram = { 0 };

	(void)state;
	stats_observe(&histogram, bounds, 0);
	stats_observe(&histogram, bounds, 5);
	stats_observe(&histogram, bounds, 6);
	stats_observe(&histogram, bounds, 2000);
	stats_observe(&histogram, bounds, 2001);
	stats_observe(&histogram, bounds, 1000000);
	for (unsigned int i = 0; i <= STATS_BOUNDS; i++) {
		uint64_t expected = i == 0 || i == 3 || i == 4 || i == 11 ? 1 : i == 12 ? 2 : 0;

		assert_true(stats_get(&histogram.bucket[i]) == expected);
	}
	assert_true(stats_get(&histogram.sum) == 0 + 5 + 6 + 2000 + 2001 + 1000000);
}

static void
test_bounds_rise(void **state)
{
	(void)state;
	for (unsigned int i = 1; i < STATS_BOUNDS; i++) {
		assert_true(stats_cookie_ages[i] > stats_cookie_ages[i - 1]);
		assert_true(stats_handshake_times[i] > stats_handshake_times[i - 1]);
	}
}

/* All fields, the ones that are not counters by name too, are summed. */
static void
test_sums(void **state)
{
	union {
		struct stats_worker stats;
		_Atomic uint64_t field[sizeof(struct stats_worker) / sizeof(uint64_t)];
	} worker[2], worker_sum = { .field = { 0 } };
	union {
		struct stats_handshake stats;
		_Atomic uint64_t field[sizeof(struct stats_handshake) / sizeof(uint64_t)];
	} core[2], core_sum = { .field = { 0 } };
	size_t n_worker = sizeof(worker_sum) / sizeof(uint64_t);
	size_t n_core = sizeof(core_sum) / sizeof(uint64_t);

	(void)state;
	for (unsigned int k = 0; k < 2; k++) {
		for (size_t i = 0; i < n_worker; i++)
			worker[k].field[i] = 1000 * (k + 1) + i;
		for (size_t i = 0; i < n_core; i++)
			core[k].field[i] = 1000 * (k + 1) + i;
		stats_sum_worker(&worker_sum.stats, &worker[k].stats);
		stats_sum_handshake(&core_sum.stats, &core[k].stats);
	}
	for (size_t i = 0; i < n_worker; i++)
		assert_true(worker_sum.field[i] == 3000 + 2 * i);
	for (size_t i = 0; i < n_core; i++)
		assert_true(core_sum.field[i] == 3000 + 2 * i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_worker_counters),
		cmocka_unit_test(test_handshake_counters),
		cmocka_unit_test(test_exception_counters),
		cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_bounds_rise),
		cmocka_unit_test(test_sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
