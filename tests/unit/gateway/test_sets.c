/* SPDX-License-Identifier: BSD-3-Clause */
/* Where in a table of sets something is looked for, and where it is put. */
#include <string.h>

#include "gateway/sets.h"
#include "unit.h"

#define SEED UINT64_C(0x0123456789abcdef)

static void
test_whole_sets(void **state)
{
	struct sets sets;

	(void)state;
	assert_int_equal(sets_places(0), 0);
	assert_int_equal(sets_places(1), 8);
	assert_int_equal(sets_places(8), 8);
	assert_int_equal(sets_places(9), 16);
	assert_int_equal(sets_places(UINT32_C(1) << 31), UINT64_C(1) << 31);
	sets_init(&sets, 9, SEED);
	assert_int_equal(sets.n, 2);
	sets_init(&sets, UINT32_C(1) << 31, SEED);
	assert_int_equal(sets.n, UINT32_C(1) << 28);
}

/* In the table, at the beginning of a set, every set about as often as any other, and by the seed. */
static void
test_find(void **state)
{
	static const uint32_t sizes[] = { 8, 24, 1000, UINT32_C(1) << 31 };
	unsigned int hits[3] = { 0 }, same = 0;

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct sets sets, other;

		sets_init(&sets, sizes[s], SEED);
		sets_init(&other, sizes[s], SEED + 1);
		for (uint32_t i = 0; i < 3000; i++) {
			const uint32_t word[2] = { i, 0 };
			uint32_t first[2], elsewhere[2];

			sets_find(&sets, word, first);
			for (unsigned int k = 0; k < 2; k++) {
				assert_int_equal(first[k] % SETS_PLACES, 0);
				assert_true(first[k] < sets_places(sizes[s]));
				if (sizes[s] == 24)
					hits[first[k] / SETS_PLACES]++;
			}
			sets_find(&other, word, elsewhere);
			same += sizes[s] > 1000 && memcmp(first, elsewhere, sizeof(first)) == 0;
		}
	}
	for (unsigned int k = 0; k < 3; k++)
		assert_true(hits[k] > 1800 && hits[k] < 2200);
	assert_true(same < 3);
}

/* The time until each place is free, a digit each. */
static struct sets_place
choose(const char *one, const char *two)
{
	uint32_t left[2][SETS_PLACES];

	for (unsigned int i = 0; i < SETS_PLACES; i++) {
		left[0][i] = (uint32_t)(one[i] - '0');
		left[1][i] = (uint32_t)(two[i] - '0');
	}
	return sets_choose(left);
}

static void
assert_chosen(const char *one, const char *two, unsigned int set, unsigned int place)
{
	struct sets_place chosen = choose(one, two);

	assert_int_equal(chosen.set, set);
	assert_int_equal(chosen.place, place);
}

static void
test_choose(void **state)
{
	(void)state;
	assert_chosen("00000000", "00000000", 0, 0);
	/* Where more are free, however long the others last. */
	assert_chosen("10000000", "00000000", 1, 0);
	assert_chosen("00000000", "90000000", 0, 0);
	assert_chosen("11111110", "99999900", 1, 6);
	assert_chosen("99999900", "11111110", 0, 6);
	assert_chosen("99999990", "11111111", 0, 7);
	assert_chosen("11111111", "99999990", 1, 7);
	/* As many in either. */
	assert_chosen("55550555", "55555505", 0, 4);
	/* None: the one that is free first. */
	assert_chosen("55545555", "55555565", 0, 3);
	assert_chosen("55545555", "55555535", 1, 6);
	assert_chosen("55555555", "55555555", 0, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_sets),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_choose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
