/* SPDX-License-Identifier: BSD-3-Clause */
/* Keys of the session table, and the peers that a worker has just passed on. */
#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "worker/recent.h"

#define NOW 1700000000u

static struct session_key
key_of(uint8_t n)
{
	struct session_key key = { .family = 4 };

	memset(key.tuple, n, 12);
	return key;
}

static void
test_key(void **state)
{
	uint8_t ip[44];
	struct hg_net_packet packet = { .l3 = ip, .family = 4 };
	struct session_key four, six;

	(void)state;
	for (unsigned int i = 0; i < sizeof(ip); i++)
		ip[i] = (uint8_t)(i + 1);
	memset(&four, 0xee, sizeof(four));
	session_key_fill(&four, &packet);
	assert_memory_equal(four.tuple, ip + 12, 12);
	for (unsigned int i = 12; i < sizeof(four.tuple); i++)
		assert_int_equal(four.tuple[i], 0);
	assert_int_equal(four.family, 4);
	packet.family = 6;
	memset(&six, 0xee, sizeof(six));
	session_key_fill(&six, &packet);
	assert_memory_equal(six.tuple, ip + 8, 36);
	assert_memory_equal(six.zero, "\0\0\0", 3);
	assert_memory_not_equal(&four, &six, sizeof(four));
}

static void
test_owner(void **state)
{
	(void)state;
	for (unsigned int n = 1; n <= 128; n++) {
		unsigned int before = 0, seen = 0;

		for (uint64_t hash = 0; hash <= UINT32_MAX; hash += 65535) {
			unsigned int owner = session_owner((hash_sig_t)hash, n);

			assert_true(owner < n);
			seen += hash == 0 || owner != before;
			before = owner;
		}
		assert_int_equal(seen, n); /* each of them owns something */
		assert_int_equal(session_owner(0, n), 0);
		assert_int_equal(session_owner(UINT32_MAX, n), n - 1);
	}
}

static void
test_recent(void **state)
{
	struct recent *recent = calloc(1, sizeof(*recent));
	struct session_key one = key_of(1), two = key_of(2);

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
	struct session_key one = key_of(1);

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
	struct session_key one = key_of(1), two = key_of(2);

	(void)state;
	assert_non_null(recent);
	for (unsigned int i = 0; i < RECENT_PEERS; i++) {
		struct session_key key = key_of((uint8_t)i);

		recent_add(recent, &key, i, NOW);
	}
	for (unsigned int i = 0; i < RECENT_PEERS; i++) {
		struct session_key key = key_of((uint8_t)i);

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
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_recent),
		cmocka_unit_test(test_clock_set_back),
		cmocka_unit_test(test_collisions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
