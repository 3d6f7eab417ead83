/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The upstreams of all configurations that are in effect or still have sessions. An address is one
 * upstream, whatever listeners and configurations name it, so what is known of its health outlives a
 * reload.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/address.h"
#include "core/health.h"

struct gateway;
struct listener;

struct upstream {
	/* written by main before the cores see it; immutable then */
	struct address address;
	uint64_t id; /* as choice_upstream() yields it */

	/* main's own; the list is read by others under the lock of the configuration */
	struct upstream *next;
	unsigned int n_uses; /* by listeners */
	bool told_down;

	/* written by the cores, read by all */
	_Alignas(64) struct health health;
	_Atomic uint32_t n_sessions; /* that have a socket to it */
};

/*
 * The upstream at an address, a new one if there is none yet, or NULL without memory. Main's, and so is
 * upstream_release(), which is called for each upstream_hold() when no session of that listener is left.
 */
struct upstream *upstream_hold(struct gateway *gateway, const struct address *address);
void upstream_release(struct gateway *gateway, struct upstream *upstream);

/*
 * The upstream for a client of a listener: of those that may be given a session now, the one with the highest
 * weight. NULL: none may.
 */
struct upstream *upstream_choose(const struct listener *listener, uint64_t client, uint64_t now);

/* The one with the highest weight, whatever is known of its health. */
struct upstream *upstream_prefer(const struct listener *listener, uint64_t client);

/* Says which have gone down or come up since it was called last. Main's. */
void upstream_report(struct gateway *gateway);
