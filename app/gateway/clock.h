/* SPDX-License-Identifier: BSD-3-Clause */
/* Clocks of the kernel, for threads that are in no hurry; lcores have gateway->now and the TSC. */
#pragma once

#include <stdint.h>
#include <time.h>

/* Seconds since 1970. */
static inline uint64_t
clock_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec;
}

/* Microseconds of CLOCK_MONOTONIC, which nobody sets. */
static inline uint64_t
clock_microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
