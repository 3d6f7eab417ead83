/* SPDX-License-Identifier: BSD-3-Clause */
/* The [gateway] section, and the files that it names. */
#pragma once

#include "config/config.h"
#include "config/setting.h"

int config_gateway_read(struct config *config, struct error *error);
const struct setting *config_gateway_table(size_t *ret_n);
