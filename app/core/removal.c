/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/removal.h"

#include "core/session.h"
#include "gateway/generation.h"
#include "port/port.h"

#define FAREWELL 2u /* packets that the end of a session sends at most */

/* Is there a listener where the session's client sends to? */
static bool
is_served(const struct session *session)
{
	const struct core *core = session->core;
	const struct port *port = core->gateway->queue[session->queue].port;

	return port_table_find(&core->generation->table[port->number], session->key.tuple,
		       session->key.family) >= 0;
}

/* Nobody but the core fills the ring, so what has room now has room later in the round. */
static bool
has_room(const struct core *core, const struct session *session)
{
	unsigned int worker = core->gateway->queue[session->queue].worker;
	const struct rte_ring *ring = rings_out(&core->gateway->rings, worker, core->index);

	return rings_level(ring) + core->out[worker].n + FAREWELL <= rte_ring_get_capacity(ring);
}

unsigned int
removal_step(struct core *core)
{
	unsigned int looks = 0, ends = 0;

	if (core->generation->number != core->generation_number) {
		core->generation_number = core->generation->number;
		core->unchecked = TAILQ_FIRST(&core->sessions);
	}
	while (core->unchecked != NULL && looks < REMOVAL_LOOKS && ends < REMOVAL_ENDS) {
		struct session *session = core->unchecked;

		if (is_served(session)) {
			core->unchecked = TAILQ_NEXT(session, all);
		} else if (has_room(core, session)) {
			session_close(session,
				&core->stats.sessions_removed); /* the next is unchecked now */
			ends++;
		} else {
			break;
		}
		looks++;
	}
	return looks;
}

bool
removal_drain(struct core *core)
{
	unsigned int n;

	for (n = 0; n < REMOVAL_ENDS && !TAILQ_EMPTY(&core->sessions); n++)
		session_close(TAILQ_FIRST(&core->sessions), &core->stats.sessions_drained);
	return n != 0;
}
