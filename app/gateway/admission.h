/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may begin a handshake, of those that have proved their address. Each handshake core has its own
 * admission. The core asks it; workers look at what it keeps before they pass a hello on, so that a flood of
 * one client, or of one hello, ends with them and fills no ring. Either gets a verdict, and counts it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/clients.h"
#include "gateway/pace.h"
#include "gateway/used.h"
#include "wire/hello.h"

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

enum admission_verdict {
	ADMISSION_PASS,
	ADMISSION_USED,             /* the hello has begun a handshake before */
	ADMISSION_HALF_OPEN,        /* the core has as many handshakes in progress as it may */
	ADMISSION_SESSIONS,         /* it has as many sessions as it may, and all are in use */
	ADMISSION_RATE,             /* its bucket is empty */
	ADMISSION_CLIENT_RATE,      /* the client's bucket is empty */
	ADMISSION_CLIENT_HALF_OPEN, /* the client has as many handshakes in progress as it may */
	ADMISSION_CLIENT_SESSIONS,  /* it has as many sessions as it may */
	ADMISSION_CLIENT_TABLE,     /* it is unknown, and there is no place for it */
};

/* What the core has when a hello comes. */
struct admission_load {
	uint64_t half_open;    /* handshakes in progress */
	uint64_t sessions;     /* these among them */
	uint64_t sessions_max; /* that it may have */
	bool has_entry; /* the hello's 4-tuple has a session: one more is no further one of its client */
	bool replaces; /* a handshake in progress of the 4-tuple is to end for this one */
	bool has_idle; /* another session has been idle for so long that it may end for this one */
};

/* A verified hello on its way through the core's admission. */
struct admission_ask {
	uint64_t now; /* TSC cycles */
	uint64_t id;  /* of its client */
	struct used_mark mark;

	/* once admitted */
	struct client *client; /* NULL if clients have no limit of their own */
	bool is_further;       /* one session more for that client */
	bool evicts;           /* the idle session is to end for it */
};

/*
 * For workers: does the core have reason to refuse the hello already? ADMISSION_CLIENT_SESSIONS holds for a
 * 4-tuple that has no session. now in TSC cycles.
 */
enum admission_verdict admission_look(const struct admission *admission,
	const struct clients_limits *limits, const struct flow_key *key,
	const struct hg_hello *hello, uint64_t now);

/*
 * The rest is the core's. Fills *ret_ask; now in TSC cycles. Returns false for a hello that has begun a
 * handshake before.
 */
bool admission_begin(const struct admission *admission, const struct flow_key *key,
	const struct hg_hello *hello, uint64_t now, struct admission_ask *ret_ask);

/* May it begin a handshake? Nothing is taken yet. */
enum admission_verdict admission_admit(const struct admission *admission,
	const struct admission_limits *limits, const struct admission_load *load,
	struct admission_ask *ask);

/*
 * Its handshake has begun: takes what it was admitted for. Returns false if the table of used hellos had to
 * forget another one before its time.
 */
bool admission_take(struct admission *admission, const struct admission_limits *limits,
	const struct admission_ask *ask);

/* The handshake of this hello was given up as its time is over: its client may begin again with the same one. */
void admission_give_up(const struct admission *admission, struct used_mark mark, uint64_t now);
