/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may begin a handshake, of those that have proved their address. Each handshake core has its
 * own admission: it decides, and workers look at what it keeps, so that a flood of one client, or of
 * one hello, ends with them and fills no ring.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/clients.h"
#include "gateway/pace.h"
#include "gateway/used.h"
#include "wire/hello.h"

struct core;

struct admission_limits {
	uint32_t half_open;    /* handshakes in progress of one core */
	struct pace pace;      /* of all handshakes of the core */
	uint64_t evict_cycles; /* after which an idle session may end for a new one; 0: none does */
	struct clients_limits clients;
};

struct admission {
	/* written by main before the start; the tables in them by the core, read by the workers */
	struct clients clients; /* without a table if clients have no limit of their own */
	struct marks used;

	/* the core's own */
	_Alignas(64) uint64_t due; /* when the core's bucket is full again */
};

/* A verified hello on its way through the core's admission. */
struct admission_ask {
	uint64_t now; /* TSC cycles */
	uint64_t id;  /* of its client */
	struct used_mark mark;
	struct client *client;   /* once admitted; NULL if clients have no limit of their own */
	struct session *evicted; /* once admitted: the session that is to end for it, or NULL */
};

/* Fills *ret_ask. Returns false for a hello that has begun a handshake before. */
bool admission_begin(const struct admission *admission, const struct flow_key *key,
	const struct hg_hello *hello, struct admission_ask *ret_ask);

/*
 * May it begin a handshake? head is the session of its 4-tuple, or NULL. Counts a refusal. Nothing is
 * taken yet.
 */
bool admission_admit(struct core *core, const struct session *head, struct admission_ask *ask);

/*
 * The handshake of that session has begun: takes what it was admitted for. has_entry says that its
 * 4-tuple had a session already, which counts for its client.
 */
void admission_take(struct core *core, const struct admission_ask *ask, struct session *session,
	bool has_entry);

/* The time of its handshake is over: its client may begin again with the same hello. */
void admission_give_up(struct core *core, const struct session *session);
