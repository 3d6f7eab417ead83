/* SPDX-License-Identifier: BSD-3-Clause */
/* What cores have of the listeners of all configurations that are in effect or still have sessions. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "config/config.h"
#include "core/health.h"

struct upstream;

struct listener {
	/* written by main while the place is free or not yet in a generation that lcores see */
	const struct config_listener *config; /* NULL: the place is free */
	struct health_limits health;
	unsigned int n_upstreams; /* 0: echo */
	struct upstream *upstream[CONFIG_UPSTREAMS_MAX];

	/*
	 * Written by the cores, read by main. On a line of its own: the others are read for each datagram, those
	 * of the next listener too.
	 */
	_Alignas(64) _Atomic uint32_t n_sessions; /* of all cores */
};
