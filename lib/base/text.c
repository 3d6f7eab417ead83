/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/text.h"

#include <errno.h>

int
hg_text_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number)
{
	uint64_t number = 0;

	if (*text == '\0')
		return -EINVAL;
	for (; *text != '\0'; text++)
		if (*text < '0' || *text > '9' || __builtin_mul_overflow(number, 10, &number) ||
			__builtin_add_overflow(number, (uint64_t)(*text - '0'), &number))
			return -EINVAL;
	if (number < min || number > max)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

int
hg_text_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int
hg_text_hex(const char *text, uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int high = hg_text_hex_digit(text[2 * i]);
		int low = high < 0 ? -1 : hg_text_hex_digit(text[2 * i + 1]);

		if (low < 0)
			return -EINVAL;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}
