/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A handshake core: what one lcore that owns sessions has. All files of this folder work on it, but for what
 * all cores share: listeners and upstreams.
 */
#pragma once

#include <rte_cycles.h>
#include <rte_mempool.h>

#include <stdint.h>

#include "core/session.h"
#include "core/source_ports.h"
#include "gateway/admission.h"
#include "gateway/gateway.h"
#include "gateway/idle.h"
#include "gateway/stats.h"
#include "wire/record.h"

#define CORE_BURST 32u

/* Packets for one worker, gathered over one round of the loop. */
struct core_out {
	struct rte_mbuf *mbuf[CORE_BURST];
	unsigned int n;
	bool is_stuck; /* the worker did not take any for a second: it is not waited for again */
};

struct core {
	/* written by main before the start, read by the core */
	struct gateway *gateway;
	unsigned int index;
	struct admission *admission;
	struct rte_mempool *pool; /* buffers of the packets that it sends */
	uint32_t sessions_max;

	/* the core's own */
	_Alignas(64) struct idle idle;
	const struct generation *generation; /* in this round */
	uint64_t generation_number;          /* of the one that sessions are checked against */
	struct session *unchecked; /* the first one that is still to be checked; NULL: none is */
	int epoll;
	unsigned int n_sockets;    /* in it */
	struct source_ports ports; /* of those sockets */
	unsigned int rounds;       /* since those sockets were looked at */
	uint64_t rested;           /* TSC cycles of this round spent waiting for them */
	bool draining;
	unsigned int turn; /* the worker whose rings come first, modulo their number */
	struct session_list sessions;
	struct session_list due;   /* whose timers have run out, or that have failed */
	struct session_list quiet; /* established ones, the longest idle first, to a second */
	struct core_out *out;      /* one for each worker */
	uint8_t plaintext[HG_RECORD_PLAINTEXT_MAX];

	/* written by the core, read by main */
	_Alignas(64) atomic_bool running; /* set by main before the start */
	_Atomic uint64_t heartbeat;       /* rounds of its loop */
	struct stats_handshake stats;
};

/* Has session_expire() called for the session in this round or the next, as when its timer runs out. */
static inline void
core_call(struct session *session)
{
	if (!session->is_due)
		TAILQ_INSERT_TAIL(&session->core->due, session, due);
	session->is_due = true;
}

/*
 * A datagram of either side has come, and was not lost. The session goes to the end of the list of quiet ones,
 * but once a second at most, and not with every datagram.
 */
static inline void
core_touch(struct session *session, uint64_t now)
{
	session->last_active = now;
	if (session->queued == 0 || now - session->queued < rte_get_tsc_hz())
		return;
	session->queued = now;
	TAILQ_REMOVE(&session->core->quiet, session, quiet);
	TAILQ_INSERT_TAIL(&session->core->quiet, session, quiet);
}
