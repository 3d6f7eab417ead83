/* SPDX-License-Identifier: BSD-3-Clause */
/* What main does while the lcores work: clock, key rotation, links, signals, and the way down. */
#pragma once

#include "config/error.h"
#include "gateway/gateway.h"

/*
 * Blocks SIGTERM, SIGINT and SIGHUP, for control_run() to wait for, and ignores what would end
 * or stop the process and means nothing to it. Before any thread is started.
 */
void control_prepare_signals(void);

/* Sets the clock and the first keys. Returns 0 or -EINVAL. */
int control_init(struct gateway *gateway, struct error *error);

/* Starts the lcores, works until a signal comes, then drains and waits for them. */
int control_run(struct gateway *gateway, struct error *error);

/*
 * Waits until every worker and core has gone through its loop, and so has let go of what it had before.
 * Main's alone, also while they do not run yet, or no more.
 */
void control_wait_for_grace(struct gateway *gateway);

/* Wipes the keys. */
void control_fini(struct gateway *gateway);
