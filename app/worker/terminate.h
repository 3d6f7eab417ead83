/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The worker's part of a port with listeners: what comes in is answered, handed to a handshake core or to the
 * exception thread, or dropped.
 */
#pragma once

#include "worker/worker.h"

/* One burst of at most that many frames of the queue that is set in worker->burst. Returns their number. */
unsigned int terminate_burst(struct worker *worker, unsigned int most);
