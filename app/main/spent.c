/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/spent.h"

#include <stdlib.h>

#include "gateway/gateway.h"
#include "main/private.h"
#include "main/quiesce.h"
#include "port/port.h"

struct spent {
	struct spent *next;
	struct rte_mempool *pool;
	struct quiesce quiesce; /* of its buffers */
	bool lost;              /* somebody may have one who does not say when he is done */
};

/*
 * Where a port's buffers go beside the cores, there is no telling when they are back: the kernel's
 * interface, and drivers that send without copying.
 */
static bool
is_lost(const struct port *port)
{
	return port->diverts || (port->peer != NULL && !port->peer->on_interface);
}

void
spent_add(struct gateway *gateway, const struct port *port)
{
	for (unsigned int i = 0; i < gateway->n_queues; i++) {
		struct private_queue *queue = &gateway->private->queue[i];
		struct spent *spent;

		if (gateway->queue[i].port != port || queue->pool == NULL)
			continue;
		spent = calloc(1, sizeof(*spent));
		if (spent == NULL || quiesce_init(&spent->quiesce, &gateway->rings) != 0) {
			free(spent);
			continue; /* used again, without what is lost */
		}
		spent->pool = queue->pool;
		spent->lost = is_lost(port);
		quiesce_begin_queued(&spent->quiesce, &gateway->rings);
		spent->next = gateway->private->spent;
		gateway->private->spent = spent;
		queue->pool = NULL;
	}
}

static bool
is_done(struct gateway *gateway, struct spent *spent)
{
	return !spent->lost && quiesce_is_over(&spent->quiesce, &gateway->rings, gateway->qsbr);
}

static void
free_first(struct spent **at)
{
	struct spent *spent = *at;

	*at = spent->next;
	rte_mempool_free(spent->pool);
	quiesce_free(&spent->quiesce);
	free(spent);
}

void
spent_reap(struct gateway *gateway)
{
	for (struct spent **at = &gateway->private->spent; *at != NULL;)
		if (is_done(gateway, *at))
			free_first(at);
		else
			at = &(*at)->next;
}

void
spent_end(struct gateway *gateway)
{
	while (gateway->private->spent != NULL)
		free_first(&gateway->private->spent);
}
