/* SPDX-License-Identifier: BSD-3-Clause */
/* What the process may do, and what others may see of it. */
#pragma once

#include "config/config.h"
#include "config/error.h"

/*
 * First of all, while there is one thread and no secret: no core dumps, no debugger but root's, no
 * privileges by exec, and locked memory for secrets. Returns 0 or -EINVAL.
 */
int process_begin(struct error *error);

/*
 * When all is open that needs privileges, and before the lcores see a packet: every thread becomes
 * the user of the configuration, without capabilities. Main alone keeps those that the profiles of
 * the ports name. Returns 0, or -EINVAL also if a thread has kept more than that.
 */
int process_drop(const struct config *config, struct error *error);
