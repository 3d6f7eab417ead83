/* SPDX-License-Identifier: BSD-3-Clause */
#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "poison.h"

_Noreturn void
fuzz_fail(const char *file, int line, const char *condition, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s:%d: ", file, line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, " (not: %s)\n", condition);
	abort();
}

/* Room for the bytes, and a page behind it that nobody may touch. */
static uint8_t *
open_place(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *map = mmap(NULL, FUZZ_PLACE_MAX + page, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	fuzz_require(map != MAP_FAILED, "no memory");
	fuzz_require(mprotect(map + FUZZ_PLACE_MAX, page, PROT_NONE) == 0, "no guard page");
	return map;
}

uint8_t *
fuzz_place(unsigned int place, const void *bytes, size_t len)
{
	static uint8_t *map[FUZZ_PLACES];
	uint8_t *start;

	fuzz_require(place < FUZZ_PLACES && len <= FUZZ_PLACE_MAX, "%zu bytes", len);
	if (map[place] == NULL)
		map[place] = open_place();
	start = map[place] + FUZZ_PLACE_MAX - len;
	unpoison(map[place], FUZZ_PLACE_MAX);
	if (len != 0)
		memcpy(start, bytes, len);
	/* Poison has a grain of 8 bytes: what is before the last whole one. */
	poison(map[place], (size_t)(start - map[place]) / 8 * 8);
	return start;
}

void
fuzz_require_same(const char *what, const uint8_t *got, const uint8_t *wanted, size_t len)
{
	for (size_t i = 0; i < len; i++)
		fuzz_require(got[i] == wanted[i], "%s: byte %zu of %zu is %02x, not %02x", what, i,
			len, got[i], wanted[i]);
}
