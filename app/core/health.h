/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether an upstream is there, as far as traffic tells: by ICMP errors, by silence, by its datagrams.
 * Nothing is sent to find out. Shared by all handshake cores; nobody waits for anybody, and what two of
 * them find out at the same time may come in either order. Times are TSC cycles.
 *
 *   up    -> down    an error, or silence
 *   down  -> trial   the pause is over, and a session asks for an upstream: it may have this one
 *   trial -> up      time is over without an error and without silence
 *   trial -> down    an error, or silence: the next pause is twice as long
 *   any   -> up      a datagram
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum health_state {
	HEALTH_UP,
	HEALTH_DOWN,
	HEALTH_TRIAL,
};

enum health_reason {
	HEALTH_NO_REASON,
	HEALTH_REFUSED,
	HEALTH_HOST_UNREACHABLE,
	HEALTH_NETWORK_UNREACHABLE,
	HEALTH_SILENT,
};

/* Of a listener. */
struct health_limits {
	uint64_t silence; /* time without an answer; 0: any */
	uint64_t retry;   /* the first pause, and the time of a trial */
};

/* All zeroes: up. */
struct health {
	_Atomic uint64_t word;  /* state, reason, pauses so far, end of the pause or trial */
	_Atomic uint64_t since; /* when it went down, or came up */
	/* of limits with silence alone */
	_Atomic uint64_t asked;     /* the first datagram that nothing came for; 0: none */
	_Atomic uint64_t last_sent; /* the last datagram */
};

static inline enum health_state
health_state(const struct health *health)
{
	return (enum health_state)(atomic_load_explicit(&health->word, memory_order_relaxed) & 3);
}

enum health_reason health_reason(const struct health *health);
const char *health_reason_text(enum health_reason reason);

/* What an error of a socket says of the upstream; HEALTH_NO_REASON: nothing. */
enum health_reason health_reason_of(int error);

/* May it be given a session? As a trial, it may once. */
bool health_admit(struct health *health, const struct health_limits *limits, uint64_t now);

void health_fail(struct health *health, const struct health_limits *limits,
	enum health_reason reason, uint64_t now);

/* A datagram was sent. To be called if limits have silence. */
void health_sent(struct health *health, const struct health_limits *limits, uint64_t now);

void health_revive(struct health *health, uint64_t now);

/* A datagram has come. */
static inline void
health_heard(struct health *health, uint64_t now)
{
	if (atomic_load_explicit(&health->asked, memory_order_relaxed) != 0)
		atomic_store_explicit(&health->asked, 0, memory_order_relaxed);
	if (health_state(health) != HEALTH_UP)
		health_revive(health, now);
}
