/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/source_ports.h"

static void
put(struct source_ports *ports, uint16_t port, uint64_t ready)
{
	uint32_t tail = ports->head + ports->n;

	if (tail >= ports->size)
		tail -= ports->size;
	ports->queue[tail] = (struct source_port){ .port = port, .ready = ready };
	ports->n++;
}

size_t
source_ports_size(uint16_t first, uint16_t last, unsigned int n_parts)
{
	uint32_t total = (uint32_t)last - first + 1;

	return (total + n_parts - 1) / n_parts * sizeof(struct source_port);
}

void
source_ports_init(struct source_ports *ports, void *memory, uint16_t first, uint16_t last,
	unsigned int part, unsigned int n_parts, uint64_t rest)
{
	uint32_t total = (uint32_t)last - first + 1;

	*ports = (struct source_ports){
		.queue = memory,
		.size = (total + n_parts - 1 - part) / n_parts,
		.rest = rest,
	};
	for (uint32_t port = first + part; port <= last; port += n_parts)
		put(ports, (uint16_t)port, 0);
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
