/* SPDX-License-Identifier: BSD-3-Clause */
#include "xcheck.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t
page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

void
arena_open(struct arena *arena, size_t at_least)
{
	size_t page = page_size();
	uint8_t *p;

	arena->size = (at_least + page - 1) / page * page;
	p = mmap(NULL, arena->size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED || mprotect(p + page, arena->size, PROT_READ | PROT_WRITE) != 0) {
		perror("mmap");
		exit(1);
	}
	arena->start = p + page;
}

void
arena_close(struct arena *arena)
{
	size_t page = page_size();

	munmap(arena->start - page, arena->size + 2 * page);
}
