/* SPDX-License-Identifier: BSD-3-Clause */
/* What each telemetry command shows. They read counters, gauges and the configuration, and write nothing. */
#pragma once

#include <rte_telemetry.h>

#include <stddef.h>

#include "gateway/gateway.h"

struct command {
	const char *name; /* "/hellogate/..." */
	const char *help;

	/*
	 * Answers, under the lock of the configuration; params is what follows the name, or NULL. Returns 0 or a
	 * negative errno.
	 */
	int (*show)(const struct gateway *gateway, const char *params, struct rte_tel_data *data);
};

extern const struct command commands[];
extern const size_t commands_n;
