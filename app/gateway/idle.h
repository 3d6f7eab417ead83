/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a polling lcore rests when there is nothing to do: in steps, so that a short pause costs no
 * latency and a long one no CPU.
 */
#pragma once

#include <rte_cycles.h>

#include <stdbool.h>
#include <stdint.h>

struct idle {
	bool busy;           /* never rest */
	uint32_t empty;      /* rounds without work, in a row */
	uint32_t longest_us; /* of one rest */
	uint32_t worked;     /* rounds with work since begun */
	uint64_t begun;      /* TSC */
};

#define IDLE_ACCOUNT_ROUNDS 64u

void idle_init(struct idle *idle, bool busy, uint32_t longest_us);

/* To be called once by the lcore itself, before its first round: its rests are meant as they are. */
void idle_begin(void);

/* To be told after every round; returns for how many microseconds to rest, 0 for not at all. */
uint32_t idle_step(struct idle *idle, bool worked);

/*
 * To be told after every round, before a rest: the TSC cycles of work that have gathered, to be added
 * to those before. Reading the TSC takes as long as an answer on some machines, so whoever has work in
 * every round does it rarely.
 */
static inline uint64_t
idle_account(struct idle *idle, bool worked)
{
	uint64_t now, gathered;

	if (worked && ++idle->worked < IDLE_ACCOUNT_ROUNDS)
		return 0;
	if (idle->worked == 0)
		return 0;
	now = rte_rdtsc();
	gathered = now - idle->begun;
	idle->worked = 0;
	idle->begun = now;
	return gathered;
}

/* After a round without work, and its rest, and before the first round. */
static inline void
idle_resume(struct idle *idle)
{
	idle->begun = rte_rdtsc();
}

/* Sleeps; a system call, so only for a lcore that idle_step() told to. */
void idle_rest(uint32_t microseconds);
