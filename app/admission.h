/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may begin a handshake, of those that have proved their address. Each handshake core has its
 * own admission: it decides, and workers look at what it keeps, so that a flood of one client, or of
 * one hello, ends with them and fills no ring.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "clients.h"
#include "pace.h"
#include "used.h"
#include "wire/hello.h"

struct core;

struct admission_limits {
	uint32_t half_open; /* handshakes in progress of one core */
	struct pace pace;   /* of all handshakes of the core */
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
	struct mark mark;
	struct client *client; /* once admitted; NULL if clients have no limit of their own */
};

/* Fills *ret_ask. Returns false for a hello that has begun a handshake before. */
bool admission_begin(const struct admission *admission, const struct session_key *key,
	const struct hg_hello *hello, struct admission_ask *ret_ask);

/*
 * May it begin a handshake? replaces says that one in progress would end for it. Counts a refusal.
 * Nothing is taken yet.
 */
bool admission_admit(struct core *core, bool replaces, struct admission_ask *ask);

/* The handshake of that session has begun: takes what it was admitted for. */
void admission_take(struct core *core, const struct admission_ask *ask, struct session *session);
