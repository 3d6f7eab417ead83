/* SPDX-License-Identifier: BSD-3-Clause */
/* The thread of a handshake core: packets of the workers, timers and upstreams, round by round. */
#pragma once

#include "core/core.h"

/* Body of the lcore, for rte_eal_remote_launch(); arg is the struct core. Returns 0. */
int core_run(void *arg);
