/* SPDX-License-Identifier: BSD-3-Clause */
#include "source_ports.h"

#include <errno.h>
#include <stdlib.h>

static void
put(struct source_ports *ports, uint16_t port, uint64_t ready)
{
	uint32_t tail = ports->head + ports->n;

	if (tail >= ports->size)
		tail -= ports->size;
	ports->queue[tail] = (struct source_port){ .port = port, .ready = ready };
	ports->n++;
}

int
source_ports_init(struct source_ports *ports, uint16_t first, uint16_t last, unsigned int part,
	unsigned int n_parts, uint64_t rest)
{
	uint32_t total = (uint32_t)last - first + 1;

	*ports = (struct source_ports){ .size = (total + n_parts - 1 - part) / n_parts };
	ports->rest = rest;
	ports->queue = calloc(ports->size, sizeof(*ports->queue));
	if (ports->queue == NULL)
		return -ENOMEM;
	for (uint32_t port = first + part; port <= last; port += n_parts)
		put(ports, (uint16_t)port, 0);
	return 0;
}

void
source_ports_free(struct source_ports *ports)
{
	free(ports->queue);
	ports->queue = NULL;
}

bool
source_ports_take(struct source_ports *ports, uint64_t now, uint16_t *ret_port)
{
	const struct source_port *oldest = &ports->queue[ports->head];

	if (ports->n == 0 || oldest->ready > now)
		return false;
	*ret_port = oldest->port;
	ports->n--;
	if (++ports->head == ports->size)
		ports->head = 0;
	return true;
}

void
source_ports_give(struct source_ports *ports, uint64_t now, uint16_t port)
{
	put(ports, port, now + ports->rest);
}
