/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes that end right before a page that cannot be touched: reading or writing past them crashes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define GUARD_PAGE_ROOM \
	69632u /* bytes before the page: more than a datagram with its headers has */

/* For a group of tests. */
int guard_page_open(void **state);
int guard_page_close(void **state);

/* Where the last len bytes before the page are. */
uint8_t *guard_page_before(size_t len);

/* Copies len bytes there and returns where they are. */
uint8_t *guard_page_place(const void *bytes, size_t len);
