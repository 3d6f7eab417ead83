/* SPDX-License-Identifier: BSD-3-Clause */
#include "receive.h"

#include "send.h"

static void
count(struct engine *engine, enum counter counter)
{
	counter_add(&engine->counter[counter], 1);
}

static void
count_faults(struct engine *engine, uint32_t faults)
{
	for (unsigned int i = 0; faults != 0; i++, faults >>= 1)
		if (faults & 1)
			counter_add(&engine->fault[i], 1);
}

static uint32_t
record_seq(const struct check_answer *answer)
{
	const uint8_t *p = answer->payload + RECORD_SEQ + 2;

	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Is this the number of a hello that the same source sent in one of the rounds before? */
static bool
is_of_earlier(const struct engine *engine, const struct flow *flow, uint32_t number)
{
	uint32_t back = plan_number(engine->plan, flow->n) - number;
	uint64_t round = engine->part.n << 4; /* see plan_number() */

	if (engine->plan->plain || back == 0 || flow->n < engine->part.n)
		return false;
	if (round > UINT32_MAX) /* and who is later than one round is lost in it */
		return back == (uint32_t)round;
	return back % round == 0 && back / round <= flow->n / engine->part.n;
}

/* The HVR of a first hello, whoever asked. Returns its cookie, NULL if it has none. */
static const uint8_t *
judge_hvr(struct engine *engine, const struct check_answer *answer, uint64_t n, uint16_t len,
	uint8_t *ret_cookie_len)
{
	const struct check_hello hello = {
		.record_seq = plan_number(engine->plan, n),
		.message_seq = 0,
		.len = len,
	};
	const uint8_t *cookie;
	uint32_t faults = check_hvr(answer, &hello, &cookie, ret_cookie_len);

	count(engine, COUNTER_HVR);
	if ((faults | answer->faults) != 0)
		count(engine, COUNTER_HVR_FAULTY);
	count_faults(engine, faults);
	if (cookie != NULL) {
		engine->cookie_min = RTE_MIN(engine->cookie_min, *ret_cookie_len);
		engine->cookie_max = RTE_MAX(engine->cookie_max, *ret_cookie_len);
	}
	return cookie;
}

/* An answer to a first hello. */
static void
answer_asked(
	struct engine *engine, const struct check_answer *answer, struct flow *flow, uint64_t now)
{
	const uint8_t *cookie = NULL;
	uint8_t cookie_len;

	if (answer->kind == CHECK_HVR) {
		if (is_of_earlier(engine, flow, record_seq(answer))) {
			count(engine, COUNTER_LATE);
			return;
		}
		cookie = judge_hvr(engine, answer, flow->n, flow->len, &cookie_len);
		histogram_add(&engine->to_hvr, now - flow->at);
	} else if (answer->payload != NULL) {
		count_faults(engine, CHECK_BIT(UNASKED));
	}
	flow->state = FLOW_ANSWERED;
	if (flow->mode != PLAN_PROBE || cookie == NULL) {
		engine->open -= flow->mode == PLAN_PROBE;
		engine->waiting--;
		return;
	}
	flow->state = FLOW_RETURNED;
	flow->at = now;
	send_second(engine, flow, cookie, cookie_len);
}

/* An answer to a hello with a cookie. */
static void
answer_returned(
	struct engine *engine, const struct check_answer *answer, struct flow *flow, uint64_t now)
{
	switch (answer->kind) {
	case CHECK_SERVER_HELLO:
		count(engine, COUNTER_SERVER_HELLOS);
		histogram_add(&engine->to_server_hello, now - flow->at);
		if (engine->limits.close)
			send_alert(engine, flow);
		break;
	case CHECK_HVR:
		count(engine, COUNTER_REFUSED);
		break;
	case CHECK_ALERT:
		count(engine, COUNTER_ALERTS);
		break;
	default:
		count(engine, COUNTER_FLIGHT);
		return;
	}
	flow->state = FLOW_SERVED;
	engine->open--;
	engine->waiting--;
}

static void
answer_flow(struct engine *engine, const struct check_answer *answer, uint64_t number, uint64_t now)
{
	uint64_t x = source_undo(&engine->part, number);
	struct flow *flow = &engine->flow[x & (engine->part.flows - 1)];
	bool proven;

	if (flow->state == FLOW_NONE || flow->n % engine->part.n != x) {
		count(engine, COUNTER_LATE);
		send_count(engine, false, false, answer->payload_len, answer->ip_len);
		return;
	}
	proven = flow->state == FLOW_RETURNED || flow->state == FLOW_SERVED;
	send_count(engine, false, proven, answer->payload_len, answer->ip_len);
	count_faults(engine, answer->faults);
	if (flow->mode == PLAN_JUNK) {
		count(engine, COUNTER_JUNK_ANSWERS);
		return;
	}
	switch ((enum flow_state)flow->state) {
	case FLOW_ASKED:
		answer_asked(engine, answer, flow, now);
		break;
	case FLOW_RETURNED:
		answer_returned(engine, answer, flow, now);
		break;
	case FLOW_SERVED:
		count(engine, answer->kind == CHECK_ALERT ? COUNTER_ALERTS : COUNTER_FLIGHT);
		break;
	default:
		count_faults(engine, CHECK_BIT(EXTRA));
		break;
	}
}

static void
answer_replay(struct engine *engine, const struct check_answer *answer, uint64_t now)
{
	struct replay *replay = &engine->replay;
	const uint8_t *cookie;
	uint8_t cookie_len;

	send_count(
		engine, false, replay->phase == REPLAY_READY, answer->payload_len, answer->ip_len);
	count_faults(engine, answer->faults);
	if (replay->phase == REPLAY_READY && answer->kind == CHECK_HVR) {
		/* The cookie is not good any more: another one is needed. */
		count(engine, COUNTER_REFUSED);
		replay->phase = REPLAY_NONE;
		return;
	}
	if (replay->phase != REPLAY_ASKED || answer->kind != CHECK_HVR) {
		count(engine, COUNTER_REPLAY_ANSWERS);
		return;
	}
	if (record_seq(answer) != plan_number(engine->plan, replay->n)) {
		count(engine, COUNTER_LATE);
		return;
	}
	cookie = judge_hvr(engine, answer, replay->n, engine->plan->template[0].len, &cookie_len);
	histogram_add(&engine->to_hvr, now - replay->at);
	replay->phase = REPLAY_NONE;
	if (cookie != NULL)
		send_prepare_copy(engine, cookie, cookie_len);
}

/* Returns whether the buffer has gone on. */
static bool
take_foreign(struct engine *engine, struct rte_mbuf *mbuf)
{
	size_t len = neighbour_answer(&engine->neighbour, rte_pktmbuf_mtod(mbuf, uint8_t *),
		mbuf->data_len, (size_t)mbuf->data_len + rte_pktmbuf_tailroom(mbuf));

	if (len == 0) {
		count(engine, COUNTER_FOREIGN);
		return false;
	}
	count(engine, COUNTER_NEIGHBOUR);
	send_frame(engine, mbuf, len);
	return true;
}

static bool
take(struct engine *engine, struct rte_mbuf *mbuf, uint64_t now)
{
	struct check_answer answer = { .kind = CHECK_FOREIGN };
	uint64_t number, owner;

	if (mbuf->nb_segs == 1)
		check_frame(rte_pktmbuf_mtod(mbuf, const uint8_t *), mbuf->data_len,
			&engine->plan->link.target, &answer);
	if (answer.kind == CHECK_FOREIGN)
		return take_foreign(engine, mbuf);
	if (!source_find(&engine->part.range, answer.address, answer.port, &number)) {
		count(engine, COUNTER_FOREIGN);
		return false;
	}
	owner = number / engine->part.size;
	if (owner >= engine->n_parts) {
		count(engine, COUNTER_FOREIGN);
		return false;
	}
	if (engine->engine[owner] != engine) {
		if (rte_ring_enqueue(engine->engine[owner]->inbox, mbuf) == 0)
			return true;
		count(engine, COUNTER_FOREIGN);
		return false;
	}
	if (number == engine->part.spare)
		answer_replay(engine, &answer, now);
	else if (source_is_of(&engine->part, number))
		answer_flow(engine, &answer, number, now);
	else
		count(engine, COUNTER_FOREIGN);
	return false;
}

void
receive_burst(struct engine *engine, struct rte_mbuf **mbuf, unsigned int n, uint64_t now)
{
	unsigned int done = 0;

	for (unsigned int i = 0; i < n; i++)
		if (!take(engine, mbuf[i], now))
			mbuf[done++] = mbuf[i];
	rte_pktmbuf_free_bulk(mbuf, done);
}

void
receive_drop_oldest(struct engine *engine)
{
	struct flow *flow = &engine->flow[engine->tail & (engine->part.flows - 1)];

	if (flow->mode != PLAN_JUNK &&
		(flow->state == FLOW_ASKED || flow->state == FLOW_RETURNED)) {
		count(engine, flow->state == FLOW_ASKED ? COUNTER_UNANSWERED : COUNTER_UNVERIFIED);
		engine->open -= flow->mode == PLAN_PROBE;
		engine->waiting--;
	}
	flow->state = FLOW_NONE;
	engine->tail++;
}

void
receive_expire(struct engine *engine, uint64_t now)
{
	while (engine->tail < engine->next) {
		const struct flow *flow = &engine->flow[engine->tail & (engine->part.flows - 1)];

		/* What is answered stays as long, so that a second answer is seen. */
		if (now - flow->at <= engine->limits.timeout)
			break;
		receive_drop_oldest(engine);
	}
}
