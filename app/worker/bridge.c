/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/bridge.h"

#include <rte_ethdev.h>

#include <string.h>

#include "gateway/generation.h"
#include "gateway/partial.h"
#include "net/find.h"
#include "wire/record.h"
#include "port/port.h"
#include "worker/hellos.h"
#include "worker/proved.h"
#include "worker/transmit.h"

/* What a burst from the clients has, beside hellos and answers. Places are in pass. */
struct order {
	unsigned int n_pass;
	unsigned int n_datagrams;
	struct rte_mbuf *pass
		[WORKER_BURST_MAX]; /* in the order of arrival; NULL is not to go on, or not yet */
	uint8_t hello_place[WORKER_BURST_MAX];
	uint8_t datagram_place[WORKER_BURST_MAX];
	struct flow_key datagram_key[WORKER_BURST_MAX];
};

/* What a guard thinks of a frame. */
enum opinion {
	OPINION_NONE,     /* none of its business */
	OPINION_HELLO,    /* a hello, whose cookie is still to be looked at */
	OPINION_DATAGRAM, /* something else for the server, which may be of an association */
	OPINION_REST,     /* later fragments of a hello */
	OPINION_UNJUDGED, /* for the server, and may be a hello or not */
	OPINION_REFUSED,  /* what no server can use, or no client sends */
};

/* The address is of the family that hg_net_find_destination() says. */
static bool
is_of_a_server(const struct hg_net_host *host, const uint8_t *destination, uint8_t family)
{
	uint32_t address;

	if (family == 6)
		return hg_net_host_has_ipv6(host, destination);
	memcpy(&address, destination, sizeof(address));
	return (hg_net_host_is_ipv4(host, address) & HG_NET_HOST_OWN) != 0;
}

/* Of a datagram for a listener that is no hello, or that classify() refuses. */
static enum opinion
judge_refused(const struct hg_net_packet *packet, enum hg_verdict *verdict)
{
	switch (*verdict) {
	case HG_DROP_FRAME_CHAINED:
	case HG_DROP_VLAN_DEPTH:
	case HG_DROP_IPV4_OPTIONS:
	case HG_DROP_IPV4_FRAGMENT:
	case HG_DROP_IPV6_EXTENSION:
		return OPINION_UNJUDGED;
	case HG_DROP_RECORD_VERSION:
	case HG_DROP_RECORD_LENGTH:
		/* Somebody may take it for a handshake all the same. */
		if (hg_net_payload(packet)[0] == HG_CONTENT_HANDSHAKE)
			return OPINION_REFUSED;
		break;
	case HG_DROP_RECORD_SHORT:
	case HG_DROP_RECORD_DTLS13:
	case HG_DROP_RECORD_TYPE:
	case HG_PASS:
		break;
	default:
		return OPINION_REFUSED;
	}
	switch (hg_hello_find(hg_net_payload(packet), hg_net_payload_len(packet))) {
	case HG_HELLO_NONE:
		return OPINION_DATAGRAM;
	case HG_HELLO_REST:
		return OPINION_REST;
	case HG_HELLO_BEGINNING:
		break;
	}
	*verdict = HG_DROP_GUARD_HIDDEN;
	return OPINION_REFUSED;
}

/* *info and, with OPINION_REFUSED or OPINION_UNJUDGED, the reason are filled. */
static enum opinion
judge(const struct port_table *table, const struct rte_mbuf *mbuf, struct classified *info,
	enum hg_verdict *ret_reason)
{
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *), tuple[HG_NET_TUPLE_MAX], family;
	size_t len = mbuf->data_len, deep;
	const uint8_t *destination = hg_net_find_destination(frame, len, &family, &deep);

	if (destination == NULL || !is_of_a_server(&table->host, destination, family))
		return OPINION_NONE;
	/* Whoever takes all tags of VLAN 0 off sees what is behind them. */
	switch (hg_net_find_udp(frame + deep, len - deep, tuple, &family)) {
	case HG_NET_FOUND_NO_UDP:
		return OPINION_NONE;
	case HG_NET_FOUND_UDP:
		if (port_table_find(table, tuple, family) < 0)
			return OPINION_NONE;
		break;
	case HG_NET_FOUND_NOTHING: /* classify() says of what kind it is */
		break;
	}
	*ret_reason =
		mbuf->nb_segs == 1 ? classify(table, frame, len, 0, info) : HG_DROP_FRAME_CHAINED;
	if (*ret_reason == HG_PASS && info->kind == CLASSIFY_HELLO)
		return OPINION_HELLO;
	return judge_refused(&info->packet, ret_reason);
}

/* Leaves a datagram, which comes next in the order, to the second stage: its 4-tuple has to be known. */
static void
put_off(struct order *order, const struct hg_net_packet *packet)
{
	flow_key_fill(&order->datagram_key[order->n_datagrams], packet);
	order->datagram_place[order->n_datagrams++] = (uint8_t)order->n_pass;
}

/* First stage, one frame from the clients. Leaves it in a place in the order of arrival, or drops it. */
static void
guard(struct worker *worker, struct worker_burst *burst, struct order *order, struct rte_mbuf *mbuf)
{
	struct classified *info = &burst->hello_info[burst->n_hellos];
	const struct generation *generation = burst->generation;
	struct stats_worker *stats = &worker->stats;
	enum hg_verdict reason;

	switch (judge(burst->table, mbuf, info, &reason)) {
	case OPINION_NONE:
		break;
	case OPINION_HELLO:
		order->hello_place[burst->n_hellos] = (uint8_t)order->n_pass;
		if (hellos_take(worker, burst, mbuf))
			order->pass[order->n_pass++] = NULL;
		return;
	case OPINION_DATAGRAM:
		if (generation->guard_strict)
			put_off(order, &info->packet);
		else
			stats_add(&stats->guard_datagrams, 1);
		break;
	case OPINION_REST:
		put_off(order, &info->packet);
		break;
	case OPINION_UNJUDGED:
		if (!generation->guard_open) {
			worker_drop(worker, mbuf, reason);
			return;
		}
		stats_add(&stats->guard_unjudged, 1);
		break;
	case OPINION_REFUSED:
		worker_drop(worker, mbuf, reason);
		return;
	}
	order->pass[order->n_pass++] = mbuf;
}

static hash_sig_t
hash_of(const struct worker *worker, const struct flow_key *key)
{
	return rte_hash_hash(worker->gateway->sessions, key);
}

/* Hello i of the burst is verified: it goes on to its server, from its place. */
static void
pass_hello(struct worker *worker, struct worker_burst *burst, struct order *order, unsigned int i)
{
	const struct classified *info = &burst->hello_info[i];
	struct flow_key key;

	flow_key_fill(&key, &info->packet);
	if (burst->generation->guard_strict &&
		!proved_add(&worker->proved, &key, worker_clock(burst))) {
		worker_drop(worker, burst->hello[i], HG_DROP_GUARD_FULL);
		return;
	}
	if (!hg_hello_is_whole(&info->hello))
		recent_add(&worker->recent, &key, hash_of(worker, &key), burst->now);
	stats_add(&worker->stats.guard_hellos, 1);
	order->pass[order->hello_place[i]] = burst->hello[i];
}

/* Second stage for hellos. */
static void
settle_hellos(struct worker *worker, struct worker_burst *burst, struct order *order)
{
	hellos_settle(worker, burst);
	for (unsigned int i = 0; i < burst->n_verified; i++)
		pass_hello(worker, burst, order, burst->verified[i]);
}

/*
 * Without guard-unproved = drop: has the beginning of a hello passed, and no more than RECENT_SECONDS lie
 * between its fragments?
 */
static bool
continues_hello(struct worker *worker, const struct worker_burst *burst, const struct flow_key *key)
{
	hash_sig_t hash = hash_of(worker, key);

	if (!recent_has(&worker->recent, key, hash, burst->now))
		return false;
	recent_add(&worker->recent, key, hash, burst->now);
	return true;
}

/* Second stage for what is no hello, after the hellos: these may have come just before. */
static void
settle_datagrams(struct worker *worker, struct worker_burst *burst, struct order *order)
{
	for (unsigned int i = 0; i < order->n_datagrams; i++) {
		struct rte_mbuf **mbuf = &order->pass[order->datagram_place[i]];
		const struct flow_key *key = &order->datagram_key[i];

		if (burst->generation->guard_strict
				? proved_renew(&worker->proved, key, worker_clock(burst))
				: continues_hello(worker, burst, key)) {
			stats_add(&worker->stats.guard_datagrams, 1);
			continue;
		}
		worker_drop(worker, *mbuf, HG_DROP_GUARD_UNPROVED);
		*mbuf = NULL;
	}
}

/* Puts a tag that the driver took off back; drops what has no room for it. Returns how many are left. */
static unsigned int
restore_tags(struct worker *worker, struct rte_mbuf **mbuf, unsigned int n)
{
	unsigned int left = 0;

	for (unsigned int i = 0; i < n; i++)
		if ((mbuf[i]->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0 &&
			rte_vlan_insert(&mbuf[i]) != 0)
			worker_drop(worker, mbuf[i], HG_DROP_FRAME_SHORT);
		else
			mbuf[left++] = mbuf[i];
	return left;
}

/*
 * Nobody beyond the other port can know that a checksum is still to come: what passes has it, and what is
 * judged before too.
 */
static void
fill_sums(struct worker *worker, struct rte_mbuf **mbuf, unsigned int n)
{
	unsigned int filled = 0;

	for (unsigned int i = 0; i < n; i++)
		filled += partial_fill(mbuf[i]);
	stats_add(&worker->stats.partial_checksums, filled);
}

/* Last stage: out by the other port. What does not fit is dropped, never waited for. */
static void
pass(struct worker *worker, const struct worker_burst *burst, struct rte_mbuf **mbuf,
	unsigned int n)
{
	struct stats_worker *stats = &worker->stats;
	const struct transmit_counters counters = {
		.sent = burst->port->guards ? &stats->bridged_to_servers
					    : &stats->bridged_to_clients,
		.full = &stats->drop[HG_DROP_BRIDGE_FULL],
		.refused = &stats->drop[HG_DROP_BRIDGE_REFUSED],
		.too_long = &stats->drop[HG_DROP_BRIDGE_TOO_LONG],
		.down = &stats->drop[HG_DROP_BRIDGE_DOWN],
	};

	if (n != 0)
		transmit(burst->queue->beyond, mbuf, n, false, &counters);
}

/* Looks at n frames from the clients. Those that nothing has to wait for go on at once. */
static void
guard_frames(struct worker *worker, struct worker_burst *burst, struct order *order,
	struct rte_mbuf **mbuf, unsigned int n)
{
	worker_prefetch_first(mbuf, n);
	for (unsigned int i = 0; i < n; i++) {
		worker_prefetch_next(mbuf, i, n);
		guard(worker, burst, order, mbuf[i]);
	}
	if (burst->n_hellos != 0 || order->n_datagrams != 0)
		return;
	pass(worker, burst, order->pass, order->n_pass);
	order->n_pass = 0;
}

/* Second and last stage, when there are hellos, or datagrams that are to be of a known 4-tuple. */
static void
settle(struct worker *worker, struct worker_burst *burst, struct order *order)
{
	unsigned int n = 0;

	if (burst->n_hellos != 0)
		settle_hellos(worker, burst, order);
	if (order->n_datagrams != 0)
		settle_datagrams(worker, burst, order);
	for (unsigned int i = 0; i < order->n_pass; i++)
		if (order->pass[i] != NULL)
			order->pass[n++] = order->pass[i];
	pass(worker, burst, order->pass, n);
	if (burst->n_answers != 0)
		hellos_transmit(worker, burst);
}

/*
 * Receives up to n frames, with the tags that they came with, and all checksums. Returns how many are
 * left of *ret_received.
 */
static unsigned int
receive(struct worker *worker, const struct worker_burst *burst, struct rte_mbuf **mbuf,
	unsigned int n, unsigned int *ret_received)
{
	struct stats_worker *stats = &worker->stats;
	uint64_t bytes = 0, flags = 0;

	n = rte_eth_rx_burst(burst->port->id, burst->queue->number, mbuf, (uint16_t)n);
	*ret_received = n;
	if (n == 0)
		return 0;
	for (unsigned int i = 0; i < n; i++) {
		bytes += mbuf[i]->pkt_len;
		flags |= mbuf[i]->ol_flags;
	}
	stats_add(&stats->rx, n);
	stats_add(&stats->rx_bytes, bytes);
	if ((flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0)
		n = restore_tags(worker, mbuf, n);
	if (burst->port->partial_sums)
		fill_sums(worker, mbuf, n);
	return n;
}

unsigned int
bridge_burst(struct worker *worker, unsigned int most)
{
	struct worker_burst *burst = &worker->burst;
	unsigned int n, received, asked, total = 0;
	struct rte_mbuf *mbuf[WORKER_PIECE_MAX];
	struct order order;

	order.n_pass = 0;
	order.n_datagrams = 0;
	do {
		asked = RTE_MIN(most - total, WORKER_PIECE_MAX);
		n = receive(worker, burst, mbuf, asked, &received);
		total += received;
		if (burst->port->guards)
			guard_frames(worker, burst, &order, mbuf, n);
		else
			pass(worker, burst, mbuf, n);
	} while (received == asked && total < most);
	if (burst->n_hellos != 0 || order.n_datagrams != 0)
		settle(worker, burst, &order);
	return total;
}
