/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The worker's part of what becomes of frames that are not for a listener, on a port that does not
 * drop them. A part of the packet path: no system call, no heap, no wait.
 */
#pragma once

#include "worker/worker.h"

/* Hands over n of them, of the burst that is under way. */
void divert_send(struct worker *worker, struct rte_mbuf **mbuf, unsigned int n);

/* Takes the kernel's frames, and buffers that it has read. Returns the number of packets. */
unsigned int divert_receive(struct worker *worker);
