/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a polling lcore rests when there is nothing to do: in steps, so that a short pause costs no
 * latency and a long one no CPU.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct idle {
	bool busy;           /* never rest */
	uint32_t empty;      /* rounds without work, in a row */
	uint32_t longest_us; /* of one rest */
};

void idle_init(struct idle *idle, bool busy, uint32_t longest_us);

/* To be called once by the lcore itself, before its first round: its rests are meant as they are. */
void idle_begin(void);

/* To be told after every round; returns for how many microseconds to rest, 0 for not at all. */
uint32_t idle_step(struct idle *idle, bool worked);

/* Sleeps; a system call, so only for a lcore that idle_step() told to. */
void idle_rest(uint32_t microseconds);
