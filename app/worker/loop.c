/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/loop.h"

#include <rte_ethdev.h>
#include <rte_jhash.h>
#include <rte_lcore.h>
#include <rte_prefetch.h>

#include <string.h>

#include "base/bytes.h"
#include "gateway/admission.h"
#include "gateway/generation.h"
#include "net/answer.h"
#include "port/port.h"
#include "wire/hvr.h"
#include "worker/bridge.h"
#include "worker/divert.h"
#include "worker/transmit.h"

_Static_assert(HG_COOKIE_LEN == HG_HVR_COOKIE_LEN, "what is minted is what is sent");

#define PREFETCH_AHEAD 4u
#define RECEIVE_MAX 16u                    /* packets at once */
#define RECORD_SEQ_MAX (UINT64_C(1) << 47) /* OpenSSL 3.0 answers such a hello with sequence 0 */
#define HELLO_LEN_MAX 16384u               /* bytes for which OpenSSL may be made to reserve room */

/* Hands an answer of len bytes, built in mbuf, to the last stage. */
static void
answer(struct worker_burst *burst, struct rte_mbuf *mbuf, size_t len)
{
	mbuf->data_len = (uint16_t)len;
	mbuf->pkt_len = (uint32_t)len;
	burst->answer_bytes += len;
	burst->answer[burst->n_answers++] = mbuf;
}

/* Asks the device to fill in the checksums of a frame. */
static void
request_sums(struct rte_mbuf *mbuf, uint8_t family, size_t l2_len)
{
	mbuf->l2_len = (uint64_t)l2_len & 0x7f;
	mbuf->l3_len = family == 4 ? HG_NET_IPV4_LEN : HG_NET_IPV6_LEN;
	mbuf->ol_flags = RTE_MBUF_F_TX_UDP_CKSUM;
	mbuf->ol_flags |=
		family == 4 ? RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM : RTE_MBUF_F_TX_IPV6;
}

static void
answer_hello(struct worker *worker, struct worker_burst *burst, unsigned int i)
{
	const struct hg_net_packet *packet = &burst->hello_info[i].packet;
	bool device_sums = burst->port->device_sums;
	struct rte_mbuf *mbuf = burst->hello[i];
	uint8_t cookie[HG_COOKIE_LEN];
	uint64_t sum;

	hg_cookie_batch_mint(worker->cookies, i, cookie);
	sum = hg_hvr_write(hg_net_payload(packet), cookie);
	mbuf->ol_flags = 0;
	if (device_sums)
		request_sums(mbuf, packet->family, (size_t)(packet->l3 - packet->frame));
	answer(burst, mbuf, hg_net_answer_udp(packet, HG_HVR_LEN, sum, device_sums));
}

static void
answer_link(struct worker *worker, struct worker_burst *burst, struct rte_mbuf *mbuf,
	const struct classified *info)
{
	const struct hg_net_host *host = &burst->port->host;
	size_t room = mbuf->data_len + rte_pktmbuf_tailroom(mbuf), len;
	_Atomic uint64_t *counter = &worker->stats.echo_replies;

	if (info->kind == CLASSIFY_ARP) {
		len = hg_net_answer_arp(&info->packet, host);
		counter = &worker->stats.arp_replies;
	} else {
		len = hg_net_answer_echo(&info->packet);
		if (len == 0 && info->packet.family == 6) {
			len = hg_net_answer_neighbour(&info->packet, host, room);
			counter = &worker->stats.neighbour_adverts;
		}
	}
	if (len == 0) {
		worker_drop(worker, mbuf, info->kind == CLASSIFY_ARP ? HG_DROP_ARP : HG_DROP_ICMP);
		return;
	}
	mbuf->ol_flags = 0;
	stats_add(counter, 1);
	answer(burst, mbuf, len);
}

/* How is the frame to be parsed, with what checks made by the device? Returns false if it found a checksum wrong. */
static bool
device_verdict(const struct port *port, uint64_t flags, unsigned int *ret_flags,
	enum hg_verdict *ret_verdict)
{
	*ret_flags = port->partial_sums ? HG_NET_PARTIAL_SUM : 0;
	if (!port->trusted_sums)
		return true;
	if ((flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_BAD) {
		*ret_verdict = HG_DROP_IPV4_CHECKSUM;
		return false;
	}
	if ((flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD)
		*ret_flags |= HG_NET_IP_CHECKED;
	/* "None" is of a neighbour on the same host, which left the sum out: the data is intact. */
	if ((flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD ||
		(flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE)
		*ret_flags |= HG_NET_L4_CHECKED;
	return true;
}

/* A frame that is refused may be for somebody else. */
static void
turn_away(struct worker *worker, struct worker_burst *burst, struct rte_mbuf *mbuf,
	enum hg_verdict verdict)
{
	if (burst->port->diverts &&
		classify_is_foreign(
			burst->table, rte_pktmbuf_mtod(mbuf, uint8_t *), mbuf->data_len, verdict))
		burst->other[burst->n_others++] = mbuf;
	else
		worker_drop(worker, mbuf, verdict);
}

static inline void
count_partial(struct worker *worker, const struct hg_net_packet *packet)
{
	if (unlikely(packet->partial_sum))
		stats_add(&worker->stats.partial_checksums, 1);
}

/* First stage, one packet: what is it? Leaves it in one of the burst's arrays, or drops it. */
static void
sort(struct worker *worker, struct worker_burst *burst, struct rte_mbuf *mbuf)
{
	struct classified *info = &burst->hello_info[burst->n_hellos];
	const struct hg_net_packet *packet = &info->packet;
	enum hg_verdict verdict = HG_PASS;
	unsigned int flags;

	if (unlikely(mbuf->nb_segs != 1))
		verdict = HG_DROP_FRAME_CHAINED;
	else if ((mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0 &&
		 rte_vlan_insert(&mbuf) != 0) /* a tag that the driver took off goes back in */
		verdict = HG_DROP_FRAME_SHORT;
	else if (device_verdict(burst->port, mbuf->ol_flags, &flags, &verdict))
		verdict = classify(burst->table, rte_pktmbuf_mtod(mbuf, uint8_t *), mbuf->data_len,
			flags, info);
	if (verdict != HG_PASS) {
		turn_away(worker, burst, mbuf, verdict);
		return;
	}
	if (info->kind == CLASSIFY_HELLO) {
		count_partial(worker, packet);
		worker_take_hello(worker, burst, mbuf);
	} else if (info->kind == CLASSIFY_RECORD) {
		struct note *note = note_of(mbuf);

		count_partial(worker, packet);
		flow_key_fill(&burst->record_key[burst->n_records], packet);
		note_set_packet(note, packet);
		note->kind = NOTE_RECORD;
		note->listener = info->listener;
		burst->record[burst->n_records++] = mbuf;
	} else if (burst->port->diverts) {
		burst->other[burst->n_others++] = mbuf; /* who else has our addresses answers */
	} else {
		answer_link(worker, burst, mbuf, info);
	}
}

static void
forward(struct worker *worker, struct rte_mbuf *mbuf, unsigned int core, enum rings_class rank)
{
	unsigned int way = core * RINGS_CLASSES + rank;

	note_of(mbuf)->queue = (uint16_t)worker->burst.queue_index;
	worker->forward[way * WORKER_BURST_MAX + worker->n_forward[way]++] = mbuf;
	worker->has_forwards = true;
}

/* The handshake core of a 4-tuple; hash is that of its key in the session table. */
static unsigned int
owner(const struct gateway *gateway, const struct flow_key *key, hash_sig_t hash)
{
	if (gateway->n_cores == 1)
		return 0;
	if (gateway->by_client) {
		uint64_t id = clients_id(key);

		hash = rte_jhash_2words((uint32_t)id, (uint32_t)(id >> 32), gateway->spread_seed);
	}
	return flow_owner(hash, gateway->n_cores);
}

/*
 * Does the core have reason to refuse a verified hello already? Then it ends here, and takes no room
 * in a ring from others.
 */
static enum hg_verdict
look_ahead(const struct gateway *gateway, struct worker_burst *burst, unsigned int core,
	const struct flow_key *key, hash_sig_t hash, const struct hg_hello *hello)
{
	switch (admission_look(&gateway->admission[core], &burst->generation->limits.clients, key,
		hello, worker_clock(burst))) {
	case ADMISSION_USED:
		return HG_DROP_HELLO_USED;
	case ADMISSION_CLIENT_RATE:
		return HG_DROP_CLIENT_RATE;
	case ADMISSION_CLIENT_HALF_OPEN:
		return HG_DROP_CLIENT_HALF_OPEN;
	case ADMISSION_CLIENT_SESSIONS:
		/* A session that it would replace counts for it already. */
		return rte_hash_lookup_with_hash(gateway->sessions, key, hash) < 0
			       ? HG_DROP_CLIENT_SESSIONS
			       : HG_PASS;
	default:
		return HG_PASS;
	}
}

/* Can OpenSSL go on from a hello whose cookie is valid? */
static enum hg_verdict
judge_verified(const struct hg_hello *hello)
{
	if (hello->message_seq == 0)
		return HG_DROP_HELLO_COOKIE_SEQ;
	if (hello->record_seq >= RECORD_SEQ_MAX)
		return HG_DROP_HELLO_RECORD_SEQ;
	if (hello->message_len > HELLO_LEN_MAX)
		return HG_DROP_HELLO_TOO_LONG;
	return HG_PASS;
}

static void
forward_hello(struct worker *worker, struct worker_burst *burst, unsigned int i)
{
	const struct classified *info = &burst->hello_info[i];
	struct gateway *gateway = worker->gateway;
	enum hg_verdict verdict = judge_verified(&info->hello);
	struct rte_mbuf *mbuf = burst->hello[i];
	struct note *note = note_of(mbuf);
	struct flow_key key;
	unsigned int core;
	hash_sig_t hash;

	stats_observe(&worker->stats.cookie_age, stats_cookie_ages,
		hg_cookie_age(info->hello.cookie, burst->now));
	if (burst->port->peer != NULL) {
		if (verdict == HG_PASS)
			bridge_pass_hello(worker, i);
		else
			worker_drop(worker, mbuf, verdict);
		return;
	}
	flow_key_fill(&key, &info->packet);
	hash = rte_hash_hash(gateway->sessions, &key);
	core = owner(gateway, &key, hash);
	if (verdict == HG_PASS)
		verdict = look_ahead(gateway, burst, core, &key, hash, &info->hello);
	if (verdict != HG_PASS) {
		worker_drop(worker, mbuf, verdict);
		return;
	}
	note_set_packet(note, &info->packet);
	note->kind = NOTE_HELLO;
	note->listener = info->listener;
	recent_add(&worker->recent, &key, hash, burst->now);
	forward(worker, mbuf, core, RINGS_NEW);
}

void
worker_settle_hellos(struct worker *worker, struct worker_burst *burst)
{
	uint64_t verdicts[HG_COOKIE_VERDICTS] = { 0 };
	struct stats_worker *stats = &worker->stats;
	const struct pace *pace = &burst->generation->hvr;
	bool capped = pace->interval != 0;
	unsigned int n_answered = 0;

	hg_cookie_batch_run(worker->cookies,
		hg_hmac_ladder_pick(&worker->gateway->hmac, worker->cookies->n_jobs));
	for (unsigned int i = 0; i < burst->n_hellos; i++) {
		enum hg_cookie_verdict verdict = hg_cookie_batch_verdict(worker->cookies, i);

		verdicts[verdict]++;
		if (verdict == HG_COOKIE_VALID) {
			forward_hello(worker, burst, i);
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

/* Sessions may go on for a while, but none begins any more. */
static void
drop_hellos(struct worker *worker, struct worker_burst *burst)
{
	for (unsigned int i = 0; i < burst->n_hellos; i++)
		worker_drop(worker, burst->hello[i], HG_DROP_WINDING_DOWN);
}

/* Is this the rest of a ClientHello whose beginning was verified a moment ago? */
static bool
continues_hello(const struct worker *worker, const struct worker_burst *burst, unsigned int i,
	hash_sig_t hash)
{
	struct hg_net_packet packet = note_get_packet(burst->record[i]);

	return hg_hello_is_fragment(hg_net_payload(&packet), hg_net_payload_len(&packet)) &&
	       recent_has(&worker->recent, &burst->record_key[i], hash, burst->now);
}

/*
 * How urgent is a record of a peer that has a session? Of epoch 0 an established session can use
 * nothing (RFC 6347 4.1): it is for a handshake beside it, or forged.
 */
static enum rings_class
classify_record(struct rte_mbuf *mbuf, const void *data)
{
	struct hg_net_packet packet = note_get_packet(mbuf);

	if (flow_is_established(data) &&
		hg_load_be16(hg_net_payload(&packet) + HG_RECORD_EPOCH) != 0)
		return RINGS_ESTABLISHED;
	return RINGS_PENDING;
}

/* Second stage for other records: whoever has a session may go on. */
static void
settle_records(struct worker *worker, struct worker_burst *burst)
{
	struct gateway *gateway = worker->gateway;
	const void *key[WORKER_BURST_MAX];
	hash_sig_t hash[WORKER_BURST_MAX];
	void *data[WORKER_BURST_MAX];
	uint64_t hits = 0;

	for (unsigned int i = 0; i < burst->n_records; i++) {
		key[i] = &burst->record_key[i];
		hash[i] = rte_hash_hash(gateway->sessions, key[i]);
	}
	rte_hash_lookup_with_hash_bulk_data(
		gateway->sessions, key, hash, burst->n_records, &hits, data);
	for (unsigned int i = 0; i < burst->n_records; i++) {
		unsigned int core = owner(gateway, &burst->record_key[i], hash[i]);
		struct rte_mbuf *mbuf = burst->record[i];

		if ((hits >> i & 1) != 0)
			forward(worker, mbuf, core, classify_record(mbuf, data[i]));
		else if (continues_hello(worker, burst, i, hash[i]))
			forward(worker, mbuf, core, RINGS_NEW); /* behind its beginning */
		else
			worker_drop(worker, mbuf, HG_DROP_NO_SESSION);
	}
}

/* What does not fit into a queue or ring is dropped, never waited for. */
void
worker_send_answers(struct worker *worker, struct worker_burst *burst)
{
	struct stats_worker *stats = &worker->stats;
	struct transmitted told =
		transmit(burst->queue, burst->answer, burst->n_answers, burst->port->device_sums);

	stats_add(&stats->tx, told.sent);
	stats_add(&stats->tx_bytes, burst->answer_bytes - told.lost_bytes);
	if (likely(told.sent == burst->n_answers))
		return;
	stats_add(&stats->drop[HG_DROP_TX_FULL], told.full);
	stats_add(&stats->drop[HG_DROP_TX_REFUSED], told.refused);
	stats_add(&stats->drop[HG_DROP_TX_TOO_LONG], told.too_long);
	stats_add(&stats->drop[HG_DROP_TX_DOWN], told.down);
}

/* Hands what has gathered for one class of packets of one core to its ring. */
static void
send_way(struct worker *worker, unsigned int core, enum rings_class rank)
{
	static const enum hg_verdict full[] = {
		[RINGS_ESTABLISHED] = HG_DROP_RING_FULL,
		[RINGS_PENDING] = HG_DROP_RING_PENDING_FULL,
		[RINGS_NEW] = HG_DROP_RING_NEW_FULL,
	};
	unsigned int way = core * RINGS_CLASSES + rank;
	struct rte_mbuf **mbuf = worker->forward + way * WORKER_BURST_MAX;
	unsigned int n = worker->n_forward[way], sent;

	sent = rings_put(&worker->gateway->rings, worker->index, core, rank, mbuf, n);
	stats_add(&worker->stats.forwarded, sent);
	for (unsigned int i = sent; i < n; i++)
		worker_drop(worker, mbuf[i], full[rank]);
	worker->n_forward[way] = 0;
}

static void
send_forwards(struct worker *worker)
{
	for (unsigned int core = 0; core < worker->gateway->n_cores; core++)
		for (enum rings_class rank = 0; rank < RINGS_CLASSES; rank++)
			if (worker->n_forward[core * RINGS_CLASSES + rank] != 0)
				send_way(worker, core, rank);
	worker->has_forwards = false;
}

/* Receives up to n packets and sorts them. Returns how many there were. */
static uint16_t
receive(struct worker *worker, struct worker_burst *burst, uint16_t n)
{
	struct rte_mbuf *mbuf[RECEIVE_MAX];
	uint64_t bytes = 0;

	n = rte_eth_rx_burst(burst->port->id, burst->queue->number, mbuf, n);
	for (unsigned int i = 0; i < PREFETCH_AHEAD && i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbuf[i], void *));
	for (unsigned int i = 0; i < n; i++) {
		if (i + PREFETCH_AHEAD < n)
			rte_prefetch0(rte_pktmbuf_mtod(mbuf[i + PREFETCH_AHEAD], void *));
		bytes += mbuf[i]->pkt_len;
		sort(worker, burst, mbuf[i]);
	}
	stats_add(&worker->stats.rx, n);
	stats_add(&worker->stats.rx_bytes, bytes);
	return n;
}

/* One burst of one queue, from the driver to where it goes. Returns the number of packets. */
static unsigned int
poll_queue(struct worker *worker, unsigned int q, const struct generation *generation,
	const struct hg_cookie_keys *keys, uint64_t now)
{
	struct queue *queue = worker->queue[q];
	unsigned int room = queue->port->config->profile.burst, total = 0;
	struct worker_burst *burst = &worker->burst;
	uint16_t n, most;

	if (unlikely(!port_serves(queue->port)))
		return 0;
	burst->queue = queue;
	burst->port = queue->port;
	burst->generation = generation;
	burst->table = &generation->table[queue->port->number];
	burst->queue_index = worker->queue_index[q];
	burst->now = now;
	burst->cycles = 0;
	burst->n_hellos = 0;
	burst->n_records = 0;
	burst->n_answers = 0;
	burst->n_others = 0;
	burst->answer_bytes = 0;
	hg_cookie_batch_begin(worker->cookies, keys, now);
	if (burst->port->peer != NULL)
		return bridge_burst(worker, room);
	/* In pieces: a packet is looked at soon after the driver has written it. */
	do {
		most = (uint16_t)RTE_MIN(room - total, RECEIVE_MAX);
		n = receive(worker, burst, most);
		total += n;
	} while (n == most && total < room);
	if (burst->n_hellos != 0 && worker->winding_down)
		drop_hellos(worker, burst);
	else if (burst->n_hellos != 0)
		worker_settle_hellos(worker, burst);
	if (burst->n_records != 0)
		settle_records(worker, burst);
	if (burst->n_answers != 0)
		worker_send_answers(worker, burst);
	if (worker->has_forwards)
		send_forwards(worker);
	if (burst->n_others != 0)
		divert_send(worker, burst);
	return total;
}

/* Sends packets of sessions that go by the same queue. */
static void
send_run(struct worker *worker, struct rte_mbuf **mbuf, unsigned int n)
{
	struct queue *queue = &worker->gateway->queue[note_of(mbuf[0])->queue];
	struct stats_worker *stats = &worker->stats;
	bool sums = queue->port->device_sums;
	struct transmitted told;

	for (unsigned int i = 0; sums && i < n; i++)
		request_sums(mbuf[i], note_of(mbuf[i])->family, note_of(mbuf[i])->l3);
	told = transmit(queue, mbuf, n, sums);
	stats_add(&stats->session_tx, told.sent);
	if (likely(told.sent == n))
		return;
	stats_add(&stats->session_tx_full, told.full);
	stats_add(&stats->session_tx_refused, told.refused);
	stats_add(&stats->session_tx_too_long, told.too_long);
	stats_add(&stats->session_tx_down, told.down);
}

/* Takes what the handshake cores have for clients. Returns the number of packets. */
static unsigned int
send_sessions(struct worker *worker)
{
	struct gateway *gateway = worker->gateway;
	struct rte_mbuf *mbuf[WORKER_BURST_MAX];
	unsigned int total = 0;

	for (unsigned int core = 0; core < gateway->n_cores; core++) {
		unsigned int n =
			rte_ring_sc_dequeue_burst(rings_out(&gateway->rings, worker->index, core),
				(void **)mbuf, WORKER_BURST_MAX, NULL);

		stats_add(&worker->stats.session_rx, n);
		total += n;
		for (unsigned int from = 0, to = 1; from < n; to++) {
			if (to < n && note_of(mbuf[to])->queue == note_of(mbuf[from])->queue)
				continue;
			send_run(worker, mbuf + from, to - from);
			from = to;
		}
	}
	return total;
}

int
worker_run(void *arg)
{
	struct worker *worker = arg;
	struct gateway *gateway = worker->gateway;
	enum stage stage;

	idle_begin();
	rte_rcu_qsbr_thread_online(gateway->qsbr, worker->index);
	idle_resume(&worker->idle);
	do {
		const struct generation *generation;
		const struct hg_cookie_keys *keys;
		unsigned int n = 0;
		uint32_t rest;
		uint64_t now;

		if (unlikely(atomic_load_explicit(&worker->halt, memory_order_relaxed) ==
			     WORKER_HALT_ASKED))
			worker_stand_still(worker);
		stage = atomic_load_explicit(&gateway->stage, memory_order_acquire);
		if (stage <= STAGE_WIND_DOWN) {
			worker->winding_down = stage == STAGE_WIND_DOWN;
			generation =
				atomic_load_explicit(&gateway->generation, memory_order_acquire);
			keys = atomic_load_explicit(&gateway->keys, memory_order_acquire);
			now = atomic_load_explicit(&gateway->now, memory_order_relaxed);
			for (unsigned int q = 0; q < worker->n_queues; q++)
				n += poll_queue(worker, q, generation, keys, now);
		} else {
			atomic_store_explicit(&worker->receiving, false, memory_order_release);
		}
		n += send_sessions(worker);
		if (gateway->rings.exception != NULL)
			n += divert_receive(worker);
		rte_rcu_qsbr_quiescent(gateway->qsbr, worker->index);
		stats_add(&worker->heartbeat, 1);
		stats_add(&worker->stats.busy, idle_account(&worker->idle, n != 0));
		rest = idle_step(&worker->idle, n != 0);
		if (rest != 0)
			idle_rest(rest);
		if (n == 0)
			idle_resume(&worker->idle);
		/*
		 * The cores are done when the stage is STAGE_STOP, so an empty round is the last.
		 */
		if (stage == STAGE_STOP && n == 0)
			break;
	} while (true);
	rte_rcu_qsbr_thread_offline(gateway->qsbr, worker->index);
	atomic_store_explicit(&worker->running, false, memory_order_release);
	return 0;
}
