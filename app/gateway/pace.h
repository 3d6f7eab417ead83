/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A token bucket of one number: the time at which it is full again. Whoever takes a token moves that
 * time on; as long as it is not too far ahead, there are tokens. Nothing is ever refilled, and a
 * bucket whose time has come is like one that has never been used.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What the buckets of one kind have in common; times in TSC cycles. */
struct pace {
	uint64_t interval; /* between two tokens; 0: no limit */
	uint64_t slack;    /* how far ahead the time may be, and still yield a token */
};

/* rate tokens a second, 0 for no limit, and burst of them at once, 1 at least; hz cycles a second. */
static inline void
pace_init(struct pace *pace, uint64_t hz, uint32_t rate, uint32_t burst)
{
	pace->interval = rate != 0 ? hz / rate : 0;
	pace->slack = pace->interval * (burst - 1);
}

/* Is there a token in the bucket that is full again at due? */
static inline bool
pace_ready(const struct pace *pace, uint64_t due, uint64_t now)
{
	return pace->interval == 0 || due <= now + pace->slack;
}

/* When is it full again, after one has been taken? */
static inline uint64_t
pace_take(const struct pace *pace, uint64_t due, uint64_t now)
{
	return (due > now ? due : now) + pace->interval;
}
