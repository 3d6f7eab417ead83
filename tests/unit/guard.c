/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guard.h"

void
guard_open(struct guard *guard, size_t max)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t room = (max + page - 1) / page * page;

	guard->size = room + page;
	guard->map =
		mmap(NULL, guard->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(guard->map != MAP_FAILED);
	guard->end = guard->map + room;
	assert_int_equal(mprotect(guard->end, page, PROT_NONE), 0);
}

void
guard_close(struct guard *guard)
{
	munmap(guard->map, guard->size);
}

uint8_t *
guard_place(const struct guard *guard, const void *bytes, size_t len)
{
	uint8_t *start = guard->end - len;

	assert_true(start >= guard->map);
	if (len != 0)
		memcpy(start, bytes, len);
	return start;
}
