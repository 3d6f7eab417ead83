/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DPDK's interrupt thread, kept from ports of memif while workers are at them. When the other end of such a link
 * goes, that thread unmaps its rings, and the driver does not look whether somebody reads them at that moment
 * (memif_disconnect() and eth_memif_rx() of DPDK 22.11 to 25.11). So it waits in a callback of ours, and gets a turn
 * now and then, for which the workers of these ports stand still. Main's own.
 */
#pragma once

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

struct gateway;

struct interrupts {
	bool held;
	unsigned int looks;
	atomic_bool free; /* the callback has been, or is to be, for the last time */
	sem_t at_rest;    /* posted by the thread: it is in the callback, and touches no port */
	sem_t go;
};

/* If there is a port of memif: before the workers begin. */
void interrupts_hold(struct gateway *gateway);

/* To be called often. Takes about as long as a worker's round, or as its rest. */
void interrupts_look(struct gateway *gateway);

/* The workers have ended, or never begun: the thread goes its own way again. */
void interrupts_release(struct gateway *gateway);
