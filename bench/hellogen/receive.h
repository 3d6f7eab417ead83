/* SPDX-License-Identifier: BSD-3-Clause */
/* The receiving half of an engine. */
#pragma once

#include <rte_mbuf.h>

#include <stdint.h>

#include "engine.h"

/* Takes received frames; frees them, or sends them on. */
void receive_burst(struct engine *engine, struct rte_mbuf **mbuf, unsigned int n, uint64_t now);

/*
 * Gives up on hellos whose answer is late, the oldest first. A hello that waits for its answer keeps
 * those behind it, which does not matter: what is answered needs nothing more.
 */
void receive_expire(struct engine *engine, uint64_t now);

/* Gives up on the oldest hello, as its place is needed. */
void receive_drop_oldest(struct engine *engine);
