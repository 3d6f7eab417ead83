/* SPDX-License-Identifier: BSD-3-Clause */
#include <rte_mempool.h>

#include <string.h>

#include "fuzz.h"
#include "trial.h"

/* Counters that do not depend on which rings were full. */
void
trial_count(struct trial *trial, const struct packet *packet)
{
	struct stats_worker *wanted = &trial->wanted;
	_Atomic uint64_t *answers[] = { &wanted->hvr, &wanted->arp_replies, &wanted->echo_replies,
		&wanted->neighbour_adverts };
	_Atomic uint64_t *cookies[] = { &wanted->cookie_none, &wanted->cookie_valid,
		&wanted->cookie_malformed, &wanted->cookie_unknown_epoch, &wanted->cookie_expired,
		&wanted->cookie_wrong_tag };

	stats_add(&wanted->rx, 1);
	stats_add(&wanted->rx_bytes, packet->received_len);
	if (packet->partial)
		stats_add(&wanted->partial_checksums, 1);
	if (packet->is_hello)
		stats_add(cookies[packet->cookie], 1);
	if (packet->fate == DROPPED)
		stats_add(&wanted->drop[packet->drop], 1);
	else if (packet->fate == ANSWERED)
		stats_add(answers[packet->answer], 1);
}

struct packet *
trial_find(struct trial *trial, const struct rte_mbuf *mbuf)
{
	for (unsigned int p = 0; p < LAB_PORTS; p++)
		for (unsigned int i = 0; i < trial->burst[p].n; i++)
			if (trial->burst[p].packet[i].mbuf == mbuf)
				return &trial->burst[p].packet[i];
	return NULL;
}

void
trial_check_offload(const struct rte_mbuf *mbuf, uint8_t family, size_t l3)
{
	fuzz_require((mbuf->ol_flags & RTE_MBUF_F_TX_L4_MASK) == RTE_MBUF_F_TX_UDP_CKSUM &&
			     mbuf->l2_len == l3 && mbuf->l3_len == (family == 4 ? 20 : 40),
		"a device would sum something else");
	fuzz_require(family == 4 ? (mbuf->ol_flags & RTE_MBUF_F_TX_IP_CKSUM) != 0
				 : (mbuf->ol_flags & RTE_MBUF_F_TX_IPV6) != 0,
		"a device would sum another IP header");
}

/* Of the tokens of a network, no more than there are. */
static void
check_network(struct trial *trial, const struct packet *packet)
{
	uint8_t id[7] = { packet->model.family };
	unsigned int i = 0;

	memcpy(id + 1, packet->tuple, packet->model.family == 4 ? 3 : 6);
	while (i < trial->n_networks && memcmp(trial->network[i].id, id, sizeof(id)) != 0)
		i++;
	if (i == trial->n_networks) {
		memcpy(trial->network[trial->n_networks++].id, id, sizeof(id));
		trial->network[i].n_hvr = 0;
	}
	trial->network[i].n_hvr++;
	fuzz_require(trial->network[i].n_hvr <= BED_HVR_BURST, "%u answers to one network",
		trial->network[i].n_hvr);
}

void
trial_check_answer(
	struct trial *trial, unsigned int port, struct packet *packet, struct rte_mbuf *mbuf)
{
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	size_t growth = packet->answer == ANSWER_ADVERT ? MODEL_GROWTH : 0;

	fuzz_require(!packet->seen, "a packet went two ways");
	packet->seen = true;
	fuzz_require(packet->fate == ANSWERED, "an answer to what should be %s",
		packet->fate == DROPPED ? "dropped" : "forwarded");
	fuzz_require(port == packet->port, "an answer by another port");
	fuzz_require(mbuf->nb_segs == 1 && mbuf->pkt_len == mbuf->data_len, "an odd buffer");
	fuzz_require(mbuf->data_len <= packet->len + growth, "an answer of %u bytes to %zu",
		mbuf->data_len, packet->len);
	fuzz_require(mbuf->data_len == packet->reply_len, "an answer of %u bytes, not %zu",
		mbuf->data_len, packet->reply_len);
	if (packet->answer == ANSWER_HVR)
		fuzz_require(MODEL_HVR_LEN <= packet->model.l4_len - 8,
			"an HVR to a payload of %zu bytes", packet->model.l4_len - 8);
	if (packet->answer == ANSWER_HVR && (trial->input.options & OPTION_DEVICE_SUMS) != 0) {
		trial_check_offload(mbuf, packet->model.family, packet->model.l3);
		model_device_sums(frame, packet->model.l3, packet->model.family);
	} else {
		fuzz_require(mbuf->ol_flags == 0, "flags of the request in the answer");
	}
	if (packet->answer == ANSWER_HVR && (trial->input.limits & LIMIT_HVR) != 0)
		check_network(trial, packet);
	fuzz_require_same("answer", frame, packet->reply, packet->reply_len);
	stats_add(&trial->wanted.tx, 1);
	stats_add(&trial->wanted.tx_bytes, mbuf->data_len);
}

static void
require_counter(const char *name, uint64_t got, uint64_t wanted)
{
	fuzz_require(got == wanted, "%s is %llu, not %llu", name, (unsigned long long)got,
		(unsigned long long)wanted);
}

void
trial_check_counters(const struct trial *trial)
{
	const struct stats_worker *got = &trial->bed->worker->stats, *wanted = &trial->wanted;
	const struct rte_mempool *pool = trial->bed->worker->pool;

#define CHECK(name, help) require_counter(#name, stats_get(&got->name), stats_get(&wanted->name));
	STATS_WORKER(CHECK)
#undef CHECK
#define CHECK(NAME, name, help)                                               \
	require_counter("drop_" #name, stats_get(&got->drop[HG_DROP_##NAME]), \
		stats_get(&wanted->drop[HG_DROP_##NAME]));
	HG_DROPS(CHECK)
#undef CHECK
	fuzz_require(rte_mempool_in_use_count(pool) == 0, "%u buffers are lost",
		rte_mempool_in_use_count(pool));
}
