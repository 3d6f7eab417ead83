/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include <stdint.h>
#include <time.h>

/* Time by a clock: of CLOCK_MONOTONIC since some moment, of a CPU clock what was used. */
static inline uint64_t
clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline double
clock_seconds(clockid_t clock)
{
	return (double)clock_ns(clock) / 1e9;
}
