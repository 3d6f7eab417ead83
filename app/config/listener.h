/* SPDX-License-Identifier: BSD-3-Clause */
/* [listener NAME] sections. */
#pragma once

#include "config/config.h"
#include "config/setting.h"

int config_listener_read(struct config *config, const struct ini_section *section, const char *name,
	struct error *error);
const struct setting *config_listener_table(size_t *ret_n);

/* Does a bind of the listener, which is no guard, belong to a port with these addresses? */
bool config_listener_is_on(const struct config_listener *listener, const struct hg_net_host *host);

/* What it takes all the same, but does not work for each client; NULL if there is nothing. */
const char *config_listener_warning(const struct config_listener *listener);

/* Every bind must be an address of a port, and belong to one listener alone. */
int config_listener_check_binds(const struct config *config, struct error *error);
