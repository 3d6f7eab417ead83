/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Generations: main makes one of a configuration and puts it in the place of the one before, whole. That one is kept
 * until no packet on its way and no session has anything of it. Main's own.
 */
#pragma once

#include "config/config.h"
#include "config/error.h"

struct gateway;
struct port;

/*
 * Puts config into effect, which becomes gateway->config; the caller's until then. The one before, if
 * any, is kept as long as it is needed. Returns 0, or -EINVAL if that takes more memory, or room for
 * listeners, than there is, or longer packets than a port sends; nothing has changed then.
 */
int generation_enter(struct gateway *gateway, struct config *config, struct error *error);

/* A port that no worker has at the moment has another MAC address than before. */
void generation_follow_mac(struct gateway *gateway, const struct port *port);

/* Frees what is not needed any more, and waits for nothing. To be called now and then. */
void generation_reap(struct gateway *gateway);

/* Frees all generations, when no lcore runs any more; gateway->config stays. */
void generation_end(struct gateway *gateway);
