/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "marking.h"
#include "unit.h"

struct marks
marking_make(uint32_t n, uint32_t seconds, uint64_t hz, uint64_t seed)
{
	void *memory = calloc(1, marks_size(n));
	struct marks marks;

	assert_non_null(memory);
	marks_init(&marks, memory, n, seconds, hz, seed);
	return marks;
}
