/* SPDX-License-Identifier: BSD-3-Clause */
/* [port NAME] sections. */
#pragma once

#include "config/config.h"
#include "config/setting.h"

int config_port_read(struct config *config, const struct ini_section *section, const char *name,
	struct error *error);
const struct setting *config_port_table(size_t *ret_n);
