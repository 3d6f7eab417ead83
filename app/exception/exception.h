/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The exception path: what comes by a port and is not for a listener goes to this host's kernel over
 * a TAP interface, and what the kernel sends there goes out by the port. One thread owns the
 * interfaces of all ports and makes the system calls; rings join it to the workers.
 */
#pragma once

#include <rte_mempool.h>

#include <stdatomic.h>
#include <stdbool.h>

#include "config/error.h"
#include "gateway/gateway.h"
#include "gateway/idle.h"
#include "gateway/stats.h"
#include "gateway/thread.h"

#define EXCEPTION_BURST 32u

struct exception_tap {
	int fd;                /* -1: this port has no exception path */
	unsigned int queue;    /* by which the kernel's frames go out: place in gateway->queue */
	atomic_uint frame_max; /* bytes; written by main */

	/* main's own: what the interface has been told of the port */
	bool carrier;
	uint16_t mtu;
	uint8_t mac[6];
};

struct exception {
	/* written by main before the thread is let go */
	struct gateway *gateway;
	struct rte_mempool *pool; /* buffers of the kernel's frames */
	struct exception_tap tap[CONFIG_PORTS_MAX];
	int epoll;
	struct thread thread;

	/* the thread's own */
	struct idle idle;
	struct rte_mbuf *spare; /* for the next frame */

	/* written by the thread, read by all */
	struct stats_exception stats;
};

/*
 * With the rings and the pool made and the ports started: makes the interfaces, and the thread, which
 * waits to be let go. Returns 0 or -EINVAL; exception_close() in either case.
 */
int exception_open(struct exception *exception, struct error *error);

/*
 * From then on frames go to and fro. All of these do nothing with NULL, which is the exception path of
 * a gateway without one.
 */
void exception_serve(struct exception *exception);

/* Makes the interfaces' links, MAC addresses and MTUs follow those of the ports. */
void exception_follow(struct exception *exception);

/*
 * When the workers receive no more: gives the kernel what they have handed over, ends the thread. The
 * workers have to run until then.
 */
void exception_stop(struct exception *exception);

/* The interfaces are gone after that. The pool stays, to be counted. */
void exception_close(struct exception *exception);

/* Counters; of a gateway without an exception path all are 0. */
const struct stats_exception *exception_stats(const struct exception *exception);
