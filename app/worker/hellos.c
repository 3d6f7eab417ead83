/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/hellos.h"

#include "gateway/generation.h"
#include "net/answer.h"
#include "port/port.h"
#include "wire/hvr.h"
#include "worker/transmit.h"

_Static_assert(HG_COOKIE_LEN == HG_HVR_COOKIE_LEN, "what is minted is what is sent");
_Static_assert(WORKER_BURST_MAX <= UINT8_MAX, "a place in a burst is a byte");

#define RECORD_SEQ_MAX (UINT64_C(1) << 47) /* OpenSSL 3.0 answers such a hello with sequence 0 */

/* Writes a HelloVerifyRequest over a hello. */
static void
answer_hello(struct worker *worker, struct worker_burst *burst, unsigned int i)
{
	const struct hg_net_packet *packet = &burst->hello_info[i].packet;
	bool device_sums = port_has_sums(burst->port);
	struct rte_mbuf *mbuf = burst->hello[i];
	uint8_t cookie[HG_COOKIE_LEN];
	uint64_t sum;

	hg_cookie_batch_mint(worker->cookies, i, cookie);
	sum = hg_hvr_write(hg_net_payload(packet), cookie);
	mbuf->ol_flags = 0;
	if (device_sums)
		transmit_request_sums(mbuf, packet->family, (size_t)(packet->l3 - packet->frame));
	hellos_answer(burst, mbuf, hg_net_answer_udp(packet, HG_HVR_LEN, sum, device_sums));
}

/* Can OpenSSL go on from a hello whose cookie is valid? */
static enum hg_verdict
judge_verified(const struct hg_hello *hello)
{
	if (hello->message_seq == 0)
		return HG_DROP_HELLO_COOKIE_SEQ;
	if (hello->record_seq >= RECORD_SEQ_MAX)
		return HG_DROP_HELLO_RECORD_SEQ;
	if (hello->message_len > HG_HELLO_MESSAGE_MAX)
		return HG_DROP_HELLO_TOO_LONG;
	return HG_PASS;
}

static void
keep_verified(struct worker *worker, struct worker_burst *burst, unsigned int i)
{
	const struct hg_hello *hello = &burst->hello_info[i].hello;
	enum hg_verdict verdict = judge_verified(hello);

	stats_observe(&worker->stats.cookie_age, stats_cookie_ages,
		hg_cookie_age(hello->cookie, burst->now));
	if (verdict == HG_PASS)
		burst->verified[burst->n_verified++] = (uint8_t)i;
	else
		worker_drop(worker, burst->hello[i], verdict);
}

void
hellos_settle(struct worker *worker, struct worker_burst *burst)
{
	uint64_t verdicts[HG_COOKIE_VERDICTS] = { 0 };
	struct stats_worker *stats = &worker->stats;
	const struct pace *pace = &burst->generation->hvr;
	bool capped = pace->interval != 0;
	unsigned int n_answered = 0;

	burst->n_verified = 0;
	hg_cookie_batch_run(worker->cookies,
		hg_hmac_ladder_pick(&worker->gateway->hmac, worker->cookies->n_jobs));
	for (unsigned int i = 0; i < burst->n_hellos; i++) {
		enum hg_cookie_verdict verdict = hg_cookie_batch_verdict(worker->cookies, i);

		verdicts[verdict]++;
		if (verdict == HG_COOKIE_VALID) {
			keep_verified(worker, burst, i);
		} else if (capped && !hvr_cap_take(&worker->hvr_cap, pace,
					     &burst->hello_info[i].packet, worker_clock(burst))) {
			worker_drop(worker, burst->hello[i], HG_DROP_HVR_PREFIX);
		} else {
			answer_hello(worker, burst, i);
			n_answered++;
		}
	}
	stats_add(&stats->cookie_none, verdicts[HG_COOKIE_NONE]);
	stats_add(&stats->cookie_valid, verdicts[HG_COOKIE_VALID]);
	stats_add(&stats->cookie_malformed, verdicts[HG_COOKIE_MALFORMED]);
	stats_add(&stats->cookie_unknown_epoch, verdicts[HG_COOKIE_UNKNOWN_EPOCH]);
	stats_add(&stats->cookie_expired, verdicts[HG_COOKIE_EXPIRED]);
	stats_add(&stats->cookie_wrong_tag, verdicts[HG_COOKIE_WRONG_TAG]);
	stats_add(&stats->hvr, n_answered);
}

void
hellos_transmit(struct worker *worker, struct worker_burst *burst)
{
	struct stats_worker *stats = &worker->stats;
	const struct transmit_counters counters = {
		.sent = &stats->tx,
		.full = &stats->drop[HG_DROP_TX_FULL],
		.refused = &stats->drop[HG_DROP_TX_REFUSED],
		.too_long = &stats->drop[HG_DROP_TX_TOO_LONG],
		.down = &stats->drop[HG_DROP_TX_DOWN],
	};
	uint64_t lost = transmit(burst->queue, burst->answer, burst->n_answers,
		port_has_sums(burst->port), &counters);

	stats_add(&stats->tx_bytes, burst->answer_bytes - lost);
}
