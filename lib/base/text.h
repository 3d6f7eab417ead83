/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers as people write them in files and on command lines. Both readers return 0 or -EINVAL. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A number from min to max in decimal digits alone: no sign, no blank. *ret_number is untouched on failure. */
int hg_text_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number);

/* What a hexadecimal digit of either case means, 0 to 15; -1 if it is none. */
int hg_text_hex_digit(char c);

/*
 * n bytes from the 2 * n hexadecimal digits that text begins with; what follows them is not looked at. If
 * there are fewer digits, some of the bytes may have been written all the same.
 */
int hg_text_hex(const char *text, uint8_t *bytes, size_t n);
