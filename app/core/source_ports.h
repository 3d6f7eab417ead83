/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The local ports that a handshake core may use towards upstreams. A port that a session has given
 * back rests before another session gets it, so that a late answer to the one does not reach the
 * other. A queue in the order in which they were given back: taking and giving are O(1), and there is
 * nothing to do for a datagram.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source_port {
	uint64_t ready; /* TSC cycles: when it has rested */
	uint16_t port;
};

/* Each port is in the queue, or somebody has it. */
struct source_ports {
	struct source_port *queue;
	uint32_t size; /* places in the queue, as many as there are ports; 0: the kernel chooses */
	uint32_t n;    /* ports in it */
	uint32_t head; /* the one that has rested longest */
	uint64_t rest; /* TSC cycles */
};

/* Bytes for one of n_parts equal shares of the ports first to last. */
size_t source_ports_size(uint16_t first, uint16_t last, unsigned int n_parts);

/* The part-th of these shares. memory has that size and stays the caller's. */
void source_ports_init(struct source_ports *ports, void *memory, uint16_t first, uint16_t last,
	unsigned int part, unsigned int n_parts, uint64_t rest);

/* Takes the port that has rested longest. Returns false if none has rested long enough. */
bool source_ports_take(struct source_ports *ports, uint64_t now, uint16_t *ret_port);

/* Gives a port back that was taken. */
void source_ports_give(struct source_ports *ports, uint64_t now, uint16_t port);
