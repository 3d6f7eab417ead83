/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Places of listeners: what a packet's note says of its listener is the number of one. A place is taken while its
 * listener is in effect, or something may still have something of it. Main's own.
 */
#pragma once

#include <stdbool.h>

#include "config/config.h"

struct gateway;
struct generation;

/*
 * Gives every listener a place, and holds its upstreams. Returns 0, -ENOSPC without a place, or -ENOMEM;
 * places_leave() in either case.
 */
int places_take(
	struct gateway *gateway, struct generation *generation, const struct config *config);
void places_leave(struct gateway *gateway, struct generation *generation);

/* Does a listener of the generation have sessions? If not, what cores did with them is visible then. */
bool places_have_sessions(const struct gateway *gateway, const struct generation *generation);
