/* SPDX-License-Identifier: BSD-3-Clause */
/* Marks that expire: how long they are kept, and that none comes back, however late it is asked for. */
#include <stdlib.h>
#include <string.h>

#include "gateway/used.h"
#include "marking.h"
#include "unit.h"
#include "worker/proved.h"

#define SEED UINT64_C(0x0123456789abcdef)
#define DAY UINT64_C(86400)
#define YEAR (365 * DAY)

/* Of a CPU's TSC, and of an ARM's generic timer. */
static const uint64_t rates[] = { 25000000, 1000000000, 1073741823, 1073741824, 2999999999,
	4294967295, 4294967296, 5123456789 };
static const uint32_t lives[] = { 1, 65, 300, 86400, 100000 };

#define N_RATES (sizeof(rates) / sizeof(rates[0]))
#define N_LIVES (sizeof(lives) / sizeof(lives[0]))

static void
clear(const struct marks *marks)
{
	memset(marks->table, 0, marks_size(8));
}

static void
discard(const struct marks *marks)
{
	free(marks->table);
}

/* Of both users of the table: a hello that was used, and a 4-tuple that is known. */
struct both {
	struct marks used, proved;
	struct used_mark hello;
	struct flow_key key;
};

static struct both
make_both(uint32_t seconds, uint64_t hz)
{
	uint8_t cookie[20] = { 0x21 }, random[32] = { 7 };
	struct both both = {
		.used = marking_make(8, seconds, hz, SEED),
		.proved = marking_make(8, seconds, hz, SEED),
		.key = { .family = 4, .tuple = { 192, 0, 2, 1 } },
	};

	both.hello = used_mark(&both.used, cookie, random, 1);
	return both;
}

static void
expect_at(struct both *both, uint64_t begun, uint64_t now, bool known)
{
	clear(&both->used);
	clear(&both->proved);
	assert_true(used_add(&both->used, both->hello, begun));
	assert_true(proved_add(&both->proved, &both->key, begun));
	assert_int_equal(used_has(&both->used, both->hello, now), known);
	assert_int_equal(proved_renew(&both->proved, &both->key, now), known);
}

/* Begun at that time: known for its life, and over for good two seconds later. */
static void
check_from(struct both *both, uint32_t life, uint64_t hz, uint64_t begun)
{
	static const uint64_t later[] = { 10, 3600, DAY, 7 * DAY, 14 * DAY, 30 * DAY, 194 * DAY,
		YEAR, 2 * YEAR, 10 * YEAR, 60 * YEAR };
	uint64_t end = begun + life * hz;

	expect_at(both, begun, begun, true);
	expect_at(both, begun, end, true);
	expect_at(both, begun, end + 2 * hz + 1, false);
	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
		expect_at(both, begun, end + later[i] * hz, false);
	/* Wherever a clock of fewer bits than that of the table would begin again. */
	for (unsigned int bits = 12; bits < 32; bits++)
		for (int ticks = -3; ticks <= 3; ticks++) {
			uint64_t gap = ((UINT64_C(1) << bits) + (uint64_t)(int64_t)ticks)
				       << (63 - __builtin_clzll(hz));

			if (gap > (life + 2) * hz)
				expect_at(both, begun, begun + gap, false);
		}
}

static void
test_nothing_comes_back(void **state)
{
	(void)state;
	for (unsigned int r = 0; r < N_RATES; r++)
		for (unsigned int l = 0; l < N_LIVES; l++) {
			struct both both = make_both(lives[l], rates[r]);
			unsigned int shift = (unsigned int)(63 - __builtin_clzll(rates[r]));

			check_from(&both, lives[l], rates[r], 1);
			check_from(&both, lives[l], rates[r], UINT64_C(987654321987654));
			/* About the end of every number of bits, with the table's own. */
			for (unsigned int bits = 16; bits <= 32 && bits + shift < 64; bits++) {
				uint64_t end = UINT64_C(1) << (bits + shift);

				check_from(&both, lives[l], rates[r], end - 1);
				check_from(&both, lives[l], rates[r],
					end - lives[l] * rates[r] / 2 - 1);
				check_from(&both, lives[l], rates[r], end);
			}
			discard(&both.used);
			discard(&both.proved);
		}
}

/* A word that is over is room again, whatever the gap; and none that is not over is taken. */
static void
test_room_comes_back(void **state)
{
	static const uint64_t gaps[] = { 0, 7 * DAY, 14 * DAY, YEAR, 30 * YEAR };
	const uint64_t hz = 2999999999;

	(void)state;
	for (size_t g = 0; g < sizeof(gaps) / sizeof(gaps[0]); g++) {
		struct marks marks = marking_make(8, 300, hz, SEED);
		uint64_t now = 12345, later = now + (303 + gaps[g]) * hz;

		for (uint32_t i = 0; i < SETS_PLACES; i++) {
			struct flow_key key = { .family = 4, .tuple = { [3] = (uint8_t)i } };

			assert_true(proved_add(&marks, &key, now));
		}
		for (unsigned int n = 0; n < 4 * SETS_PLACES; n++) {
			struct flow_key key = { .family = 4, .tuple = { 1, [3] = (uint8_t)n } };

			assert_int_equal(proved_add(&marks, &key,
						 n < 2 * SETS_PLACES ? now + 300 * hz : later),
				n >= 2 * SETS_PLACES && n < 3 * SETS_PLACES);
		}
		discard(&marks);
	}
}

/* Marks of many: none is taken for another. */
static void
test_tells_apart(void **state)
{
	const uint32_t n = 131072;
	struct marks marks = marking_make(2 * n, 300, 1000000000, SEED);

	(void)state;
	for (uint32_t i = 0; i < 2 * n; i++) {
		struct mark mark = marks_of(&marks, &i, sizeof(i));

		assert_true(mark.value != 0);
		assert_true(
			mark.set[0] <= 2 * n - SETS_PLACES && mark.set[1] <= 2 * n - SETS_PLACES);
		assert_null(marks_find(&marks, mark, 5));
		if (i < n)
			marks_store(&marks, mark, marks_choose(&marks, mark, 5).word, 5);
	}
	discard(&marks);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_comes_back),
		cmocka_unit_test(test_room_comes_back),
		cmocka_unit_test(test_tells_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
