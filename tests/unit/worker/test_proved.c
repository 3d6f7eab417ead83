/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory of 4-tuples that have shown a valid cookie. */
#include <stdlib.h>
#include <string.h>

#include "marking.h"
#include "unit.h"
#include "worker/proved.h"

#define SECONDS 300u
#define HZ UINT64_C(2999999999)
#define NOW UINT64_C(987654321987654)
#define SEED UINT64_C(0x0123456789abcdef)

static struct flow_key
key_of(uint32_t number)
{
	struct flow_key key = { .family = 4 };

	memcpy(key.tuple + 8, &number, sizeof(number));
	return key;
}

static bool
add(struct marks *proved, uint32_t number, uint64_t now)
{
	struct flow_key key = key_of(number);

	return proved_add(proved, &key, now);
}

static bool
renew(struct marks *proved, uint32_t number, uint64_t now)
{
	struct flow_key key = key_of(number);

	return proved_renew(proved, &key, now);
}

/* Known for as long as it is told from its last packet on, and at most two seconds longer. */
static void
test_remembers_and_forgets(void **state)
{
	static const uint64_t rates[] = { 1000000000, 1073741823, 1073741824, HZ, 4294967296,
		4294967295 };
	static const uint32_t times[] = { 1, SECONDS, 86400 };

	(void)state;
	for (unsigned int i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
		for (unsigned int t = 0; t < sizeof(times) / sizeof(times[0]); t++) {
			struct marks proved = marking_make(64, times[t], rates[i], SEED);
			uint64_t life = times[t] * rates[i], rest = 2 * rates[i] + 1, now = NOW;

			assert_false(renew(&proved, 1, now));
			assert_true(add(&proved, 1, now));
			assert_false(renew(&proved, 2, now));
			for (unsigned int n = 0; n < 10; n++) {
				now += life;
				assert_true(renew(&proved, 1, now));
			}
			assert_false(renew(&proved, 1, now + life + rest));
			assert_true(add(&proved, 1, now + life + rest));
			assert_true(renew(&proved, 1, now + life + rest));
			free(proved.table);
		}
}

/* Every part of a 4-tuple counts, and the family. */
static void
test_tells_4_tuples_apart(void **state)
{
	struct flow_key key = { .family = 6 }, other;
	struct marks proved = marking_make(1024, SECONDS, HZ, SEED);

	(void)state;
	assert_true(proved_add(&proved, &key, NOW));
	for (unsigned int bit = 0; bit < 37 * 8; bit++) {
		other = key;
		((uint8_t *)&other)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(proved_renew(&proved, &other, NOW));
	}
	assert_true(proved_renew(&proved, &key, NOW));
	free(proved.table);
}

/* Nobody who has a place loses it, however many come; places come back when their time is over. */
static void
test_refuses_when_full(void **state)
{
	struct marks proved = marking_make(1024, SECONDS, HZ, SEED);
	uint64_t later = NOW + (SECONDS + 3) * HZ;
	static bool in[100000];
	unsigned int n = 0, again = 0;

	(void)state;
	for (uint32_t i = 0; i < 100000; i++)
		n += in[i] = add(&proved, i, NOW);
	assert_int_equal(n, 1024);
	/* Two sets each: they fill up evenly. */
	for (uint32_t i = 0; i < 600; i++)
		assert_true(in[i]);
	for (uint32_t i = 0; i < 100000; i++) {
		assert_int_equal(renew(&proved, i, NOW + HZ), in[i]);
		assert_int_equal(add(&proved, i, NOW + HZ), in[i]);
	}
	for (uint32_t i = 100000; i < 200000; i++)
		again += add(&proved, i, later);
	assert_int_equal(again, 1024);
	for (uint32_t i = 0; i < 100000; i++)
		assert_false(renew(&proved, i, later));
	free(proved.table);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_remembers_and_forgets),
		cmocka_unit_test(test_tells_4_tuples_apart),
		cmocka_unit_test(test_refuses_when_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
