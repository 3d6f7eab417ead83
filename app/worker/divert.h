/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The worker's part of what becomes of frames that are not for a listener, on a port that does not
 * drop them. A part of the fast path: no system call, no heap, no wait.
 */
#pragma once

#include "worker/loop.h"

/* Hands over what a burst has of them. */
void divert_send(struct worker *worker, const struct worker_burst *burst);

/* Takes the kernel's frames, and buffers that it has read. Returns the number of packets. */
unsigned int divert_receive(struct worker *worker);
