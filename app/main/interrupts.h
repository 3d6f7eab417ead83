/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DPDK's interrupt thread, kept from ports of memif while workers are at them. When the other end of such a link
 * goes, that thread unmaps its rings, and the driver does not look whether somebody reads them at that moment
 * (memif_disconnect() and eth_memif_rx() of DPDK 22.11 to 25.11). So it rests in a callback of ours while there is a
 * link, and gets a turn now and then, for which the workers of these ports stand still. Main's own.
 */
#pragma once

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

struct gateway;

enum interrupts_state {
	INTERRUPTS_RUN,   /* no link: the thread does what comes up */
	INTERRUPTS_REST,  /* until go is posted */
	INTERRUPTS_ENDED, /* the callback does not come again */
};

struct interrupts {
	/* main's own */
	bool begun;
	enum interrupts_state known; /* what main has heard */
	unsigned int looks;

	/* written by main, read by the thread */
	atomic_bool end; /* wanted */
	sem_t go;

	/* the thread's own, but for what main reads when told is posted */
	_Atomic(enum interrupts_state) state;
	bool answers; /* after a rest: main waits to hear what comes of it */
	sem_t told;
};

/* Before the workers begin; does nothing if there is no port of memif. */
void interrupts_begin(struct gateway *gateway);

/* To be called often. Takes about as long as a worker's round, or as its rest. */
void interrupts_look(struct gateway *gateway);

/* The workers have ended, or never begun: the thread goes its own way again. */
void interrupts_end(struct gateway *gateway);
