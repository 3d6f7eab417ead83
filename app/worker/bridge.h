/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The worker's part of a bridge: what comes in by one of its two ports leaves by the other, as it came
 * and in the order in which it came. What comes from the clients is looked at first, if it is for a
 * guarded listener. A part of the packet path: no system call, no heap, no wait.
 */
#pragma once

#include "worker/worker.h"

/*
 * One burst of at most that many frames of the queue that is set in worker->burst. Returns the number
 * of frames.
 */
unsigned int bridge_burst(struct worker *worker, unsigned int most);
