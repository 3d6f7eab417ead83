/* SPDX-License-Identifier: BSD-3-Clause */
/* Workers and handshake cores, each with what it has on its NUMA node: made before they run, and gone after. */
#pragma once

#include "config/error.h"

struct gateway;

/* With the queues dealt out. Returns 0 or -EINVAL; setup_lcores_destroy() in either case. */
int setup_lcores_create(struct gateway *gateway, struct error *error);

/* Buffers that are not back in their pools; of those that a driver keeps buffers of for good none is missed. */
unsigned int setup_lcores_count_missing(const struct gateway *gateway);

void setup_lcores_destroy(struct gateway *gateway);
