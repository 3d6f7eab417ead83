/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One configuration as the lcores see it. Main makes a generation and puts it in the place of the one
 * before, whole; that one goes when no packet on its way and no session has anything of it any more.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "gateway/admission.h"
#include "gateway/gateway.h"
#include "gateway/pace.h"
#include "port/table.h"

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
};
