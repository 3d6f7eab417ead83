/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sessions of a core that end because the gateway has no place for them any more: that of a listener
 * which a new configuration has taken away, or all of them. However many there are, a round of the core
 * ends a few, so that the others are served meanwhile, and nobody who waits for the core waits long.
 */
#pragma once

#include "core/core.h"

#define REMOVAL_LOOKS 256u /* sessions looked at in a round */
#define REMOVAL_ENDS 16u   /* of those, ended */

/*
 * A round's part: looks at sessions that have not been checked against the core's generation, and ends
 * those without a listener, as long as there is room for what they still send. Returns how many it
 * looked at; core->unchecked is NULL when there are no more.
 */
unsigned int removal_step(struct core *core);

/* Ends a few of all sessions. Returns false if there were none. For the shutdown. */
bool removal_drain(struct core *core);
