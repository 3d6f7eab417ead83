/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guard_page.h"
#include "unit.h"

static uint8_t *map;
static size_t size;  /* of the mapping, the forbidden page included */
static uint8_t *end; /* the first forbidden byte */

int
guard_page_open(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t room = (GUARD_PAGE_ROOM + page - 1) / page * page;

	(void)state;
	size = room + page;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return -1;
	end = map + room;
	return mprotect(end, page, PROT_NONE);
}

int
guard_page_close(void **state)
{
	(void)state;
	return munmap(map, size);
}

uint8_t *
guard_page_before(size_t len)
{
	assert_true(len <= (size_t)(end - map));
	return end - len;
}

uint8_t *
guard_page_place(const void *bytes, size_t len)
{
	uint8_t *start = guard_page_before(len);

	if (len != 0)
		memcpy(start, bytes, len);
	return start;
}
