/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes that end right before a page that cannot be touched: reading or writing past them crashes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct guard {
	uint8_t *map;
	size_t size;  /* of the mapping, the forbidden page included */
	uint8_t *end; /* the first forbidden byte */
};

/* Makes room for max bytes, or fails the test. */
void guard_open(struct guard *guard, size_t max);
void guard_close(struct guard *guard);

/* Copies len bytes to the end of the room and returns where they are. */
uint8_t *guard_place(const struct guard *guard, const void *bytes, size_t len);
