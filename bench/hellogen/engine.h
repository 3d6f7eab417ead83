/* SPDX-License-Identifier: BSD-3-Clause */
/* What one lcore does with one queue of the port: send, receive, check, count. */
#pragma once

#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_ring.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "check.h"
#include "counters.h"
#include "load/histogram.h"
#include "neighbour.h"
#include "plan.h"
#include "source.h"

#define ENGINE_QUEUES_MAX 64u
#define ENGINE_STOCK 128u
#define ENGINE_OUT_MAX 512u
#define ENGINE_BURST_MAX 64u
#define ENGINE_RING 1024u

enum flow_state {
	FLOW_NONE,
	FLOW_ASKED,    /* a first hello, or junk, is out */
	FLOW_ANSWERED, /* and has its answer */
	FLOW_RETURNED, /* a hello with the cookie is out */
	FLOW_SERVED,   /* and has its answer */
};

/* A hello that may have an answer to come. */
struct flow {
	uint64_t n;
	uint64_t at; /* TSC, of the latest hello */
	uint16_t len;
	uint8_t state; /* enum flow_state */
	uint8_t mode;
	uint8_t template;
};

enum replay_phase {
	REPLAY_NONE,
	REPLAY_ASKED,
	REPLAY_READY,
};

/* The hello that is sent again and again, from the source that is spare. */
struct replay {
	enum replay_phase phase;
	struct source source;
	uint64_t n; /* of its random */
	uint64_t at;
	uint32_t tries;
	unsigned int datagrams;
	struct blueprint blueprint[TEMPLATE_DATAGRAMS_MAX];
	uint8_t frame[TEMPLATE_DATAGRAMS_MAX][FRAME_BYTES_MAX];
};

struct engine_limits {
	uint64_t count;    /* hellos, junk and copies to send; UINT64_MAX: any number */
	double rate;       /* per TSC cycle; 0: all that is possible */
	uint64_t duration; /* TSC cycles to send for */
	uint64_t timeout;  /* TSC cycles to wait for an answer */
	uint32_t window;   /* open probes */
	unsigned int burst;
	bool close; /* end a probe with an alert */
};

struct engine {
	/* set before the start */
	const struct plan *plan;
	struct engine_limits limits;
	struct neighbour neighbour;
	uint16_t port;
	uint16_t queue;
	unsigned int n_parts;
	struct engine *const *engine; /* all of them, by the number of their part */
	struct rte_mempool *pool;
	struct rte_ring *inbox; /* answers that came by another queue; NULL if there is but one */
	const atomic_bool *stop;

	/* the lcore's own */
	struct source_part part;
	uint64_t seed;
	struct plan_turn turn;
	uint64_t next;     /* number of the next hello */
	uint64_t tail;     /* of the oldest that is waited for */
	double turns;      /* that the rate has given */
	uint64_t sent;     /* hellos, junk and copies */
	uint32_t open;     /* probes */
	uint32_t waiting;  /* hellos without an answer yet */
	struct flow *flow; /* part.flows of them */
	struct replay replay;
	struct blueprint second[TEMPLATES_MAX][TEMPLATE_DATAGRAMS_MAX];
	int second_len[TEMPLATES_MAX]; /* of the cookie that second is for; -1: none yet */
	struct rte_mbuf *stock[ENGINE_STOCK];
	unsigned int n_stock;
	struct rte_mbuf *out[ENGINE_OUT_MAX];
	unsigned int n_out;
	struct histogram to_hvr; /* TSC cycles */
	struct histogram to_server_hello;
	unsigned int cookie_min;
	unsigned int cookie_max;
	uint64_t began; /* TSC */
	uint64_t ended; /* of the sending */

	/* read by main meanwhile */
	_Atomic uint64_t counter[COUNTERS_N];
	_Atomic uint64_t fault[CHECK_FAULTS_N];
	atomic_bool sending;
	atomic_bool done;
};

/* Allocates what it needs; part and plan are set. Returns 0 or -ENOMEM. */
int engine_open(struct engine *engine);
void engine_close(struct engine *engine);

/*
 * Sends until a limit is reached, and then waits for the last answers. Returns 0; for
 * rte_eal_remote_launch().
 */
int engine_run(void *engine);
