/* SPDX-License-Identifier: BSD-3-Clause */
/* The worker's loop: its queues in turn, then what others have for it, then a rest if there was nothing. */
#pragma once

#include "worker/worker.h"

/* Body of the lcore, for rte_eal_remote_launch(); arg is the struct worker. Returns 0. */
int worker_run(void *arg);
