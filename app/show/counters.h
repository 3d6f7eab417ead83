/* SPDX-License-Identifier: BSD-3-Clause */
/* The counters of the gateway as a whole. */
#pragma once

#include <stdio.h>

#include "gateway/gateway.h"
#include "gateway/stats.h"

/* Adds up those of all workers, and of all handshake cores. Any thread. */
void counters_sum(const struct gateway *gateway, struct stats_worker *ret_worker,
	struct stats_handshake *ret_handshake);

/* Prints all of them, one a line: the last word of a gateway. */
void counters_print(const struct gateway *gateway, FILE *to);
