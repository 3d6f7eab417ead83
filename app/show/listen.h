/* SPDX-License-Identifier: BSD-3-Clause */
/* The socket that HTTP is served on: an address, or a file. */
#pragma once

#include "config/config.h"
#include "config/error.h"

/* As metrics of the configuration says. Returns 0, or -EINVAL with nothing left open. */
int listen_open(int *ret_fd, const struct config_gateway *settings, struct error *error);
