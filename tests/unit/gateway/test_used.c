/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory of hellos that have begun a handshake. */
#include <stdlib.h>
#include <string.h>

#include "gateway/used.h"
#include "marking.h"
#include "unit.h"

#define SECONDS 65u
#define NOW UINT64_C(987654321987654)
#define SEED UINT64_C(0x0123456789abcdef)

static struct used_mark
mark_of(const struct marks *used, uint32_t number)
{
	uint8_t cookie[20] = { 0x21 }, random[32] = { 0 };

	memcpy(cookie + 4, &number, sizeof(number));
	memcpy(random + 28, &number, sizeof(number));
	return used_mark(used, cookie, random, 1);
}

static bool
add(const struct marks *used, uint32_t number, uint64_t now)
{
	struct used_mark mark = mark_of(used, number);
	bool kept = used_add(used, mark, now);

	assert_true(used_has(used, mark, now));
	return kept;
}

static bool
has(const struct marks *used, uint32_t number, uint64_t now)
{
	struct used_mark mark = mark_of(used, number);

	return used_has(used, mark, now);
}

/* Known for as long as it is told, and at most two seconds longer; at any clock rate. */
static void
test_remembers_and_forgets(void **state)
{
	static const uint64_t rates[] = { 1000000000, 1073741823, 1073741824, 2999999999,
		4294967296, 4294967295, 5123456789 };

	(void)state;
	for (unsigned int i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
		for (unsigned int part = 0; part < 8; part++) {
			uint64_t hz = rates[i], now = NOW + part * hz / 8;
			struct marks used = marking_make(64, SECONDS, hz, SEED);

			assert_false(has(&used, 1, now));
			assert_true(add(&used, 1, now));
			assert_false(has(&used, 2, now));
			assert_true(has(&used, 1, now + hz));
			assert_true(has(&used, 1, now + SECONDS * hz));
			assert_false(has(&used, 1, now + (SECONDS + 2) * hz + 1));
			assert_false(has(&used, 1, now + 10 * SECONDS * hz));
			assert_true(add(&used, 1, now + 10 * SECONDS * hz));
			free(used.table);
		}
}

/* Every byte of cookie and random counts. */
static void
test_mark(void **state)
{
	struct marks used = marking_make(64, SECONDS, 1000000000, SEED);
	uint8_t cookie[20] = { 1, 2, 3 }, random[32] = { 4, 5, 6 };
	struct used_mark mark = used_mark(&used, cookie, random, 1);

	(void)state;
	assert_true(used_add(&used, mark, NOW));
	for (unsigned int i = 0; i < sizeof(cookie) + sizeof(random); i++) {
		uint8_t *byte = i < sizeof(cookie) ? &cookie[i] : &random[i - sizeof(cookie)];

		for (unsigned int bit = 0; bit < 8; bit++) {
			*byte ^= (uint8_t)(1u << bit);
			mark = used_mark(&used, cookie, random, 1);
			assert_false(used_has(&used, mark, NOW));
			*byte ^= (uint8_t)(1u << bit);
		}
	}
	mark = used_mark(&used, cookie, random, 1);
	assert_true(used_has(&used, mark, NOW));
	free(used.table);
}

/* A hello whose handshake was given up: used in the record that it came in, and in no other. */
static void
test_given_up(void **state)
{
	const uint64_t hz = 1000000000;
	struct marks used = marking_make(64, SECONDS, hz, SEED);
	uint8_t cookie[20] = { 1 }, random[32] = { 2 };
	struct used_mark first = used_mark(&used, cookie, random, 1), second, other;

	(void)state;
	assert_true(used_add(&used, first, NOW));
	for (uint64_t seq = 0; seq < 300; seq++) {
		second = used_mark(&used, cookie, random, seq);
		assert_true(used_has(&used, second, NOW));
	}
	random[0] = 3;
	other = used_mark(&used, cookie, random, 1);
	used_give_up(&used, other, NOW); /* never begun */
	assert_false(used_has(&used, other, NOW));
	assert_true(used_has(&used, first, NOW));
	assert_true(used_add(&used, other, NOW));
	random[0] = 2;
	used_give_up(&used, first, NOW + 40 * hz);
	assert_true(used_has(&used, first, NOW + 40 * hz));
	assert_true(used_has(&used, first, NOW + SECONDS * hz));
	for (uint64_t seq = 2; seq < 256; seq++) {
		second = used_mark(&used, cookie, random, seq);
		assert_false(used_has(&used, second, NOW + 40 * hz));
	}
	assert_true(used_has(&used, other, NOW + 40 * hz));
	/* It begins once more, and is used in every record again, until that is given up, too. */
	second = used_mark(&used, cookie, random, 6);
	assert_true(used_add(&used, second, NOW + 41 * hz));
	for (uint64_t seq = 0; seq < 256; seq++) {
		second = used_mark(&used, cookie, random, seq);
		assert_true(used_has(&used, second, NOW + 41 * hz));
	}
	second = used_mark(&used, cookie, random, 6);
	used_give_up(&used, second, NOW + 42 * hz);
	for (uint64_t seq = 0; seq < 256; seq++) {
		second = used_mark(&used, cookie, random, seq);
		assert_int_equal(used_has(&used, second, NOW + 42 * hz), seq == 1 || seq == 6);
	}
	/* Nor does it live longer for it. */
	assert_false(used_has(&used, first, NOW + (SECONDS + 2) * hz + 1));
	free(used.table);
}

/* A table of one set: what is forgotten is what has the least time left. */
static void
test_full(void **state)
{
	const uint64_t hz = 1000000000;
	struct marks used = marking_make(SETS_PLACES, SECONDS, hz, SEED);

	(void)state;
	for (uint32_t i = 0; i < SETS_PLACES; i++)
		assert_true(add(&used, i, NOW + i * 2 * hz));
	for (uint32_t i = 0; i < SETS_PLACES; i++)
		assert_true(has(&used, i, NOW + 20 * hz));
	for (uint32_t i = 0; i < SETS_PLACES; i++) {
		assert_false(add(&used, 100 + i, NOW + (20 + 2 * i) * hz));
		for (uint32_t k = 0; k < SETS_PLACES; k++) {
			assert_int_equal(has(&used, k, NOW + (20 + 2 * i) * hz), k > i);
			assert_int_equal(has(&used, 100 + k, NOW + (20 + 2 * i) * hz), k <= i);
		}
	}
	/* When the time of all is over there is room again. */
	for (uint32_t i = 0; i < SETS_PLACES; i++)
		assert_true(add(&used, 200 + i, NOW + (40 + SECONDS) * hz));
	free(used.table);
}

/* At half its size nothing has to be forgotten, and nobody is taken for another. */
static void
test_fills_evenly(void **state)
{
	const uint32_t n = 262144;
	struct marks used = marking_make(n, SECONDS, 1000000000, SEED);

	(void)state;
	for (uint32_t i = 0; i < n / 2; i++) {
		assert_false(has(&used, i, NOW));
		assert_true(add(&used, i, NOW));
	}
	for (uint32_t i = 0; i < n / 2; i++)
		assert_true(has(&used, i, NOW));
	for (uint32_t i = n; i < 2 * n; i++)
		assert_false(has(&used, i, NOW));
	free(used.table);
}

/* Where a hello goes depends on the seed. */
static void
test_seed(void **state)
{
	struct marks one = marking_make(262144, SECONDS, 1000000000, SEED),
		     two = marking_make(262144, SECONDS, 1000000000, SEED + 1);
	unsigned int same = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		struct mark a = mark_of(&one, i).hello, b = mark_of(&two, i).hello;

		same += a.set[0] == b.set[0] || a.value == b.value;
		assert_true(a.set[0] <= 262144 - SETS_PLACES && a.set[1] <= 262144 - SETS_PLACES);
	}
	assert_true(same < 10);
	free(one.table);
	free(two.table);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_remembers_and_forgets),
		cmocka_unit_test(test_mark),
		cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_fills_evenly),
		cmocka_unit_test(test_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
