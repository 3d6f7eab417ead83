/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waiting for lcores, which share main's CPU or may take long: in moments of rest, and without forgetting the
 * clock that workers read, and the service manager. Main's own.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

struct gateway;

/* What main has to do at least every 50 ms, however long it waits for others. */
void wait_alive(struct gateway *gateway);

/*
 * Waits until every worker and core has gone through its loop, and so has let go of what it had before; also
 * while they do not run yet, or no more.
 */
void wait_for_grace(struct gateway *gateway);

/* Waits until a flag that an lcore clears is clear; what the lcore wrote before is visible then. */
void wait_for_clear(struct gateway *gateway, const atomic_bool *flag);
