/* SPDX-License-Identifier: BSD-3-Clause */
/* Token buckets, at their edges. */
#include "gateway/pace.h"
#include "unit.h"

#define HZ 1000000u
#define NOW UINT64_C(987654321987)

/* Takes as many tokens at a time as there are. */
static unsigned int
take_all(const struct pace *pace, uint64_t *due, uint64_t now)
{
	unsigned int n;

	for (n = 0; n < 1000 && pace_ready(pace, *due, now); n++)
		*due = pace_take(pace, *due, now);
	return n;
}

static void
test_burst_then_rate(void **state)
{
	for (uint32_t burst = 1; burst <= 20; burst++) {
		struct pace pace;
		uint64_t due = 0;

		(void)state;
		pace_init(&pace, HZ, 10, burst);
		assert_int_equal(take_all(&pace, &due, NOW), burst);
		assert_int_equal(take_all(&pace, &due, NOW + HZ / 10 - 1), 0);
		assert_int_equal(take_all(&pace, &due, NOW + HZ / 10), 1);
		assert_int_equal(take_all(&pace, &due, NOW + HZ / 10), 0);
		/* Full again when burst tokens' time has passed since the last was taken, and no
		 * fuller.
		 */
		assert_int_equal(due, NOW + (burst + 1) * HZ / 10);
		assert_int_equal(take_all(&pace, &due, due), burst);
		assert_int_equal(take_all(&pace, &due, due + 1000 * HZ), burst);
	}
}

/* In every second that begins anywhere: at most burst more than the rate, and in the long run the rate.
 */
static void
test_long_run(void **state)
{
	uint64_t due = 0;
	struct pace pace;
	unsigned int n = 0;

	(void)state;
	pace_init(&pace, HZ, 20, 5);
	for (uint64_t now = NOW; now < NOW + 100 * HZ; now += 997)
		n += take_all(&pace, &due, now);
	assert_uint_in_range(n, 20 * 100, 20 * 100 + 5);
}

static void
test_no_limit(void **state)
{
	uint64_t due = 0;
	struct pace pace;

	(void)state;
	pace_init(&pace, HZ, 0, 5);
	assert_int_equal(take_all(&pace, &due, NOW), 1000);
	assert_int_equal(due, NOW);
	pace_init(&pace, HZ, 0, 0);
	assert_int_equal(take_all(&pace, &due, NOW), 1000);
}

/* The highest rates and bursts that can be configured, at 5 GHz. */
static void
test_extremes(void **state)
{
	const uint64_t hz = UINT64_C(5000000000);
	uint64_t due = 0;
	struct pace pace;

	(void)state;
	pace_init(&pace, hz, 1, 10000);
	assert_int_equal(take_all(&pace, &due, NOW), 1000);
	assert_int_equal(pace.slack, hz * 9999);
	pace_init(&pace, hz, 1000000, 1000000);
	assert_int_equal(pace.interval, 5000);
	assert_int_equal(pace.slack, UINT64_C(999999) * 5000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_burst_then_rate),
		cmocka_unit_test(test_long_run),
		cmocka_unit_test(test_no_limit),
		cmocka_unit_test(test_extremes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
