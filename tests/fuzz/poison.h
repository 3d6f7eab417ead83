/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory that AddressSanitizer is to take for forbidden; without it, nothing happens. */
#pragma once

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define POISON 1
#endif

#ifdef POISON
#include <sanitizer/asan_interface.h>
#endif

static inline void
poison(const void *start, size_t len)
{
#ifdef POISON
	__asan_poison_memory_region(start, len);
#else
	(void)start;
	(void)len;
#endif
}

static inline void
unpoison(const void *start, size_t len)
{
#ifdef POISON
	__asan_unpoison_memory_region(start, len);
#else
	(void)start;
	(void)len;
#endif
}
