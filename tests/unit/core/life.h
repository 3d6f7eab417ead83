/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A core for tests of sessions. Table, TLS, sockets and timers are made up; each of them tells what was done,
 * so that a test can say in which order things have to be published, replaced and ended.
 */
#pragma once

#include "core/session.h"
#include "gateway/generation.h"
#include "lcores.h"
#include "tls/session.h"

#define LIFE_HZ UINT64_C(1000000000)
#define LIFE_IDLE (UINT64_C(1) << 50) /* TSC cycles: longer than a test takes */
#define LIFE_MAX 3u                   /* sessions of the core */
#define LIFE_SLOTS 8u                 /* of the table */
#define LIFE_CLIENTS 64u
#define LIFE_LISTENER 3u /* the place of the only one */

/* Sessions have numbers, in the order in which they were made. */
struct hg_tls_session {
	unsigned int number;
	enum hg_tls_state state;
	size_t unread; /* bytes of application data */
};

struct life {
	struct lcores lcores;
	struct admission admission;
	struct generation generation;
	struct config_listener config;
	struct {
		struct flow_key key;
		void *data; /* NULL: free */
	} slot[LIFE_SLOTS];
	char told[512];
	unsigned int n_made;
	unsigned int n_alive;
	unsigned int n_sockets;
	uint64_t armed; /* TSC cycles that the timer was set to last */

	/* for the test to choose */
	unsigned int slots;     /* of the table that there are */
	enum hg_tls_state next; /* what the next hello or datagram leads to */
	size_t brings;          /* and the application data in it */
	bool no_tls;            /* there is no memory for it */
	bool no_socket;
};

extern struct life life;

/*
 * For each test. In the end its sessions have ended as often as they were opened, and nothing is left of them.
 */
int life_open(void **state);
int life_close(void **state);

/* What has happened since this was asked last: "put 1 established, free 2". */
void life_assert(const char *told);

/* A datagram of the client that has this source port; and the session of its 4-tuple in the table. */
struct session_datagram life_datagram(uint16_t port);
struct session *life_head(uint16_t port);

/* A hello of that client; its number makes it another one. Returns its session, or NULL if it opens none. */
struct session *life_hello(uint16_t port, uint8_t number);

/* A datagram of that session, which leads to a state. */
void life_feed(struct session *session, enum hg_tls_state state);

/* An established session of that client, of which nothing is told. */
struct session *life_established(uint16_t port, uint8_t number);
