/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A thread beside main and the lcores. It runs on the CPUs that the process was started on but for those of
 * lcores, or on main's if none is left. It is started before privileges are given up, so that it has none
 * either, and waits to be let go.
 */
#pragma once

#include <rte_thread.h>

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

/* All of zeroes: not started. */
struct thread {
	/* written by main before the start */
	void (*body)(void *arg);
	void *arg;
	int niceness;
	rte_thread_t id;
	bool started; /* main's own */
	sem_t ready; /* posted by the thread: it needs nothing more that the filter of system calls forbids */
	sem_t go; /* posted by main */

	atomic_bool stop; /* written by main, read by the thread */
};

/*
 * Starts a thread of that name, of 15 characters at most, and niceness, with all signals blocked but SIGSYS. It
 * runs body(arg) once thread_go() is called, and ends when that returns. Returns 0 or a negative errno.
 */
int thread_start(
	struct thread *thread, const char *name, int niceness, void (*body)(void *), void *arg);

/* Lets it go. */
void thread_go(struct thread *thread);

/* sem_wait(), whatever signal comes. */
static inline void
thread_wait(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		; /* interrupted */
}

/* For its body: has it been told to end? What main has written before that is visible then. */
static inline bool
thread_should_stop(const struct thread *thread)
{
	return atomic_load_explicit(&thread->stop, memory_order_acquire);
}

/* Tells it to end, also one that was never let go: its body is run then, too. May be called again. */
void thread_stop(struct thread *thread);

/* Waits for its end, after thread_stop(). Both do nothing if it was not started, or has been joined. */
void thread_join(struct thread *thread);
