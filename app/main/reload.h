/* SPDX-License-Identifier: BSD-3-Clause */
/* A reload: the file is read again, and takes effect as a whole or not at all. Main's own. */
#pragma once

#include "config/config.h"

struct gateway;

/* Puts the file as it is now into effect, or leaves everything as it is. Says which, and why not. */
void reload_run(struct gateway *gateway);

/* Says what a configuration has that is in effect, and does not work for each client. */
void reload_warn(const struct config *config);
