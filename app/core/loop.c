/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/loop.h"

#include <rte_cycles.h>

#include <string.h>

#include "base/bytes.h"
#include "core/outbox.h"
#include "core/removal.h"
#include "core/session.h"
#include "core/socket.h"
#include "gateway/generation.h"
#include "wire/hello.h"

/* Packets of a class in one round of the loop; of the class of new ones, one that begins a handshake. */
#define ESTABLISHED_MAX RINGS_SIZE
#define PENDING_MAX 4u

static bool
same_random(const struct session *session, const struct hg_hello *hello)
{
	return session != NULL &&
	       memcmp(session->random, hello->client + HG_HELLO_RANDOM, HG_HELLO_RANDOM_LEN) == 0;
}

/* The session that this hello has opened, of head and the one beside it, or NULL. */
static struct session *
find_same(struct session *head, const struct hg_hello *hello)
{
	if (head == NULL || same_random(head, hello))
		return head;
	return same_random(head->beside, hello) ? head->beside : NULL;
}

static void
take_hello(struct core *core, const struct note *note, const struct session_datagram *datagram)
{
	struct session *head = flows_find(core->gateway->sessions, &datagram->key), *known;
	struct hg_hello hello = note_get_hello(note, &datagram->packet);
	struct admission_ask ask;
	bool unused;

	/*
	 * A handshake in progress has no use for its hello again: OpenSSL has it, and the timer sends
	 * lost replies. So it costs no signature, whether it is a retransmission or a replay.
	 */
	unused = admission_begin(
		core->admission, &datagram->key, &hello, rte_get_tsc_cycles(), &ask);
	known = find_same(head, &hello);
	if (known == NULL && unused) {
		session_open(core, head, datagram, &hello, &ask);
		return;
	}
	stats_add(&core->stats.hello_again, 1);
	/* But a fragment may be longer than it was the first time. */
	if (known != NULL && known->half_open && !hg_hello_is_whole(&hello))
		session_feed(known, datagram);
}

static void
take_record(struct core *core, const struct session_datagram *datagram)
{
	struct session *head = flows_find(core->gateway->sessions, &datagram->key), *beside;
	uint16_t epoch = hg_load_be16(hg_net_payload(&datagram->packet) + HG_RECORD_EPOCH);

	if (head == NULL) {
		stats_add(&core->stats.refused_session_gone, 1);
		return;
	}
	stats_add(&core->stats.records, 1);
	/*
	 * Beside an established session, epoch 0 can only be of the new handshake. A datagram that
	 * begins with a later epoch may be of either: the one that cannot authenticate it ignores
	 * it.
	 */
	beside = head->beside;
	if (beside != NULL) {
		session_feed(beside, datagram);
		/* If that has completed the handshake, head is gone. */
		if (epoch == 0 || flows_find(core->gateway->sessions, &datagram->key) != head)
			return;
	}
	session_feed(head, datagram);
}

static void
take(struct core *core, struct rte_mbuf *mbuf)
{
	const struct note *note = note_of(mbuf);
	struct session_datagram datagram = {
		.packet = note_get_packet(mbuf),
		.listener = note->listener,
		.queue = note->queue,
	};

	flow_key_fill(&datagram.key, &datagram.packet);
	stats_add(&core->stats.datagrams, 1);
	if (note->kind == NOTE_HELLO)
		take_hello(core, note, &datagram);
	else
		take_record(core, &datagram);
	rte_pktmbuf_free(mbuf);
}

/* Takes at most max packets from the i-th of the rings of a class, as this round counts them. */
static unsigned int
take_from(const struct core *core, unsigned int i, enum rings_class class, struct rte_mbuf **mbuf,
	unsigned int max)
{
	const struct rings *rings = &core->gateway->rings;

	return rings_take(
		rings, (core->turn + i) % rings->n_workers, core->index, class, mbuf, max);
}

/* Takes at most max packets of one class. Returns the number of packets. */
static unsigned int
take_class(struct core *core, enum rings_class class, unsigned int max)
{
	struct rte_mbuf *mbuf[CORE_BURST];
	unsigned int total = 0, before;

	do {
		before = total;
		for (unsigned int i = 0; i < core->gateway->n_workers; i++) {
			unsigned int n =
				take_from(core, i, class, mbuf, RTE_MIN(CORE_BURST, max - total));

			for (unsigned int k = 0; k < n; k++)
				take(core, mbuf[k]);
			total += n;
		}
	} while (total != before && total < max);
	return total;
}

/* Takes verified hellos until one of them begins a handshake. Returns the number of packets. */
static unsigned int
take_hellos(struct core *core)
{
	uint64_t opened = stats_get(&core->stats.sessions_opened);
	unsigned int total = 0;
	struct rte_mbuf *mbuf;

	for (unsigned int i = 0; i < core->gateway->n_workers; i++) {
		while (total < RINGS_SIZE && take_from(core, i, RINGS_NEW, &mbuf, 1) == 1) {
			take(core, mbuf);
			total++;
			if (stats_get(&core->stats.sessions_opened) != opened)
				return total;
		}
	}
	return total;
}

/*
 * One round: established sessions first, then handshakes in progress, then new ones. A datagram of
 * an established session takes microseconds, a message of a handshake takes a hundred or more. So
 * the lower classes have a few messages in each round, enough that a flood of another class never
 * stops them, and few enough that established sessions have most of the time, and wait for the next
 * round no longer than for those messages.
 */
static unsigned int
take_packets(struct core *core)
{
	unsigned int n = take_class(core, RINGS_ESTABLISHED, ESTABLISHED_MAX), lower;

	lower = take_class(core, RINGS_PENDING, n < ESTABLISHED_MAX ? PENDING_MAX : 1);
	lower += take_hellos(core);
	core->turn++;
	core->rounds += lower; /* as it takes as long: upstreams are not to wait for handshakes */
	return n + lower;
}

static void
run_timers(struct core *core)
{
	struct session *session;

	rte_timer_manage();
	while ((session = TAILQ_FIRST(&core->due)) != NULL) {
		TAILQ_REMOVE(&core->due, session, due);
		session->is_due = false;
		session_expire(session);
	}
}

/* Takes what is left in the rings, and ends every session. */
static void
drain(struct core *core, unsigned int reader)
{
	core->draining = true;
	while (take_packets(core) != 0)
		outbox_flush(core, true);
	do {
		outbox_flush(core, true);
		rte_rcu_qsbr_quiescent(core->gateway->qsbr, reader);
	} while (removal_drain(core));
}

int
core_run(void *arg)
{
	struct core *core = arg;
	struct gateway *gateway = core->gateway;
	unsigned int reader = gateway->n_workers + core->index;
	uint64_t begun, end;
	uint32_t rest = 0;

	idle_begin();
	rte_rcu_qsbr_thread_online(gateway->qsbr, reader);
	begun = rte_rdtsc();
	while (atomic_load_explicit(&gateway->stage, memory_order_acquire) < STAGE_DRAIN) {
		unsigned int n;

		core->generation = atomic_load_explicit(&gateway->generation, memory_order_acquire);
		core->rested = 0;
		n = take_packets(core);
		run_timers(core);
		n += removal_step(core);
		/* If there is nothing else to do, the core waits here, for datagrams of upstreams. */
		n += socket_poll(core, rest);
		outbox_flush(core, false);
		rte_rcu_qsbr_quiescent(gateway->qsbr, reader);
		stats_add(&core->heartbeat, 1);
		end = rte_rdtsc();
		if (n != 0)
			stats_add(&core->stats.busy, end - begun - core->rested);
		rest = idle_step(&core->idle, n != 0);
		begun = n != 0 ? end : rte_rdtsc();
	}
	drain(core, reader);
	rte_rcu_qsbr_thread_offline(gateway->qsbr, reader);
	atomic_store_explicit(&core->running, false, memory_order_release);
	return 0;
}
