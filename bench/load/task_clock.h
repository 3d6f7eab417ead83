/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * CPU time of other processes' threads, exact at any moment. /proc tells it only as of the last
 * tick; the kernel's task clock event is brought up to date when it is read.
 */
#pragma once

#include <linux/perf_event.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Returns a descriptor for task_clock_read(), or -1 with errno set. */
static inline int
task_clock_open(int thread)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_TASK_CLOCK,
	};

	return (int)syscall(SYS_perf_event_open, &attr, thread, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

/* Nanoseconds that the thread has run since the descriptor was opened. */
static inline uint64_t
task_clock_read(int fd)
{
	uint64_t ns;

	return read(fd, &ns, sizeof(ns)) == (ssize_t)sizeof(ns) ? ns : 0;
}
