/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One configuration as the lcores see it. Main makes a generation and puts it in the place of the one
 * before, whole; that one goes when no packet on its way and no session has anything of it any more.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "config/error.h"
#include "gateway/admission.h"
#include "gateway/gateway.h"
#include "gateway/pace.h"
#include "port/table.h"

/* What may still have something of a generation that is not in effect any more, one after the other. */
enum generation_step {
	GENERATION_ADDED,  /* a worker, which adds it to a ring: until a grace period is over */
	GENERATION_QUEUED, /* a ring: until all that was in it then has been taken out */
	GENERATION_TAKEN,  /* a core, which has taken it out: until another grace period is over */
	GENERATION_SESSIONS, /* sessions of its listeners: until they have ended */
};

struct generation {
	/* written by main before the lcores see it; immutable then */
	uint64_t number;          /* counted from 1 */
	struct port_table *table; /* one for each port */
	struct admission_limits limits;
	bool guard_open;           /* what cannot be judged passes a guard */
	bool guard_strict;         /* what is no hello passes from known 4-tuples alone */
	struct pace hvr;           /* of the HelloVerifyRequests to one network */
	uint64_t handshake_cycles; /* TSC cycles until a handshake is given up */
	unsigned int n_listeners;
	uint16_t listener[CONFIG_LISTENERS_MAX]; /* places in the gateway's list */

	/* main's own, when the generation is not in effect any more */
	struct generation *next;
	struct config *config; /* its own from then on */
	enum generation_step step;
	uint64_t token; /* of the grace period that is waited for */
	uint64_t *end;  /* of the rings to the cores when it went */
};

/*
 * Puts config into effect, which becomes gateway->config; the caller's until then. The one before, if
 * any, is kept as long as it is needed. Returns 0, or -EINVAL if that takes more memory, or room for
 * listeners, than there is, or longer packets than a port sends; nothing has changed then.
 */
int generation_enter(struct gateway *gateway, struct config *config, struct error *error);

/* A port that no worker has at the moment has another MAC address than before. */
void generation_follow_mac(struct gateway *gateway, const struct port *port);

/* Frees what is not needed any more, and waits for nothing. To be called now and then, by main. */
void generation_reap(struct gateway *gateway);

/* Frees all generations, when no lcore runs any more; gateway->config stays. */
void generation_end(struct gateway *gateway);
