/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The clients of one handshake core that have proved their address: how fast each begins handshakes,
 * and how many it has in progress. A client is an IPv4 address, or an IPv6 /64, as whoever is in one
 * can use every address of it (RFC 4291 2.5.1).
 *
 * The table is bounded (sets.h). A client has an entry from the first handshake that it begins until its
 * bucket is full again and it has neither a handshake in progress nor a session, if those are counted;
 * the entry is free then, and nobody has to come and free it.
 *
 * The core alone writes. Workers may look, and what they see may be a moment old.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/flows.h"
#include "gateway/pace.h"
#include "gateway/sets.h"

struct client {
	_Atomic uint64_t id;  /* 0: never used */
	_Atomic uint64_t due; /* when its bucket is full again */
	_Atomic uint32_t half_open;
	_Atomic uint32_t sessions; /* 4-tuples that have one */
};

struct clients_limits {
	uint32_t half_open; /* handshakes in progress of one client; 0: no limit */
	uint32_t sessions;  /* of one client; 0: no limit */
	struct pace pace;
};

struct clients {
	/* written before the start, read by the core and the workers */
	struct client *table;
	struct sets sets;
	bool with_sessions; /* they are counted */
};

enum clients_verdict {
	CLIENTS_PASS,
	CLIENTS_RATE,      /* its bucket is empty */
	CLIENTS_HALF_OPEN, /* it has as many handshakes in progress as it may */
	CLIENTS_SESSIONS,  /* it has as many sessions as it may */
	CLIENTS_FULL,      /* unknown, and there is no place for it */
};

/* Bytes for a table of n entries, rounded up to whole sets. */
size_t clients_size(uint32_t n);

/* memory is zeroed, has that size and stays the caller's. */
void clients_init(struct clients *clients, void *memory, uint32_t n, uint64_t seed);

/* The client that a 4-tuple belongs to: never 0. */
uint64_t clients_id(const struct flow_key *key);

/*
 * For workers: may the client begin another handshake? PASS for one that is not known; SESSIONS holds for
 * a 4-tuple that has none.
 */
enum clients_verdict clients_look(const struct clients *clients,
	const struct clients_limits *limits, uint64_t id, uint64_t now);

/*
 * May the client begin another handshake? has_entry says that it is for a 4-tuple that has a session,
 * which it would replace: so it is no further one. If so, *ret_client is its entry, which is its own from
 * clients_begin() on, and until then only as long as no other client is asked about.
 */
enum clients_verdict clients_admit(const struct clients *clients,
	const struct clients_limits *limits, uint64_t id, uint64_t now, bool has_entry,
	struct client **ret_client);

/* It has begun one: takes its token. */
void clients_begin(
	const struct clients_limits *limits, struct client *client, uint64_t id, uint64_t now);

/* One of its handshakes is complete, or over. */
void clients_leave(struct client *client);

/* A 4-tuple of it has its first session, or has lost its last. */
void clients_enter(struct client *client);
void clients_exit(struct client *client);
