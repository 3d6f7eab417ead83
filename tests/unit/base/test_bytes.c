/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/bytes.h"
#include "base/secret.h"
#include "base/verdict.h"
#include "unit.h"

#define ALIGNMENTS 16u

static const uint8_t octets[8] = { 0x81, 0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0xe7, 0xf8 };

static void
test_loads_at_every_alignment(void **state)
{
	_Alignas(16) uint8_t area[ALIGNMENTS + 8];

	(void)state;
	for (unsigned int at = 0; at < ALIGNMENTS; at++) {
		memset(area, 0, sizeof(area));
		memcpy(area + at, octets, sizeof(octets));
		assert_int_equal(hg_load_be16(area + at), 0x8192);
		assert_int_equal(hg_load_be24(area + at), 0x8192a3);
		assert_int_equal(hg_load_be32(area + at), 0x8192a3b4);
		assert_true(hg_load_be48(area + at) == 0x8192a3b4c5d6);
		assert_true(hg_load_be64(area + at) == 0x8192a3b4c5d6e7f8);
	}
}

/* Are the n bytes at area + at the first n of octets, and all others still 0x55? */
static void
assert_stored(const uint8_t *area, size_t size, size_t at, size_t n)
{
	for (size_t i = 0; i < size; i++)
		assert_int_equal(area[i], i >= at && i < at + n ? octets[i - at] : 0x55);
}

static void
test_stores_at_every_alignment(void **state)
{
	_Alignas(16) uint8_t area[ALIGNMENTS + 8];

	(void)state;
	for (unsigned int at = 0; at < ALIGNMENTS; at++) {
		memset(area, 0x55, sizeof(area));
		hg_store_be16(area + at, 0x8192);
		assert_stored(area, sizeof(area), at, 2);
		memset(area, 0x55, sizeof(area));
		hg_store_be24(area + at, 0x8192a3);
		assert_stored(area, sizeof(area), at, 3);
		memset(area, 0x55, sizeof(area));
		hg_store_be32(area + at, 0x8192a3b4);
		assert_stored(area, sizeof(area), at, 4);
		memset(area, 0x55, sizeof(area));
		hg_store_be64(area + at, 0x8192a3b4c5d6e7f8);
		assert_stored(area, sizeof(area), at, 8);
	}
}

static void
test_limits(void **state)
{
	uint8_t area[8];

	(void)state;
	memset(area, 0xff, sizeof(area));
	assert_int_equal(hg_load_be16(area), UINT16_MAX);
	assert_int_equal(hg_load_be24(area), 0xffffff);
	assert_true(hg_load_be32(area) == UINT32_MAX);
	assert_true(hg_load_be48(area) == 0xffffffffffff);
	assert_true(hg_load_be64(area) == UINT64_MAX);
	hg_store_be24(area, 0xff000001); /* the upper byte has no place */
	assert_int_equal(hg_load_be24(area), 1);
	assert_int_equal(area[3], 0xff);
}

static void
test_secret_equal(void **state)
{
	uint8_t a[67], b[67];

	(void)state;
	for (size_t i = 0; i < sizeof(a); i++)
		a[i] = b[i] = (uint8_t)(i * 37);
	assert_true(hg_secret_equal(a, b, 0));
	for (size_t n = 1; n <= sizeof(a); n++)
		assert_true(hg_secret_equal(a, b, n));
	for (size_t at = 0; at < sizeof(a); at++)
		for (unsigned int bit = 0; bit < 8; bit++) {
			b[at] ^= (uint8_t)(1 << bit);
			assert_false(hg_secret_equal(a, b, sizeof(a)));
			assert_false(hg_secret_equal(a, b, at + 1));
			assert_true(
				hg_secret_equal(a, b, at)); /* a difference behind it counts not */
			b[at] = a[at];
		}
}

/* Two differences must not cancel each other out. */
static void
test_secret_equal_many_differences(void **state)
{
	uint8_t a[16] = { 0 }, b[16] = { 0 };

	(void)state;
	for (unsigned int i = 0; i < sizeof(b); i++) {
		b[i] = 0x80;
		assert_false(hg_secret_equal(a, b, sizeof(a)));
	}
}

static void
test_secret_wipe(void **state)
{
	uint8_t area[32];

	(void)state;
	for (size_t n = 0; n <= 16; n++) {
		memset(area, 0xee, sizeof(area));
		hg_secret_wipe(area + 8, n);
		for (size_t i = 0; i < sizeof(area); i++)
			assert_int_equal(area[i], i >= 8 && i < 8 + n ? 0 : 0xee);
	}
}

/* Counters are indexed by these numbers, and the first two are no drops. */
static void
test_verdicts(void **state)
{
	static const char *const names[] = {
#define NAME(NAME, name, help) #name,
		HG_DROPS(NAME)
#undef NAME
	};
	static const char *const helps[] = {
#define HELP(NAME, name, help) help,
		HG_DROPS(HELP)
#undef HELP
	};
	size_t n = sizeof(names) / sizeof(names[0]);

	(void)state;
	assert_int_equal(HG_PASS, 0);
	assert_int_equal(HG_ANSWER, 1);
	assert_int_equal(HG_DROP_FRAME_SHORT, 2);
	assert_int_equal(HG_VERDICT_COUNT, n + 2);
	for (size_t i = 0; i < n; i++) {
		assert_true(strlen(helps[i]) > 0);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(names[i], names[j]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loads_at_every_alignment),
		cmocka_unit_test(test_stores_at_every_alignment),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_secret_equal),
		cmocka_unit_test(test_secret_equal_many_differences),
		cmocka_unit_test(test_secret_wipe),
		cmocka_unit_test(test_verdicts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
