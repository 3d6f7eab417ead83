/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/thread.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "port/dpdk.h"

static dpdk_thread_result
run(void *arg)
{
	struct thread *thread = arg;
	sigset_t signals;

	/* All of them are main's but SIGSYS, by which the filter of system calls ends the process. */
	sigfillset(&signals);
	sigdelset(&signals, SIGSYS);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	setpriority(PRIO_PROCESS, 0, thread->niceness); /* 0: of this thread */
	sem_post(&thread->ready);
	thread_wait(&thread->go);
	thread->body(thread->arg);
	return 0;
}

int
thread_start(struct thread *thread, const char *name, int niceness, void (*body)(void *), void *arg)
{
	int err;

	*thread = (struct thread){ .body = body, .arg = arg, .niceness = niceness };
	sem_init(&thread->ready, 0, 0);
	sem_init(&thread->go, 0, 0);
	err = dpdk_thread_create(&thread->id, name, run, thread);
	if (err != 0) {
		sem_destroy(&thread->ready);
		sem_destroy(&thread->go);
		return err;
	}
	thread->started = true;
	thread_wait(&thread->ready);
	return 0;
}

void
thread_go(struct thread *thread)
{
	if (thread->started)
		sem_post(&thread->go);
}

void
thread_stop(struct thread *thread)
{
	if (!thread->started)
		return;
	atomic_store_explicit(&thread->stop, true, memory_order_release);
	thread_go(thread); /* if it was not yet */
}

void
thread_join(struct thread *thread)
{
	if (!thread->started)
		return;
	rte_thread_join(thread->id, NULL);
	thread->started = false;
	sem_destroy(&thread->ready);
	sem_destroy(&thread->go);
}
