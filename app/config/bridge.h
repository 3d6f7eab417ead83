/* SPDX-License-Identifier: BSD-3-Clause */
/* The key bridge of the gateway section: two ports that are joined. */
#pragma once

#include <stdbool.h>

#include "config/config.h"

/* Takes the names of the ports out of the gateway section. Returns 0 or -EINVAL. */
int config_bridge_read(struct config *config, struct error *error);

/* Is the port of that name one of the bridge? */
bool config_bridge_has(const struct config *config, const char *name);

/* When all ports have been read: finds those of the bridge. Returns 0 or -EINVAL. */
int config_bridge_find(struct config *config, struct error *error);
