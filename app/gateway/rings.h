/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rings between workers and other threads, each with a single producer and a single consumer.
 * Towards the core a pair has one ring for each class of packets, so that a flood of one class
 * neither fills the ring of another nor stands before it. What lies in a ring is an mbuf with a note (note.h).
 */
#pragma once

#include <rte_ring.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/error.h"
#include "gateway/note.h"
#include "gateway/stats.h"
#include "port/nodes.h"

#define RINGS_SIZE 512u /* packets; small, so that they stay in the cache */

/* Packets for a core, in the order in which it takes them. */
enum rings_class {
	RINGS_ESTABLISHED, /* of an established session, but for what only a handshake can use */
	RINGS_PENDING,     /* of a handshake in progress */
	RINGS_NEW,         /* verified hellos, and fragments on their heels */
	RINGS_CLASSES,
};

/* Between a worker and the exception thread, with a single producer and a single consumer each. */
struct rings_exception {
	struct rte_ring *to;   /* frames for the kernel */
	struct rte_ring *back; /* their buffers: the worker alone gives any back to its pool */
	struct rte_ring *from; /* frames of the kernel */
};

/* How many have ever been put into a ring, and taken out of it. */
struct rings_count {
	_Alignas(64) _Atomic uint64_t put;   /* written by the worker */
	_Alignas(64) _Atomic uint64_t taken; /* written by the core */
};

struct rings {
	unsigned int n_workers;
	unsigned int n_cores;
	struct rte_ring **in;              /* [(worker * n_cores + core) * RINGS_CLASSES + class] */
	struct rings_count *count;         /* of those; read by main */
	struct rte_ring **out;             /* [worker * n_cores + core] */
	struct rings_exception *exception; /* [worker]; NULL: no port has an exception path */
};

/*
 * Each lies on the NUMA node of whoever takes out of it, who looks at it all the time. Returns 0 or -EINVAL; what
 * was made is freed by rings_free() in either case.
 */
int rings_create(struct rings *rings, unsigned int n_workers, unsigned int n_cores,
	struct nodes *nodes, struct error *error);

/* Likewise, of those that rings_create() has made the others: the rings to the exception thread. */
int rings_create_exception(struct rings *rings, struct nodes *nodes, struct error *error);

/* The rings are empty by then. */
void rings_free(struct rings *rings);

/* How many there are in rings->in. */
static inline unsigned int
rings_count_in(const struct rings *rings)
{
	return rings->n_workers * rings->n_cores * RINGS_CLASSES;
}

static inline unsigned int
rings_index_in(
	const struct rings *rings, unsigned int worker, unsigned int core, enum rings_class class)
{
	return (worker * rings->n_cores + core) * RINGS_CLASSES + class;
}

static inline struct rte_ring *
rings_in(const struct rings *rings, unsigned int worker, unsigned int core, enum rings_class class)
{
	return rings->in[rings_index_in(rings, worker, core, class)];
}

static inline struct rte_ring *
rings_out(const struct rings *rings, unsigned int worker, unsigned int core)
{
	return rings->out[worker * rings->n_cores + core];
}

/* For a worker: passes packets to a core. Returns how many of the first there is room for. */
static inline unsigned int
rings_put(const struct rings *rings, unsigned int worker, unsigned int core, enum rings_class class,
	struct rte_mbuf **mbuf, unsigned int n)
{
	unsigned int i = rings_index_in(rings, worker, core, class);

	n = rte_ring_sp_enqueue_burst(rings->in[i], (void **)mbuf, n, NULL);
	stats_add(&rings->count[i].put, n);
	return n;
}

/* For a core: takes at most max packets of a worker. Returns how many. */
static inline unsigned int
rings_take(const struct rings *rings, unsigned int worker, unsigned int core,
	enum rings_class class, struct rte_mbuf **ret_mbuf, unsigned int max)
{
	unsigned int i = rings_index_in(rings, worker, core, class);
	unsigned int n = rte_ring_sc_dequeue_burst(rings->in[i], (void **)ret_mbuf, max, NULL);

	if (n != 0)
		stats_add(&rings->count[i].taken, n);
	return n;
}

/* How many lie in a ring; a moment old for all but its two threads. */
unsigned int rings_level(const struct rte_ring *ring);

/*
 * Where the rings to the cores end now, each in ret_end[rings_count_in()]. What a worker has put before a
 * grace period that is over lies before that.
 */
void rings_sample(const struct rings *rings, uint64_t *ret_end);

/* Have the cores taken out all that lay before those ends? */
bool rings_passed(const struct rings *rings, const uint64_t *end);
