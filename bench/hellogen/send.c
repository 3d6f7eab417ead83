/* SPDX-License-Identifier: BSD-3-Clause */
#include "send.h"

#include <rte_ethdev.h>

#include <string.h>

#include "base/bytes.h"

#define ALERT_LEN (RECORD_HEADER + 2u)

void
send_count(struct engine *engine, bool out, bool proven, uint64_t payload, uint64_t ip)
{
	_Atomic uint64_t *counter = engine->counter;
	unsigned int first = out      ? proven ? COUNTER_PROVEN_OUT : COUNTER_UNPROVEN_OUT
			     : proven ? COUNTER_PROVEN_IN
				      : COUNTER_UNPROVEN_IN;

	counter_add(&counter[first], 1);
	counter_add(&counter[first + 1], payload);
	counter_add(&counter[first + 2], ip);
}

_Static_assert(COUNTER_UNPROVEN_OUT_PAYLOAD == COUNTER_UNPROVEN_OUT + 1 &&
		       COUNTER_UNPROVEN_OUT_IP == COUNTER_UNPROVEN_OUT + 2 &&
		       COUNTER_UNPROVEN_IN_PAYLOAD == COUNTER_UNPROVEN_IN + 1 &&
		       COUNTER_UNPROVEN_IN_IP == COUNTER_UNPROVEN_IN + 2 &&
		       COUNTER_PROVEN_OUT_PAYLOAD == COUNTER_PROVEN_OUT + 1 &&
		       COUNTER_PROVEN_OUT_IP == COUNTER_PROVEN_OUT + 2 &&
		       COUNTER_PROVEN_IN_PAYLOAD == COUNTER_PROVEN_IN + 1 &&
		       COUNTER_PROVEN_IN_IP == COUNTER_PROVEN_IN + 2,
	"");

void
send_flush(struct engine *engine)
{
	uint16_t sent;

	if (engine->n_out == 0)
		return;
	sent = rte_eth_tx_burst(engine->port, engine->queue, engine->out, (uint16_t)engine->n_out);
	engine->n_out -= sent;
	if (engine->n_out != 0)
		memmove(engine->out, engine->out + sent, engine->n_out * sizeof(engine->out[0]));
}

void
send_frame(struct engine *engine, struct rte_mbuf *mbuf, size_t len)
{
	if (engine->n_out == ENGINE_OUT_MAX) {
		counter_add(&engine->counter[COUNTER_UNSENT], 1);
		rte_pktmbuf_free(mbuf);
		return;
	}
	mbuf->data_len = (uint16_t)len;
	mbuf->pkt_len = (uint32_t)len;
	engine->out[engine->n_out++] = mbuf;
}

/* Are there buffers and places for so many frames? */
static bool
has_room(struct engine *engine, unsigned int n)
{
	unsigned int missing = ENGINE_STOCK - engine->n_stock;

	if (engine->n_out + n > ENGINE_OUT_MAX)
		return false;
	if (engine->n_stock >= n)
		return true;
	if (rte_pktmbuf_alloc_bulk(engine->pool, engine->stock + engine->n_stock, missing) != 0)
		return false;
	engine->n_stock = ENGINE_STOCK;
	return true;
}

static uint8_t *
write_frame(struct engine *engine, const struct blueprint *blueprint, const struct source *source,
	const uint64_t random[4], uint32_t number, bool proven)
{
	struct rte_mbuf *mbuf = engine->stock[--engine->n_stock];
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);

	frame_write(blueprint, source, random, number, frame);
	send_frame(engine, mbuf, blueprint->len);
	send_count(engine, true, proven, (uint64_t)blueprint->len - blueprint->payload,
		(uint64_t)blueprint->len - FRAME_ETHER);
	return frame;
}

bool
send_first(struct engine *engine, enum plan_mode mode, uint64_t now)
{
	static const unsigned int counters[PLAN_MODES_N] = {
		[PLAN_FLOOD] = COUNTER_FLOOD_HELLOS,
		[PLAN_PROBE] = COUNTER_PROBE_HELLOS,
		[PLAN_JUNK] = COUNTER_JUNK_PACKETS,
	};
	struct flow *flow = &engine->flow[engine->next & (engine->part.flows - 1)];
	const struct blueprint *blueprint;
	uint64_t random[4];
	struct source source;
	unsigned int n;

	n = plan_datagrams(
		engine->plan, mode, engine->turn.sent[mode], &blueprint, &flow->template);
	if (!has_room(engine, n))
		return false;
	engine->turn.sent[mode]++;
	flow->n = engine->next;
	flow->at = now;
	flow->len = 0;
	flow->state = FLOW_ASKED;
	flow->mode = (uint8_t)mode;
	source_get(&engine->part, engine->next, &source);
	frame_random(engine->seed, engine->next, random);
	for (unsigned int i = 0; i < n; i++) {
		flow->len = (uint16_t)(flow->len + blueprint[i].len - blueprint[i].payload);
		write_frame(engine, &blueprint[i], &source, random,
			plan_number(engine->plan, engine->next) + i, false);
	}
	engine->next++;
	engine->sent++;
	engine->open += mode == PLAN_PROBE;
	engine->waiting += mode != PLAN_JUNK;
	counter_add(&engine->counter[counters[mode]], 1);
	return true;
}

/* Blueprints of a second hello with room for a cookie of that length. */
static void
plan_second(struct engine *engine, unsigned int t, uint8_t cookie_len)
{
	static const uint8_t empty[TEMPLATE_COOKIE_MAX];
	const struct template *template = &engine->plan->template[t];
	uint8_t datagram[TEMPLATE_BYTES_MAX + TEMPLATE_COOKIE_MAX];

	if (engine->second_len[t] == cookie_len)
		return;
	for (unsigned int i = 0; i < template->n; i++) {
		uint16_t len = template_second(template, i, empty, cookie_len, datagram);

		frame_plan(&engine->second[t][i], &engine->plan->link, datagram, len,
			i == 0 ? FRAME_HELLO : FRAME_NUMBERED, FRAME_SOUND);
	}
	engine->second_len[t] = cookie_len;
}

void
send_second(
	struct engine *engine, const struct flow *flow, const uint8_t *cookie, uint8_t cookie_len)
{
	const struct template *template = &engine->plan->template[flow->template];
	const struct blueprint *blueprint = engine->second[flow->template];
	uint64_t random[4];
	struct source source;

	if (!has_room(engine, template->n)) {
		counter_add(&engine->counter[COUNTER_UNSENT], template->n);
		return;
	}
	plan_second(engine, flow->template, cookie_len);
	source_get(&engine->part, flow->n, &source);
	frame_random(engine->seed, flow->n, random);
	for (unsigned int i = 0; i < template->n; i++) {
		uint8_t *frame = write_frame(engine, &blueprint[i], &source, random,
			plan_number(engine->plan, flow->n) + template->n + i, true);

		if (i == 0)
			frame_fill(
				&blueprint[i], frame, template->cookie_at + 1u, cookie, cookie_len);
	}
	counter_add(&engine->counter[COUNTER_SECOND_HELLOS], 1);
}

void
send_alert(struct engine *engine, const struct flow *flow)
{
	/* Level 2, fatal; 40, handshake_failure (RFC 5246 7.2). */
	static const uint8_t alert[ALERT_LEN] = { 21, 0xfe, 0xfd, [12] = 2, 2, 40 };
	const struct template *template = &engine->plan->template[flow->template];
	struct blueprint blueprint;
	struct source source;

	if (!has_room(engine, 1)) {
		counter_add(&engine->counter[COUNTER_UNSENT], 1);
		return;
	}
	source_get(&engine->part, flow->n, &source);
	frame_plan(&blueprint, &engine->plan->link, alert, ALERT_LEN, FRAME_NUMBERED, FRAME_SOUND);
	write_frame(engine, &blueprint, &source, NULL,
		plan_number(engine->plan, flow->n) + 2 * template->n, true);
	counter_add(&engine->counter[COUNTER_CLOSED], 1);
}

static bool
ask_for_copy(struct engine *engine, uint64_t now)
{
	const struct template *template = &engine->plan->template[0];
	struct replay *replay = &engine->replay;
	uint64_t random[4];

	if (!has_room(engine, template->n))
		return false;
	/* Numbers that no other hello of this lcore reaches. */
	replay->n = (UINT64_C(1) << 62) + replay->tries++;
	replay->at = now;
	replay->phase = REPLAY_ASKED;
	frame_random(engine->seed, replay->n, random);
	for (unsigned int i = 0; i < template->n; i++)
		write_frame(engine, &engine->plan->hello[0][i], &replay->source, random,
			plan_number(engine->plan, replay->n) + i, false);
	counter_add(&engine->counter[COUNTER_REPLAY_HELLOS], 1);
	return true;
}

bool
send_replay(struct engine *engine, uint64_t now)
{
	struct replay *replay = &engine->replay;

	if (replay->phase == REPLAY_ASKED && now - replay->at > engine->limits.timeout) {
		counter_add(&engine->counter[COUNTER_UNANSWERED], 1);
		replay->phase = REPLAY_NONE;
	}
	if (replay->phase == REPLAY_NONE)
		return ask_for_copy(engine, now);
	if (replay->phase == REPLAY_ASKED || !has_room(engine, replay->datagrams))
		return false;
	for (unsigned int i = 0; i < replay->datagrams; i++) {
		struct rte_mbuf *mbuf = engine->stock[--engine->n_stock];
		uint16_t len = replay->blueprint[i].len;

		memcpy(rte_pktmbuf_mtod(mbuf, uint8_t *), replay->frame[i], len);
		send_frame(engine, mbuf, len);
		send_count(engine, true, true, (uint64_t)len - replay->blueprint[i].payload,
			(uint64_t)len - FRAME_ETHER);
	}
	engine->sent++;
	counter_add(&engine->counter[COUNTER_REPLAY_COPIES], 1);
	return true;
}

void
send_prepare_copy(struct engine *engine, const uint8_t *cookie, uint8_t cookie_len)
{
	const struct template *template = &engine->plan->template[0];
	struct replay *replay = &engine->replay;
	uint64_t random[4];

	plan_second(engine, 0, cookie_len);
	frame_random(engine->seed, replay->n, random);
	for (unsigned int i = 0; i < template->n; i++) {
		replay->blueprint[i] = engine->second[0][i];
		frame_write(&replay->blueprint[i], &replay->source, random,
			plan_number(engine->plan, replay->n) + template->n + i, replay->frame[i]);
		if (i == 0)
			frame_fill(&replay->blueprint[i], replay->frame[i],
				template->cookie_at + 1u, cookie, cookie_len);
	}
	replay->datagrams = template->n;
	replay->phase = REPLAY_READY;
}
