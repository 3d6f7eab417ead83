/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/interrupts.h"

#include <rte_alarm.h>
#include <rte_ethdev.h>

#include <time.h>

#include "gateway/gateway.h"
#include "gateway/thread.h"
#include "main/private.h"
#include "port/port.h"
#include "worker/loop.h"

#define POLL_US 1000u /* without a link: until the next look for one */
/* After a rest. What is due when an alarm returns comes before anything else that the thread has to do. */
#define RETURN_US 20u
#define LOOKS_A_TURN 4u

static bool
has_link(const struct gateway *gateway)
{
	struct rte_eth_link link;

	for (unsigned int i = 0; i < gateway->n_ports; i++)
		if (gateway->port[i].is_memif &&
			rte_eth_link_get_nowait(gateway->port[i].id, &link) == 0 &&
			link.link_status == RTE_ETH_LINK_UP)
			return true;
	return false;
}

static void
tell(struct interrupts *interrupts, enum interrupts_state state)
{
	atomic_store_explicit(&interrupts->state, state, memory_order_relaxed);
	sem_post(&interrupts->told);
}

/* In the interrupt thread, which looks at what else has come up before it comes here again. */
static void
on_alarm(void *arg)
{
	struct gateway *gateway = arg;
	struct interrupts *interrupts = &gateway->private->interrupts;
	bool rests = has_link(gateway);

	if (rests) {
		tell(interrupts, INTERRUPTS_REST);
		thread_wait(&interrupts->go);
	} else if (interrupts->answers) {
		tell(interrupts, INTERRUPTS_RUN);
	}
	interrupts->answers = rests;
	if (atomic_load_explicit(&interrupts->end, memory_order_relaxed) ||
		rte_eal_alarm_set(rests ? RETURN_US : POLL_US, on_alarm, gateway) != 0)
		tell(interrupts, INTERRUPTS_ENDED);
}

static bool
has_memif(const struct worker *worker)
{
	for (unsigned int i = 0; i < worker->n_queues; i++)
		if (worker->queue[i]->port->is_memif)
			return true;
	return false;
}

/* Makes the workers that are at a port of memif stand still, or go on. */
static void
halt_workers(struct gateway *gateway, bool halt)
{
	const struct timespec moment = { .tv_nsec = 20000 };

	for (unsigned int i = 0; i < gateway->n_workers; i++)
		if (has_memif(gateway->worker[i]))
			atomic_store_explicit(&gateway->worker[i]->halt,
				halt ? WORKER_HALT_ASKED : WORKER_HALT_NONE, memory_order_release);
	for (unsigned int i = 0; halt && i < gateway->n_workers; i++)
		while (atomic_load_explicit(&gateway->worker[i]->halt, memory_order_acquire) ==
			WORKER_HALT_ASKED)
			nanosleep(&moment, NULL);
}

/* What the thread has told. */
static void
hear(struct interrupts *interrupts)
{
	interrupts->known = atomic_load_explicit(&interrupts->state, memory_order_relaxed);
}

void
interrupts_begin(struct gateway *gateway)
{
	struct interrupts *interrupts = &gateway->private->interrupts;
	bool wanted = false;

	for (unsigned int i = 0; i < gateway->n_ports; i++)
		wanted |= gateway->port[i].is_memif;
	if (!wanted)
		return;
	sem_init(&interrupts->go, 0, 0);
	sem_init(&interrupts->told, 0, 0);
	interrupts->begun = rte_eal_alarm_set(RETURN_US, on_alarm, gateway) == 0;
}

void
interrupts_look(struct gateway *gateway)
{
	struct interrupts *interrupts = &gateway->private->interrupts;

	if (!interrupts->begun)
		return;
	if (interrupts->known != INTERRUPTS_REST) {
		if (sem_trywait(&interrupts->told) == 0)
			hear(interrupts);
		return;
	}
	if (++interrupts->looks % LOOKS_A_TURN != 0)
		return;
	halt_workers(gateway, true);
	sem_post(&interrupts->go);
	thread_wait(&interrupts->told);
	halt_workers(gateway, false);
	hear(interrupts);
}

void
interrupts_end(struct gateway *gateway)
{
	struct interrupts *interrupts = &gateway->private->interrupts;

	if (!interrupts->begun)
		return;
	atomic_store_explicit(&interrupts->end, true, memory_order_relaxed);
	sem_post(&interrupts->go);
	while (interrupts->known != INTERRUPTS_ENDED) {
		thread_wait(&interrupts->told);
		hear(interrupts);
	}
	interrupts->begun = false;
	sem_destroy(&interrupts->go);
	sem_destroy(&interrupts->told);
}
