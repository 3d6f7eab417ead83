/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a guard should do with a frame from the clients, from docs/guard.md: the worker's model for what
 * can be read, and what is none of a guard's business, cannot be judged, or hides a hello besides.
 */
#pragma once

#include "worker_model.h"

/* What a frame that passes is counted as. */
enum guard_sight {
	SIGHT_ELSEWHERE, /* none of the guard's business */
	SIGHT_HELLO,     /* with a valid cookie */
	SIGHT_DATAGRAM,  /* for a server, and no hello */
	SIGHT_REST,     /* of a hello: passes behind its beginning alone; counted like the former */
	SIGHT_UNJUDGED, /* passes with guard-fail = open alone */
};

/*
 * Fills in the packet's fate. Of a datagram that is no hello and of what cannot be judged it is FORWARDED,
 * whatever becomes of it by the guard's settings.
 */
enum guard_sight guard_model(struct packet *packet, const struct lab_clock *clock);
