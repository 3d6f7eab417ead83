/* SPDX-License-Identifier: BSD-3-Clause */
#include "interrupts.h"

#include <rte_alarm.h>

#include <time.h>

#include "gateway.h"
#include "port.h"
#include "worker.h"

/* What is due when this callback returns is called before anything else that the thread has to do. */
#define RETURN_US 20u

/* With a link nothing is to be done but to see it go; without one, the ends have a lot to tell each other. */
#define LOOKS_CONNECTED 4u

static void
wait(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		; /* interrupted */
}

/* In the interrupt thread, which looks at what has come up meanwhile before it comes here again. */
static void
rest(void *arg)
{
	struct interrupts *interrupts = arg;

	sem_post(&interrupts->at_rest);
	wait(&interrupts->go);
	if (!atomic_load_explicit(&interrupts->free, memory_order_relaxed) &&
		rte_eal_alarm_set(RETURN_US, rest, interrupts) == 0)
		return;
	atomic_store_explicit(&interrupts->free, true, memory_order_relaxed);
	sem_post(&interrupts->at_rest);
}

static bool
has_memif(const struct worker *worker)
{
	for (unsigned int i = 0; i < worker->n_queues; i++)
		if (worker->queue[i]->port->is_memif)
			return true;
	return false;
}

static bool
is_connected(const struct gateway *gateway)
{
	for (unsigned int i = 0; i < gateway->n_ports; i++)
		if (gateway->port[i].is_memif &&
			atomic_load_explicit(&gateway->port[i].link_up, memory_order_relaxed))
			return true;
	return false;
}

/* Makes the workers that are at a port of memif stand still, or go on. */
static void
halt_workers(struct gateway *gateway, bool halt)
{
	const struct timespec moment = { .tv_nsec = 20000 };

	for (unsigned int i = 0; i < gateway->n_workers; i++)
		if (has_memif(&gateway->worker[i]))
			atomic_store_explicit(&gateway->worker[i].halt,
				halt ? WORKER_HALT_ASKED : WORKER_HALT_NONE, memory_order_release);
	for (unsigned int i = 0; halt && i < gateway->n_workers; i++)
		while (atomic_load_explicit(&gateway->worker[i].halt, memory_order_acquire) ==
			WORKER_HALT_ASKED)
			nanosleep(&moment, NULL);
}

void
interrupts_hold(struct gateway *gateway)
{
	struct interrupts *interrupts = &gateway->interrupts;
	bool wanted = false;

	for (unsigned int i = 0; i < gateway->n_ports; i++)
		wanted |= gateway->port[i].is_memif;
	if (!wanted)
		return;
	sem_init(&interrupts->at_rest, 0, 0);
	sem_init(&interrupts->go, 0, 0);
	interrupts->held = rte_eal_alarm_set(RETURN_US, rest, interrupts) == 0;
	if (interrupts->held)
		wait(&interrupts->at_rest);
}

void
interrupts_look(struct gateway *gateway)
{
	struct interrupts *interrupts = &gateway->interrupts;

	if (!interrupts->held || atomic_load_explicit(&interrupts->free, memory_order_relaxed))
		return;
	if (is_connected(gateway) && ++interrupts->looks % LOOKS_CONNECTED != 0)
		return;
	halt_workers(gateway, true);
	sem_post(&interrupts->go);
	wait(&interrupts->at_rest);
	halt_workers(gateway, false);
}

void
interrupts_release(struct gateway *gateway)
{
	struct interrupts *interrupts = &gateway->interrupts;

	if (!interrupts->held)
		return;
	interrupts->held = false;
	if (!atomic_exchange_explicit(&interrupts->free, true, memory_order_relaxed)) {
		sem_post(&interrupts->go);
		wait(&interrupts->at_rest);
	}
	sem_destroy(&interrupts->at_rest);
	sem_destroy(&interrupts->go);
}
