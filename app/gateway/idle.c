/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/idle.h"

#include <rte_pause.h>

#include <sched.h>
#include <sys/prctl.h>
#include <time.h>

#define AWAKE_ROUNDS 256u /* about 100 us: longer than a peer on the same network takes to answer */
#define STEP_ROUNDS 64u   /* rests of one length before they double */
#define FIRST_US 10u

void
idle_init(struct idle *idle, bool busy, uint32_t longest_us)
{
	*idle = (struct idle){ .busy = busy, .longest_us = longest_us };
}

void
idle_begin(void)
{
	/* The kernel lets sleeps last up to 50 us longer unless a thread says otherwise. */
	prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
}

uint32_t
idle_step(struct idle *idle, bool worked)
{
	uint32_t doublings, us;

	if (worked) {
		idle->empty = 0;
		return 0;
	}
	if (idle->busy) {
		rte_pause();
		return 0;
	}
	/*
	 * A sleep of 10 us takes three times that where the CPU itself goes to sleep, so whoever may
	 * just be waiting for the next packet stays awake, but leaves the CPU to those who share it.
	 */
	if (idle->empty < AWAKE_ROUNDS) {
		idle->empty++;
		sched_yield();
		return 0;
	}
	doublings = (idle->empty - AWAKE_ROUNDS) / STEP_ROUNDS;
	us = doublings < 16 ? FIRST_US << doublings : idle->longest_us;
	if (us >= idle->longest_us)
		return idle->longest_us;
	idle->empty++;
	return us;
}

void
idle_rest(uint32_t microseconds)
{
	struct timespec rest = {
		.tv_sec = microseconds / 1000000,
		.tv_nsec = (long)(microseconds % 1000000) * 1000,
	};

	nanosleep(&rest, NULL);
}
