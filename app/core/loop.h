/* SPDX-License-Identifier: BSD-3-Clause */
/* The handshake core: OpenSSL handshakes, their timers, and the life of sessions. */
#pragma once

#include "core/core.h"

/* Says good-bye to the client and ends its session; reason is the counter of it. */
void core_close(struct session *session, _Atomic uint64_t *reason);

/* Body of the lcore, for rte_eal_remote_launch(); arg is the struct core. Returns 0. */
int core_run(void *arg);
