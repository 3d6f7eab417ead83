/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * app/worker/bridge.c as a whole, by way of worker_run(): bursts at both ports of a bridge, with guards for the
 * servers behind it. Inputs are those of the worker's target (worker_input.h). What comes from the servers
 * leaves byte by byte as it came, and so does what comes from the clients if the model lets it pass; both
 * in the order of arrival. Every other frame is in the transmit ring of its port as the one answer that the
 * model makes of it, or in one drop counter. Every counter is right, and every buffer is back in its pool.
 */
#include <string.h>

#include "fuzz.h"
#include "guard_model.h"
#include "port/port.h"
#include "trial.h"

#define PART_SECONDS 2u /* docs/guard.md: between two fragments of a hello */

/* 4-tuples that have shown a valid cookie, in order, and whether the hello had more fragments. */
static struct {
	unsigned int n;
	uint8_t id[PACKETS_MAX][37];
	bool is_part[PACKETS_MAX];
	uint32_t place[PACKETS_MAX]; /* where the worker remembers that */
	uint64_t when[PACKETS_MAX];
} proved;

static void
identify(uint8_t ret[37], const struct packet *packet)
{
	ret[0] = packet->model.family;
	memcpy(ret + 1, packet->tuple, 36);
}

static bool
is_proved(const struct packet *packet)
{
	uint8_t id[37];

	identify(id, packet);
	for (unsigned int i = 0; i < proved.n; i++)
		if (memcmp(proved.id[i], id, sizeof(id)) == 0)
			return true;
	return false;
}

/*
 * Is this the rest of the hello that was the last one to be remembered at its place? Then its time begins
 * again.
 */
static bool
continues_hello(const struct packet *packet, uint64_t now)
{
	uint32_t place = bed_recent_place(packet->tuple, packet->model.family);
	unsigned int i = proved.n;
	uint8_t id[37];

	while (i > 0 && !(proved.is_part[i - 1] && proved.place[i - 1] == place))
		i--;
	if (i-- == 0)
		return false;
	identify(id, packet);
	if (memcmp(proved.id[i], id, sizeof(id)) != 0 || now < proved.when[i] ||
		now > proved.when[i] + PART_SECONDS)
		return false;
	proved.when[i] = now;
	return true;
}

static void
prove(const struct packet *packet, uint64_t now)
{
	unsigned int i = proved.n++;

	identify(proved.id[i], packet);
	proved.is_part[i] = packet->hello.record_len != 13 + 12 + (size_t)packet->hello.message_len;
	proved.place[i] = bed_recent_place(packet->tuple, packet->model.family);
	proved.when[i] = now;
}

struct bed *
check_open(void)
{
	return bed_open_bridge();
}

void
check_begin(struct trial *trial)
{
	unsigned int limits = trial->input.limits;

	/* Nothing goes to cores, nothing comes from them, and no device is asked or believed. */
	trial->input.options &= ~(unsigned int)(OPTION_DEVICE_SUMS | OPTION_TRUSTED_SUMS);
	trial->input.n_out = 0;
	trial->input.ring_room = 0;
	trial->input.limits &= GUARD_OPEN | GUARD_STRICT | SUMS_PARTIAL | SUMS_LEFT_OUT;
	for (unsigned int p = 0; p < LAB_PORTS; p++) {
		trial->bed->gateway.port[p].device_sums = false;
		trial->bed->gateway.port[p].trusted_sums = false;
	}
	trial->history.of_clients = false;
	trial->history.half_open_max = 0;
	bed_guard(trial->bed, (limits & GUARD_OPEN) != 0, (limits & GUARD_STRICT) != 0);
	proved.n = 0;
}

static void
drop(struct packet *packet, enum hg_verdict verdict)
{
	packet->fate = DROPPED;
	packet->drop = verdict;
}

/* What is no hello, when the hellos of its burst have been judged. */
static void
settle(struct trial *trial, struct packet *packet, enum guard_sight sight)
{
	struct stats_worker *wanted = &trial->wanted;
	unsigned int limits = trial->input.limits;

	if (sight == SIGHT_UNJUDGED && (limits & GUARD_OPEN) == 0)
		drop(packet, packet->drop);
	if ((sight == SIGHT_DATAGRAM || sight == SIGHT_REST) && packet->fate == FORWARDED &&
		(limits & GUARD_STRICT) != 0 && !is_proved(packet))
		drop(packet, HG_DROP_GUARD_UNPROVED);
	if (sight == SIGHT_REST && (limits & GUARD_STRICT) == 0 && packet->fate == FORWARDED &&
		!continues_hello(packet, trial->clock.now))
		drop(packet, HG_DROP_GUARD_UNPROVED);
	if (packet->fate != FORWARDED)
		return;
	if (sight == SIGHT_UNJUDGED)
		stats_add(&wanted->guard_unjudged, 1);
	else if (sight == SIGHT_DATAGRAM || sight == SIGHT_REST)
		stats_add(&wanted->guard_datagrams, 1);
	else if (sight == SIGHT_HELLO)
		stats_add(&wanted->guard_hellos, 1);
}

static void
expect_from_clients(struct trial *trial)
{
	enum guard_sight sight[BED_BURST];
	struct packet *packet = trial->burst[0].packet;

	for (unsigned int i = 0; i < trial->burst[0].n; i++) {
		sight[i] = guard_model(&packet[i], &trial->clock);
		if (sight[i] == SIGHT_HELLO && packet[i].fate == FORWARDED)
			prove(&packet[i], trial->clock.now);
	}
	for (unsigned int i = 0; i < trial->burst[0].n; i++)
		settle(trial, &packet[i], sight[i]);
}

/* What comes in has all its checksums before anybody looks at it. */
static void
fill_sums(struct trial *trial)
{
	for (unsigned int p = 0; p < LAB_PORTS; p++)
		for (unsigned int i = 0; i < trial->burst[p].n; i++) {
			struct packet *packet = &trial->burst[p].packet[i];

			if (!packet->cut || packet->chained)
				packet->partial = model_fill(
					packet->frame, packet->len - packet->chained, packet->len);
		}
}

void
check_expect(struct trial *trial)
{
	trial->wanted = trial->bed->worker->stats;
	if ((trial->input.limits & SUMS_PARTIAL) != 0)
		fill_sums(trial);
	expect_from_clients(trial);
	for (unsigned int i = 0; i < trial->burst[1].n; i++) {
		struct packet *packet = &trial->burst[1].packet[i];

		packet->fate = FORWARDED;
		if (packet->cut && !packet->chained)
			drop(packet, HG_DROP_FRAME_SHORT);
	}
	for (unsigned int p = 0; p < LAB_PORTS; p++)
		for (unsigned int i = 0; i < trial->burst[p].n; i++)
			trial_count(trial, &trial->burst[p].packet[i]);
}

static void
check_passed(struct packet *packet, struct rte_mbuf *mbuf)
{
	uint8_t bytes[PACKET_MAX];
	const uint8_t *got;

	fuzz_require(!packet->seen, "a frame went two ways");
	packet->seen = true;
	fuzz_require(mbuf->pkt_len == packet->len, "%u bytes, not %zu", mbuf->pkt_len, packet->len);
	fuzz_require((mbuf->ol_flags & RTE_MBUF_F_TX_OFFLOAD_MASK) == 0,
		"a device would change what passes");
	got = rte_pktmbuf_read(mbuf, 0, (uint32_t)packet->len, bytes);
	fuzz_require(got != NULL, "a frame without its bytes");
	fuzz_require_same("frame", got, packet->frame, packet->len);
}

/*
 * Takes what left by a port: first what was answered there, then what came by the other one, in the order
 * of arrival. Once there is no room, what follows is dropped.
 */
static void
drain(struct trial *trial, unsigned int port)
{
	static _Atomic uint64_t *counter[LAB_PORTS];
	struct rte_ring *ring = trial->bed->tx[port];
	bool full = rte_ring_full(ring) != 0;
	unsigned int from = 1 - port;
	void *entry = NULL;

	counter[0] = &trial->wanted.bridged_to_clients;
	counter[1] = &trial->wanted.bridged_to_servers;
	bed_unblock(ring, trial->tx_blocked[port]);
	for (unsigned int i = 0; i < trial->burst[port].n; i++) {
		struct packet *packet = &trial->burst[port].packet[i];

		if (packet->fate != ANSWERED)
			continue;
		if (rte_ring_sc_dequeue(ring, &entry) == 0) {
			fuzz_require(trial_find(trial, entry) == packet, "another answer is next");
			trial_check_answer(trial, port, packet, entry);
			rte_pktmbuf_free(entry);
		} else {
			fuzz_require(full, "an answer is missing");
			stats_add(&trial->wanted.drop[HG_DROP_TX_FULL], 1);
		}
	}
	for (unsigned int i = 0; i < trial->burst[from].n; i++) {
		struct packet *packet = &trial->burst[from].packet[i];

		if (packet->fate != FORWARDED)
			continue;
		if (rte_ring_sc_dequeue(ring, &entry) == 0) {
			fuzz_require(trial_find(trial, entry) == packet, "another frame is next");
			check_passed(packet, entry);
			stats_add(counter[port], 1);
			rte_pktmbuf_free(entry);
		} else {
			fuzz_require(full, "a frame is missing");
			stats_add(&trial->wanted.drop[HG_DROP_BRIDGE_FULL], 1);
		}
	}
	if (rte_ring_sc_dequeue(ring, &entry) == 0) {
		const struct packet *packet = trial_find(trial, entry);

		fuzz_fail(__FILE__, __LINE__, "the ring is empty", "a frame left that was %s: %d",
			packet->fate == DROPPED ? "to be dropped" : "not to leave here",
			packet->drop);
	}
}

static void
check_books(const struct stats_worker *stats)
{
	uint64_t sum = stats_get(&stats->tx) + stats_get(&stats->bridged_to_servers) +
		       stats_get(&stats->bridged_to_clients);

	for (unsigned int i = 0; i < HG_VERDICT_COUNT; i++)
		sum += stats_get(&stats->drop[i]);
	fuzz_require(stats_get(&stats->rx) == sum, "%llu received, %llu accounted for",
		(unsigned long long)stats_get(&stats->rx), (unsigned long long)sum);
	fuzz_require(stats_get(&stats->hvr) ==
			     stats_get(&stats->tx) + stats_get(&stats->drop[HG_DROP_TX_FULL]),
		"answers built are not those sent");
}

void
check_result(struct trial *trial)
{
	for (unsigned int p = 0; p < LAB_PORTS; p++)
		drain(trial, p);
	trial_check_counters(trial);
	check_books(&trial->bed->worker->stats);
}
