/* SPDX-License-Identifier: BSD-3-Clause */
/* Handling bytes that an attacker must not learn, from timing or from memory left behind. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Compares n bytes in a time that depends on n alone. */
static inline bool
hg_secret_equal(const void *a, const void *b, size_t n)
{
	const volatile uint8_t *x = (const volatile uint8_t *)a;
	const volatile uint8_t *y = (const volatile uint8_t *)b;
	uint8_t diff = 0;

	for (size_t i = 0; i < n; i++)
		diff |= x[i] ^ y[i];
	return diff == 0;
}

/* Zeroes n bytes; the compiler may not leave it out. */
static inline void
hg_secret_wipe(void *p, size_t n)
{
	explicit_bzero(p, n);
}
