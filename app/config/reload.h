/* SPDX-License-Identifier: BSD-3-Clause */
/* One configuration after another. */
#pragma once

#include "config/config.h"

/*
 * May config, which has just been read, take the place of old? Returns 0, or -EINVAL with file:line of
 * what a start alone can change. If neither names a cookie-secret, config has that of old then.
 */
int config_reload_check(struct config *config, const struct config *old, struct error *error);

/*
 * To be called for a configuration that follows old, when it takes effect: the ports, which devices
 * and threads have pointers to, stay where and as they are and become config's, with the file that their
 * texts are of. What config says of them is the same, and goes. old has none then.
 */
void config_reload_take_ports(struct config *config, struct config *old);
