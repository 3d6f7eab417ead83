/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading and writing integers in network byte order at any alignment.
 * The caller has checked that the bytes are there.
 */
#pragma once

#include <stdint.h>
#include <string.h>

static inline uint16_t
hg_load_be16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap16(v);
}

static inline uint32_t
hg_load_be24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static inline uint32_t
hg_load_be32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

static inline uint64_t
hg_load_be48(const uint8_t *p)
{
	return (uint64_t)hg_load_be16(p) << 32 | hg_load_be32(p + 2);
}

static inline uint64_t
hg_load_be64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(v);
}

static inline void
hg_store_be16(uint8_t *p, uint16_t v)
{
	v = __builtin_bswap16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void
hg_store_be24(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 16);
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)v;
}

static inline void
hg_store_be32(uint8_t *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, sizeof(v));
}

/* The lower 48 bits of v. */
static inline void
hg_store_be48(uint8_t *p, uint64_t v)
{
	hg_store_be16(p, (uint16_t)(v >> 32));
	hg_store_be32(p + 2, (uint32_t)v);
}

static inline void
hg_store_be64(uint8_t *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	memcpy(p, &v, sizeof(v));
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the loads and stores above swap");
