/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/bridge.h"

#include <rte_prefetch.h>

#include <string.h>

#include "base/bytes.h"
#include "gateway/generation.h"
#include "gateway/partial.h"
#include "net/find.h"
#include "wire/record.h"
#include "worker/proved.h"
#include "worker/transmit.h"

#define PREFETCH_AHEAD 4u
#define RECEIVE_MAX 16u /* frames at once */

#define ETHER_IPV4 0x0800
#define ETHER_VLAN 0x8100
#define ETHER_QINQ 0x88a8
#define ETHER_IPV6 0x86dd

/* What a guard thinks of a frame. */
enum opinion {
	OPINION_NONE,     /* none of its business */
	OPINION_HELLO,    /* a hello, whose cookie is still to be looked at */
	OPINION_DATAGRAM, /* something else for the server, which may be of an association */
	OPINION_REST,     /* later fragments of a hello */
	OPINION_UNJUDGED, /* for the server, and may be a hello or not */
	OPINION_REFUSED,  /* what no server can use, or no client sends */
};

/*
 * Bytes of VLAN tags before the last two. Nothing here reads more, but Linux takes off as many tags with
 * VLAN 0 as there are.
 */
static size_t
count_deep_tags(const uint8_t *frame, size_t len)
{
	size_t n = 0;

	for (size_t at = 12; at + 2 <= len; at += HG_NET_VLAN_LEN, n++)
		if (hg_load_be16(frame + at) != ETHER_VLAN &&
			hg_load_be16(frame + at) != ETHER_QINQ)
			break;
	return n > HG_NET_VLAN_MAX ? (n - HG_NET_VLAN_MAX) * HG_NET_VLAN_LEN : 0;
}

/* The destination's address in the frame, and its family; NULL for what is not IP. */
static const uint8_t *
find_destination(const uint8_t *frame, size_t len, uint8_t *ret_family)
{
	size_t offset = HG_NET_ETHER_LEN;
	uint16_t ether_type;

	if (len < HG_NET_ETHER_LEN + HG_NET_IPV4_LEN)
		return NULL;
	ether_type = hg_load_be16(frame + 12);
	for (unsigned int tags = 0; tags < HG_NET_VLAN_MAX; tags++) {
		if (ether_type != ETHER_VLAN && ether_type != ETHER_QINQ)
			break;
		ether_type = hg_load_be16(frame + offset + 2);
		offset += HG_NET_VLAN_LEN;
	}
	if (ether_type == ETHER_IPV4 && len >= offset + HG_NET_IPV4_LEN) {
		*ret_family = 4;
		return frame + offset + 16;
	}
	if (ether_type == ETHER_IPV6 && len >= offset + HG_NET_IPV6_LEN) {
		*ret_family = 6;
		return frame + offset + 24;
	}
	return NULL;
}

static bool
is_of_a_server(const struct hg_net_host *host, const uint8_t *frame, size_t len)
{
	const uint8_t *destination;
	uint32_t address;
	uint8_t family;

	destination = find_destination(frame, len, &family);
	if (destination == NULL)
		return false;
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
	size_t len = mbuf->data_len, deep = count_deep_tags(frame, len);

	/* From its deep tags on the frame has two: for these MAC addresses do not matter. */
	if (!is_of_a_server(&table->host, frame + deep, len - deep))
		return OPINION_NONE;
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

/* Leaves a datagram, at its place already, to the second stage: its 4-tuple has to be known. */
static void
put_off(struct worker_burst *burst, const struct hg_net_packet *packet)
{
	session_key_fill(&burst->record_key[burst->n_records], packet);
	burst->record_place[burst->n_records++] = (uint8_t)burst->n_pass;
}

/* First stage, one frame from the clients. Leaves it in a place in the order of arrival, or drops it. */
static void
guard(struct worker *worker, struct worker_burst *burst, struct rte_mbuf *mbuf)
{
	struct classified *info = &burst->hello_info[burst->n_hellos];
	const struct generation *generation = burst->generation;
	struct stats_worker *stats = &worker->stats;
	enum hg_verdict reason;

	switch (judge(burst->table, mbuf, info, &reason)) {
	case OPINION_NONE:
		break;
	case OPINION_HELLO:
		burst->hello_place[burst->n_hellos] = (uint8_t)burst->n_pass;
		if (worker_take_hello(worker, burst, mbuf))
			burst->pass[burst->n_pass++] = NULL;
		return;
	case OPINION_DATAGRAM:
		if (generation->guard_strict)
			put_off(burst, &info->packet);
		else
			stats_add(&stats->guard_datagrams, 1);
		break;
	case OPINION_REST:
		put_off(burst, &info->packet);
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
	burst->pass[burst->n_pass++] = mbuf;
}

static hash_sig_t
hash_of(const struct worker *worker, const struct session_key *key)
{
	return rte_hash_hash(worker->gateway->sessions, key);
}

void
bridge_pass_hello(struct worker *worker, unsigned int i)
{
	struct worker_burst *burst = &worker->burst;
	const struct classified *info = &burst->hello_info[i];
	struct session_key key;

	session_key_fill(&key, &info->packet);
	if (burst->generation->guard_strict &&
		!proved_add(&worker->proved, &key, worker_clock(burst))) {
		worker_drop(worker, burst->hello[i], HG_DROP_GUARD_FULL);
		return;
	}
	if (!hg_hello_is_whole(&info->hello))
		recent_add(&worker->recent, &key, hash_of(worker, &key), burst->now);
	stats_add(&worker->stats.guard_hellos, 1);
	burst->pass[burst->hello_place[i]] = burst->hello[i];
}

/*
 * Without guard-unproved = drop: has the beginning of a hello passed, and no more than RECENT_SECONDS lie
 * between its fragments?
 */
static bool
continues_hello(struct worker *worker, const struct worker_burst *burst, unsigned int i)
{
	const struct session_key *key = &burst->record_key[i];
	hash_sig_t hash = hash_of(worker, key);

	if (!recent_has(&worker->recent, key, hash, burst->now))
		return false;
	recent_add(&worker->recent, key, hash, burst->now);
	return true;
}

/* Second stage for what is no hello, after the hellos: these may have come just before. */
static void
settle_datagrams(struct worker *worker, struct worker_burst *burst)
{
	for (unsigned int i = 0; i < burst->n_records; i++) {
		struct rte_mbuf **mbuf = &burst->pass[burst->record_place[i]];

		if (burst->generation->guard_strict
				? proved_renew(&worker->proved, &burst->record_key[i],
					  worker_clock(burst))
				: continues_hello(worker, burst, i)) {
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
	struct transmitted told;

	if (n == 0)
		return;
	told = transmit(burst->queue->beyond, mbuf, n, false);
	stats_add(burst->port->guards ? &stats->bridged_to_servers : &stats->bridged_to_clients,
		told.sent);
	if (likely(told.sent == n))
		return;
	stats_add(&stats->drop[HG_DROP_BRIDGE_FULL], told.full);
	stats_add(&stats->drop[HG_DROP_BRIDGE_REFUSED], told.refused);
	stats_add(&stats->drop[HG_DROP_BRIDGE_TOO_LONG], told.too_long);
	stats_add(&stats->drop[HG_DROP_BRIDGE_DOWN], told.down);
}

/* Looks at n frames from the clients. Those that nothing has to wait for go on at once. */
static void
guard_frames(
	struct worker *worker, struct worker_burst *burst, struct rte_mbuf **mbuf, unsigned int n)
{
	for (unsigned int i = 0; i < PREFETCH_AHEAD && i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbuf[i], void *));
	for (unsigned int i = 0; i < n; i++) {
		if (i + PREFETCH_AHEAD < n)
			rte_prefetch0(rte_pktmbuf_mtod(mbuf[i + PREFETCH_AHEAD], void *));
		guard(worker, burst, mbuf[i]);
	}
	if (burst->n_hellos != 0 || burst->n_records != 0)
		return;
	pass(worker, burst, burst->pass, burst->n_pass);
	burst->n_pass = 0;
}

/* Second and last stage, when there are hellos, or datagrams that are to be of a known 4-tuple. */
static void
settle(struct worker *worker, struct worker_burst *burst)
{
	unsigned int n = 0;

	if (burst->n_hellos != 0)
		worker_settle_hellos(worker, burst);
	if (burst->n_records != 0)
		settle_datagrams(worker, burst);
	for (unsigned int i = 0; i < burst->n_pass; i++)
		if (burst->pass[i] != NULL)
			burst->pass[n++] = burst->pass[i];
	pass(worker, burst, burst->pass, n);
	if (burst->n_answers != 0)
		worker_send_answers(worker, burst);
}

/* Receives up to n frames, with the tags that they came with, and all checksums. Returns how many are there. */
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
	struct rte_mbuf *mbuf[RECEIVE_MAX];

	burst->n_pass = 0;
	/* In pieces: a frame is passed on soon after the driver has written it. */
	do {
		asked = RTE_MIN(most - total, RECEIVE_MAX);
		n = receive(worker, burst, mbuf, asked, &received);
		total += received;
		if (burst->port->guards)
			guard_frames(worker, burst, mbuf, n);
		else
			pass(worker, burst, mbuf, n);
	} while (received == asked && total < most);
	if (burst->n_hellos != 0 || burst->n_records != 0)
		settle(worker, burst);
	return total;
}
