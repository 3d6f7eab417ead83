/* SPDX-License-Identifier: BSD-3-Clause */
/* What main does all day, while the lcores work, and the way down. */
#pragma once

#include "config/error.h"
#include "gateway/gateway.h"

/*
 * Blocks SIGTERM, SIGINT and SIGHUP, for control_run() to wait for, and ignores what would end
 * or stop the process and means nothing to it. Before any thread is started.
 */
void control_prepare_signals(void);

/* Starts the lcores, works until a signal comes, then drains and waits for them. */
int control_run(struct gateway *gateway, struct error *error);
