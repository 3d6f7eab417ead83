/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include <errno.h>
#include <stdlib.h>

#include "gateway/idle.h"
#include "receive.h"
#include "send.h"

#define BACKLOG_MAX 1024.0 /* packets that are sent after their time; the rest is left out */
#define REST_US 100u
#define LINGER_US 200000u /* for answers that nobody waits for: a second one, one to junk */

int
engine_open(struct engine *engine)
{
	engine->flow = calloc(engine->part.flows, sizeof(*engine->flow));
	if (engine->flow == NULL)
		return -ENOMEM;
	source_get_spare(&engine->part, &engine->replay.source);
	for (unsigned int i = 0; i < TEMPLATES_MAX; i++)
		engine->second_len[i] = -1;
	engine->cookie_min = UINT32_MAX;
	return 0;
}

void
engine_close(struct engine *engine)
{
	struct rte_mbuf *mbuf;

	while (engine->inbox != NULL && rte_ring_dequeue(engine->inbox, (void **)&mbuf) == 0)
		rte_pktmbuf_free(mbuf);
	rte_pktmbuf_free_bulk(engine->out, engine->n_out);
	rte_pktmbuf_free_bulk(engine->stock, engine->n_stock);
	engine->n_out = engine->n_stock = 0;
	free(engine->flow);
	engine->flow = NULL;
}

/* One turn. Returns whether another one may follow at once. */
static bool
take_turn(struct engine *engine, uint64_t now)
{
	enum plan_mode mode = plan_next(engine->plan, &engine->turn);

	if (mode == PLAN_REPLAY)
		return send_replay(engine, now);
	if (mode == PLAN_PROBE && engine->open >= engine->limits.window) {
		counter_add(&engine->counter[COUNTER_WINDOW_FULL], engine->limits.rate > 0);
		return false;
	}
	if (engine->next - engine->tail == engine->part.flows)
		receive_drop_oldest(engine);
	return send_first(engine, mode, now);
}

/* How many turns are due. */
static unsigned int
due(struct engine *engine, uint64_t now)
{
	const struct engine_limits *limits = &engine->limits;
	uint64_t left = limits->count - engine->sent;
	unsigned int burst = left < limits->burst ? (unsigned int)left : limits->burst;
	double late;

	if (limits->rate <= 0)
		return burst;
	late = (double)(now - engine->began) * limits->rate - engine->turns;
	if (late > BACKLOG_MAX) {
		counter_add(&engine->counter[COUNTER_HELD_BACK], (uint64_t)(late - BACKLOG_MAX));
		engine->turns += (double)(uint64_t)(late - BACKLOG_MAX);
	}
	return late < burst ? (unsigned int)late : burst;
}

static bool
send_due(struct engine *engine, uint64_t now)
{
	unsigned int n = due(engine, now), i;

	for (i = 0; i < n; i++) {
		engine->turns++;
		/* With a rate, a turn that cannot be used is over; without, there is a next one. */
		if (!take_turn(engine, now) && engine->limits.rate <= 0)
			break;
	}
	return n != 0;
}

static bool
receive(struct engine *engine, uint64_t now)
{
	struct rte_mbuf *mbuf[ENGINE_BURST_MAX];
	unsigned int n =
		rte_eth_rx_burst(engine->port, engine->queue, mbuf, (uint16_t)engine->limits.burst);
	bool worked = n != 0;

	if (n != 0)
		receive_burst(engine, mbuf, n, now);
	if (engine->inbox == NULL)
		return worked;
	n = rte_ring_dequeue_burst(engine->inbox, (void **)mbuf, ENGINE_BURST_MAX, NULL);
	if (n != 0)
		receive_burst(engine, mbuf, n, now);
	return worked || n != 0;
}

static bool
is_over(const struct engine *engine, uint64_t now)
{
	return now - engine->began >= engine->limits.duration ||
	       engine->sent >= engine->limits.count ||
	       atomic_load_explicit(engine->stop, memory_order_relaxed);
}

static void
rest(struct idle *idle, bool worked)
{
	uint32_t us = idle_step(idle, worked);

	if (us != 0)
		idle_rest(us);
}

/* Waits for the last answers: until there are all, or none can come in time any more. */
static void
linger(struct engine *engine, struct idle *idle)
{
	uint64_t least = engine->ended + LINGER_US * (rte_get_tsc_hz() / 1000000);
	uint64_t most = RTE_MAX(least, engine->ended + 2 * engine->limits.timeout), now;

	idle->busy = false;
	do {
		bool worked;

		now = rte_rdtsc();
		worked = receive(engine, now);
		receive_expire(engine, now);
		send_flush(engine);
		rest(idle, worked);
	} while (now < least || (now < most && (engine->waiting != 0 || engine->n_out != 0)));
	while (engine->tail < engine->next)
		receive_drop_oldest(engine);
	counter_add(&engine->counter[COUNTER_UNSENT], engine->n_out);
}

int
engine_run(void *arg)
{
	struct engine *engine = arg;
	struct idle idle;
	uint64_t now;

	/* Without a rate there is always something to do. */
	idle_init(&idle, engine->limits.rate <= 0, REST_US);
	idle_begin();
	engine->began = now = rte_rdtsc();
	while (!is_over(engine, now)) {
		bool worked = receive(engine, now);

		receive_expire(engine, now);
		/* What the device has not taken goes first. */
		if (engine->n_out < engine->limits.burst)
			worked |= send_due(engine, now);
		send_flush(engine);
		rest(&idle, worked);
		now = rte_rdtsc();
	}
	engine->ended = now;
	atomic_store_explicit(&engine->sending, false, memory_order_release);
	linger(engine, &idle);
	atomic_store_explicit(&engine->done, true, memory_order_release);
	return 0;
}
