/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The second stage of hellos: all cookies of a burst at once. Those that are not verified are answered; what
 * becomes of the others is up to whoever has filled the burst, which this stage does not know. And answers,
 * of whatever stage, up to the driver.
 */
#pragma once

#include "worker/worker.h"

/*
 * Adds the hello that hello_info[n_hellos] describes to the burst, with all that its cookie is bound to.
 * If that is not all there, as is possible for its parameters alone, drops it and returns false.
 */
static inline bool
hellos_take(struct worker *worker, struct worker_burst *burst, struct rte_mbuf *mbuf)
{
	const struct classified *info = &burst->hello_info[burst->n_hellos];
	const struct hg_hello *hello = &info->hello;
	struct hg_cookie_hello ask = {
		.tuple = hg_net_tuple(&info->packet),
		.client = hello->client,
		.offer = hello->offer,
		.cookie = hello->cookie,
		.client_len = hello->client_len,
		.offer_len = hello->offer_len,
		.cookie_len = hello->cookie_len,
		.family = info->packet.family,
	};

	if (unlikely((hello->offer_len == 0 &&
			     worker->cookies->keys->binding == HG_COOKIE_BIND_PARAMETERS) ||
		     hg_cookie_batch_add(worker->cookies, &ask) < 0)) {
		worker_drop(worker, mbuf, HG_DROP_HELLO_UNBOUND);
		return false;
	}
	burst->hello[burst->n_hellos++] = mbuf;
	return true;
}

/*
 * Judges every hello of the burst. Fills burst->verified[] with those, in the order of the burst, whose
 * cookie is valid and that whoever is behind can go on from: they are the caller's. The others are dropped, or
 * among the answers.
 */
void hellos_settle(struct worker *worker, struct worker_burst *burst);

/* Adds an answer of len bytes, built in mbuf, to those of the burst. */
static inline void
hellos_answer(struct worker_burst *burst, struct rte_mbuf *mbuf, size_t len)
{
	mbuf->data_len = (uint16_t)len;
	mbuf->pkt_len = (uint32_t)len;
	burst->answer_bytes += len;
	burst->answer[burst->n_answers++] = mbuf;
}

/* The last stage: the answers of a burst, to the driver. What does not fit is dropped, never waited for. */
void hellos_transmit(struct worker *worker, struct worker_burst *burst);
