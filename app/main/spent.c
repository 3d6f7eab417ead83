/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/spent.h"

#include <stdlib.h>

#include "gateway/gateway.h"
#include "main/own.h"
#include "port/port.h"

/* Who may still have a buffer: one after the other. */
enum step {
	STEP_QUEUED, /* a ring to a core: until all that was in it then has been taken out */
	STEP_TAKEN,  /* a core, which has taken it out: until a grace period is over */
	STEP_LOST,   /* somebody who does not say when he is done: until the end */
};

struct spent {
	struct spent *next;
	struct rte_mempool *pool;
	enum step step;
	uint64_t token;
	uint64_t end[]; /* of the rings to the cores */
};

/*
 * Where a port's buffers go beside the cores, there is no telling when they are back: the kernel's
 * interface, and drivers that send without copying.
 */
static enum step
first_step(const struct port *port)
{
	if (port->diverts || (port->peer != NULL && !port->peer->on_interface))
		return STEP_LOST;
	return STEP_QUEUED;
}

void
spent_add(struct gateway *gateway, const struct port *port)
{
	size_t ends = rings_count_in(&gateway->rings) * sizeof(uint64_t);

	for (unsigned int i = 0; i < gateway->n_queues; i++) {
		struct queue *queue = &gateway->queue[i];
		struct spent *spent;

		if (queue->port != port || queue->pool == NULL)
			continue;
		spent = calloc(1, sizeof(*spent) + ends);
		if (spent == NULL)
			continue; /* used again, without what is lost */
		spent->pool = queue->pool;
		spent->step = first_step(port);
		rings_sample(&gateway->rings, spent->end);
		spent->next = gateway->own->spent;
		gateway->own->spent = spent;
		queue->pool = NULL;
	}
}

static bool
is_done(struct gateway *gateway, struct spent *spent)
{
	if (spent->step == STEP_QUEUED && rings_passed(&gateway->rings, spent->end)) {
		spent->step = STEP_TAKEN;
		spent->token = rte_rcu_qsbr_start(gateway->qsbr);
	}
	return spent->step == STEP_TAKEN &&
	       rte_rcu_qsbr_check(gateway->qsbr, spent->token, false) == 1;
}

static void
free_first(struct spent **at)
{
	struct spent *spent = *at;

	*at = spent->next;
	rte_mempool_free(spent->pool);
	free(spent);
}

void
spent_reap(struct gateway *gateway)
{
	for (struct spent **at = &gateway->own->spent; *at != NULL;)
		if (is_done(gateway, *at))
			free_first(at);
		else
			at = &(*at)->next;
}

void
spent_end(struct gateway *gateway)
{
	while (gateway->own->spent != NULL)
		free_first(&gateway->own->spent);
}
