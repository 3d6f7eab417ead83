/* SPDX-License-Identifier: BSD-3-Clause */
/* The peers that a worker has just passed on. */
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "worker/recent.h"

#define NOW 1700000000u

static struct flow_key
key_of(uint8_t n)
{
	struct flow_key key = { .family = 4 };

	memset(key.tuple, n, 12);
	return key;
}

static void
test_recent(void **state)
{
	struct recent *recent = calloc(1, sizeof(*recent));
	struct flow_key one = key_of(1), two = key_of(2);

	(void)state;
	assert_non_null(recent);
	assert_false(recent_has(recent, &one, 7, NOW));
	recent_add(recent, &one, 7, NOW);
	for (unsigned int age = 0; age <= RECENT_SECONDS; age++)
		assert_true(recent_has(recent, &one, 7, NOW + age));
	assert_false(recent_has(recent, &one, 7, NOW + RECENT_SECONDS + 1));
	assert_false(recent_has(recent, &one, 7, NOW + 1000000));
	assert_false(recent_has(recent, &two, 7, NOW));
	assert_false(recent_has(recent, &one, 8, NOW));
	one.family = 6;
	assert_false(recent_has(recent, &one, 7, NOW));
	free(recent);
}

/* A clock set back must not make an entry last. */
static void
test_clock_set_back(void **state)
{
	struct recent *recent = calloc(1, sizeof(*recent));
	struct flow_key one = key_of(1);

	(void)state;
	assert_non_null(recent);
	recent_add(recent, &one, 7, NOW);
	assert_false(recent_has(recent, &one, 7, NOW - 1));
	assert_false(recent_has(recent, &one, 7, NOW - 3600));
	free(recent);
}

/* The newer of two peers in one place stays; all other places are left alone. */
static void
test_collisions(void **state)
{
	struct recent *recent = calloc(1, sizeof(*recent));
	struct flow_key one = key_of(1), two = key_of(2);

	(void)state;
	assert_non_null(recent);
	for (unsigned int i = 0; i < RECENT_PEERS; i++) {
		struct flow_key key = key_of((uint8_t)i);

		recent_add(recent, &key, i, NOW);
	}
	for (unsigned int i = 0; i < RECENT_PEERS; i++) {
		struct flow_key key = key_of((uint8_t)i);

		assert_true(recent_has(recent, &key, i, NOW));
	}
	recent_add(recent, &two, RECENT_PEERS + 1, NOW);
	assert_true(recent_has(recent, &two, RECENT_PEERS + 1, NOW));
	assert_false(recent_has(recent, &one, 1, NOW));
	recent_add(recent, &one, UINT32_MAX, NOW);
	assert_true(recent_has(recent, &one, UINT32_MAX, NOW));
	free(recent);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recent),
		cmocka_unit_test(test_clock_set_back),
		cmocka_unit_test(test_collisions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
