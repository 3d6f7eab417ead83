/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "unit.h"

static void
test_numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t number;
	} good[] = {
		{ "0", 0 },
		{ "000", 0 },
		{ "010", 10 },
		{ "1234567890", 1234567890 },
		{ "4294967295", UINT32_MAX },
		{ "18446744073709551615", UINT64_MAX },
		{ "00000000000000000000000018446744073709551615", UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t number = 77;

		assert_int_equal(hg_text_number(good[i].text, 0, UINT64_MAX, &number), 0);
		assert_true(number == good[i].number);
		number = 77;
		assert_int_equal(
			hg_text_number(good[i].text, good[i].number, good[i].number, &number), 0);
		assert_true(number == good[i].number);
	}
}

static void
test_no_numbers(void **state)
{
	/* The largest of 64 bits and one more, ten more, and twice that; numbers that are small without them. */
	static const char *const bad[] = { "", " ", "-", "-1", "+1", " 1", "1 ", "\t1", "1\n",
		"0x1", "1.0", "1e1", "x", "1x", "/", ":", "1/", "1:", "\xb2",
		"18446744073709551616", "18446744073709551617", "18446744073709551625",
		"36893488147419103230", "184467440737095516150", "-18446744073709551615",
		"99999999999999999999999999" };
	uint64_t number = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(hg_text_number(bad[i], 0, UINT64_MAX, &number), -EINVAL);
	assert_int_equal(hg_text_number("11", 0, 10, &number), -EINVAL);
	assert_int_equal(hg_text_number("4294967296", 0, UINT32_MAX, &number), -EINVAL);
	assert_int_equal(hg_text_number("4294967297", 0, 10, &number), -EINVAL);
	assert_int_equal(hg_text_number("0", 1, 10, &number), -EINVAL);
	assert_int_equal(hg_text_number("5", 6, 4, &number), -EINVAL);
	assert_int_equal(number, 77);
}

static void
test_hex_digits(void **state)
{
	static const char digits[] = "0123456789abcdefABCDEF";

	(void)state;
	for (int c = -128; c < 128; c++) {
		const char *found = c != 0 ? strchr(digits, c) : NULL;
		int wanted = found != NULL ? (int)(found - digits) : -1;

		assert_int_equal(hg_text_hex_digit((char)c), wanted < 16 ? wanted : wanted - 6);
	}
}

static void
test_hex(void **state)
{
	static const uint8_t wanted[] = { 0x00, 0x1f, 0xaB, 0xCd, 0xef };
	static const char text[] = "001fABCdef";
	char bad[sizeof(text)];
	uint8_t bytes[6];

	(void)state;
	for (size_t n = 0; n <= sizeof(wanted); n++) {
		memset(bytes, 0x55, sizeof(bytes));
		assert_int_equal(hg_text_hex(text, bytes, n), 0);
		assert_memory_equal(bytes, wanted, n);
		assert_int_equal(bytes[n], 0x55);
	}
	/* What ends is not read beyond its end. */
	for (size_t len = 0; len < strlen(text); len++) {
		char *copy = strndup(text, len);

		assert_non_null(copy);
		assert_int_equal(hg_text_hex(copy, bytes, sizeof(wanted)), -EINVAL);
		free(copy);
	}
	for (size_t at = 0; at < strlen(text); at++) {
		memcpy(bad, text, sizeof(text));
		bad[at] = "gG ,-xX+"[at % 8];
		assert_int_equal(hg_text_hex(bad, bytes, sizeof(wanted)), -EINVAL);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_no_numbers),
		cmocka_unit_test(test_hex_digits),
		cmocka_unit_test(test_hex),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
