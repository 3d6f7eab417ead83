/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/terminate.h"

#include <rte_ethdev.h>
#include <rte_jhash.h>

#include "base/bytes.h"
#include "gateway/admission.h"
#include "gateway/generation.h"
#include "net/answer.h"
#include "port/port.h"
#include "worker/divert.h"
#include "worker/hellos.h"

/* What the first stage leaves of a burst, beside hellos and answers. */
struct dispatched {
	unsigned int n_records;
	unsigned int n_others;
	struct rte_mbuf *record[WORKER_BURST_MAX];
	struct flow_key record_key[WORKER_BURST_MAX];
	struct rte_mbuf *other[WORKER_BURST_MAX]; /* for somebody else: divert.h */
};

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
	hellos_answer(burst, mbuf, len);
}

/*
 * How is the frame to be parsed, with what checks made by the device? Returns false if it found a checksum
 * wrong.
 */
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
turn_away(struct worker *worker, const struct worker_burst *burst, struct dispatched *dispatched,
	struct rte_mbuf *mbuf, enum hg_verdict verdict)
{
	if (burst->port->diverts &&
		classify_is_foreign(
			burst->table, rte_pktmbuf_mtod(mbuf, uint8_t *), mbuf->data_len, verdict))
		dispatched->other[dispatched->n_others++] = mbuf;
	else
		worker_drop(worker, mbuf, verdict);
}

static inline void
count_partial(struct worker *worker, const struct hg_net_packet *packet)
{
	if (unlikely(packet->partial_sum))
		stats_add(&worker->stats.partial_checksums, 1);
}

/* First stage, one packet: what is it? Leaves it in an array by what is left to do, or drops it. */
static void
dispatch(struct worker *worker, struct worker_burst *burst, struct dispatched *dispatched,
	struct rte_mbuf *mbuf)
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
		turn_away(worker, burst, dispatched, mbuf, verdict);
		return;
	}
	if (info->kind == CLASSIFY_HELLO) {
		count_partial(worker, packet);
		hellos_take(worker, burst, mbuf);
	} else if (info->kind == CLASSIFY_RECORD) {
		struct note *note = note_of(mbuf);

		count_partial(worker, packet);
		flow_key_fill(&dispatched->record_key[dispatched->n_records], packet);
		note_set_packet(note, packet);
		note->kind = NOTE_RECORD;
		note->listener = info->listener;
		dispatched->record[dispatched->n_records++] = mbuf;
	} else if (burst->port->diverts) {
		/* Who else has our addresses answers. */
		dispatched->other[dispatched->n_others++] = mbuf;
	} else {
		answer_link(worker, burst, mbuf, info);
	}
}

static void
forward(struct worker *worker, struct rte_mbuf *mbuf, unsigned int core, enum rings_class class)
{
	unsigned int i = core * RINGS_CLASSES + class;

	note_of(mbuf)->queue = (uint16_t)worker->burst.queue_index;
	worker->forward[i * WORKER_BURST_MAX + worker->n_forward[i]++] = mbuf;
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

/* A verified hello goes to the core that would own its session, unless that has reason to refuse it. */
static void
forward_hello(struct worker *worker, struct worker_burst *burst, unsigned int i)
{
	const struct classified *info = &burst->hello_info[i];
	struct gateway *gateway = worker->gateway;
	struct rte_mbuf *mbuf = burst->hello[i];
	struct note *note = note_of(mbuf);
	enum hg_verdict verdict;
	struct flow_key key;
	unsigned int core;
	hash_sig_t hash;

	flow_key_fill(&key, &info->packet);
	hash = rte_hash_hash(gateway->sessions, &key);
	core = owner(gateway, &key, hash);
	verdict = look_ahead(gateway, burst, core, &key, hash, &info->hello);
	if (verdict != HG_PASS) {
		worker_drop(worker, mbuf, verdict);
		return;
	}
	note_set_packet(note, &info->packet);
	note_set_hello(note, &info->packet, &info->hello);
	note->kind = NOTE_HELLO;
	note->listener = info->listener;
	recent_add(&worker->recent, &key, hash, burst->now);
	forward(worker, mbuf, core, RINGS_NEW);
}

/* Second stage for hellos. */
static void
settle_hellos(struct worker *worker, struct worker_burst *burst)
{
	hellos_settle(worker, burst);
	for (unsigned int i = 0; i < burst->n_verified; i++)
		forward_hello(worker, burst, burst->verified[i]);
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
continues_hello(const struct worker *worker, const struct worker_burst *burst,
	const struct dispatched *dispatched, unsigned int i, hash_sig_t hash)
{
	struct hg_net_packet packet = note_get_packet(dispatched->record[i]);

	return hg_hello_is_fragment(hg_net_payload(&packet), hg_net_payload_len(&packet)) &&
	       recent_has(&worker->recent, &dispatched->record_key[i], hash, burst->now);
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
settle_records(struct worker *worker, const struct worker_burst *burst,
	const struct dispatched *dispatched)
{
	struct gateway *gateway = worker->gateway;
	const void *key[WORKER_BURST_MAX];
	hash_sig_t hash[WORKER_BURST_MAX];
	void *data[WORKER_BURST_MAX];
	uint64_t hits = 0;

	for (unsigned int i = 0; i < dispatched->n_records; i++) {
		key[i] = &dispatched->record_key[i];
		hash[i] = rte_hash_hash(gateway->sessions, key[i]);
	}
	rte_hash_lookup_with_hash_bulk_data(
		gateway->sessions, key, hash, dispatched->n_records, &hits, data);
	for (unsigned int i = 0; i < dispatched->n_records; i++) {
		unsigned int core = owner(gateway, &dispatched->record_key[i], hash[i]);
		struct rte_mbuf *mbuf = dispatched->record[i];

		if ((hits >> i & 1) != 0)
			forward(worker, mbuf, core, classify_record(mbuf, data[i]));
		else if (continues_hello(worker, burst, dispatched, i, hash[i]))
			forward(worker, mbuf, core, RINGS_NEW); /* behind its beginning */
		else
			worker_drop(worker, mbuf, HG_DROP_NO_SESSION);
	}
}

/* Hands what has gathered for one class of packets of one core to its ring. What does not fit is dropped. */
static void
send_class(struct worker *worker, unsigned int core, enum rings_class class)
{
	static const enum hg_verdict full[] = {
		[RINGS_ESTABLISHED] = HG_DROP_RING_FULL,
		[RINGS_PENDING] = HG_DROP_RING_PENDING_FULL,
		[RINGS_NEW] = HG_DROP_RING_NEW_FULL,
	};
	unsigned int *n_forward = &worker->n_forward[core * RINGS_CLASSES + class];
	struct rte_mbuf **mbuf =
		worker->forward + (core * RINGS_CLASSES + class) * WORKER_BURST_MAX;
	unsigned int n = *n_forward, sent;

	sent = rings_put(&worker->gateway->rings, worker->index, core, class, mbuf, n);
	stats_add(&worker->stats.forwarded, sent);
	for (unsigned int i = sent; i < n; i++)
		worker_drop(worker, mbuf[i], full[class]);
	*n_forward = 0;
}

static void
send_forwards(struct worker *worker)
{
	for (unsigned int core = 0; core < worker->gateway->n_cores; core++)
		for (enum rings_class class = 0; class < RINGS_CLASSES; class ++)
			if (worker->n_forward[core * RINGS_CLASSES + class] != 0)
				send_class(worker, core, class);
	worker->has_forwards = false;
}

/* Receives up to n packets and dispatches them. Returns how many there were. */
static uint16_t
receive(struct worker *worker, struct worker_burst *burst, struct dispatched *dispatched,
	uint16_t n)
{
	struct rte_mbuf *mbuf[WORKER_PIECE_MAX];
	uint64_t bytes = 0;

	n = rte_eth_rx_burst(burst->port->id, burst->queue->number, mbuf, n);
	worker_prefetch_first(mbuf, n);
	for (unsigned int i = 0; i < n; i++) {
		worker_prefetch_next(mbuf, i, n);
		bytes += mbuf[i]->pkt_len;
		dispatch(worker, burst, dispatched, mbuf[i]);
	}
	stats_add(&worker->stats.rx, n);
	stats_add(&worker->stats.rx_bytes, bytes);
	return n;
}

unsigned int
terminate_burst(struct worker *worker, unsigned int most)
{
	struct worker_burst *burst = &worker->burst;
	struct dispatched dispatched;
	unsigned int total = 0;
	uint16_t n, asked;

	dispatched.n_records = 0;
	dispatched.n_others = 0;
	do {
		asked = (uint16_t)RTE_MIN(most - total, WORKER_PIECE_MAX);
		n = receive(worker, burst, &dispatched, asked);
		total += n;
	} while (n == asked && total < most);
	if (burst->n_hellos != 0 && worker->winding_down)
		drop_hellos(worker, burst);
	else if (burst->n_hellos != 0)
		settle_hellos(worker, burst);
	if (dispatched.n_records != 0)
		settle_records(worker, burst, &dispatched);
	if (burst->n_answers != 0)
		hellos_transmit(worker, burst);
	if (worker->has_forwards)
		send_forwards(worker);
	if (dispatched.n_others != 0)
		divert_send(worker, dispatched.other, dispatched.n_others);
	return total;
}
