/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/loop.h"

#include <rte_cycles.h>
#include <rte_lcore.h>

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "core/listener.h"
#include "core/outbox.h"
#include "core/removal.h"
#include "core/socket.h"
#include "gateway/generation.h"
#include "port/port.h"
#include "tls/session.h"
#include "wire/hello.h"

/* Packets in one round of the loop; of verified hellos, one that begins a handshake. */
#define ESTABLISHED_MAX RINGS_SIZE
#define PENDING_MAX 4u

/* Why a session ends: the counter of it. */
#define ENDED(session, reason) session_end(session, &(session)->core->stats.sessions_##reason)

static void
gauge_add(_Atomic uint64_t *gauge, int n)
{
	stats_add(gauge, (uint64_t)n);
}

static void
leave_half_open(struct session *session)
{
	if (!session->half_open)
		return;
	gauge_add(&session->core->stats.half_open, -1);
	session->half_open = false;
	if (session->client != NULL)
		clients_leave(session->client);
}

/* Ends a session for good; the one beside it, if any, takes its place in the table. */
static void
session_end(struct session *session, _Atomic uint64_t *reason)
{
	struct core *core = session->core;
	struct rte_hash *table = core->gateway->sessions;

	stats_add(reason, 1);
	leave_half_open(session);
	if (session->head != NULL) {
		session->head->beside = NULL;
	} else if (session->beside != NULL) {
		session->beside->head = NULL;
		session_publish(table, session->beside); /* replaces data only: cannot fail */
	} else {
		session_unpublish(table, session);
		if (session->client != NULL && core->admission->clients.with_sessions)
			clients_exit(session->client);
	}
	rte_timer_stop_sync(&session->timer);
	if (session->is_due)
		TAILQ_REMOVE(&core->due, session, due);
	if (core->unchecked == session)
		core->unchecked = TAILQ_NEXT(session, all);
	TAILQ_REMOVE(&core->sessions, session, all);
	if (session->queued != 0)
		TAILQ_REMOVE(&core->quiet, session, quiet);
	socket_close(session);
	hg_tls_session_free(session->tls);
	/* Whoever sees it go frees what the session had of its listener. */
	atomic_fetch_sub_explicit(&session->listener->n_sessions, 1, memory_order_release);
	free(session);
	gauge_add(&core->stats.sessions, -1);
}

void
core_close(struct session *session, _Atomic uint64_t *reason)
{
	hg_tls_session_close(session->tls);
	session_end(session, reason);
}

/* Timer callbacks only take note: ending a session here would pull timers from under their list. */
static void
on_timer(struct rte_timer *timer, void *arg)
{
	(void)timer;
	core_call(arg);
}

static uint64_t
idle_cycles(const struct session *session)
{
	return session->listener->config->idle_timeout * rte_get_tsc_hz();
}

/* Sets the timer to the next thing that can happen without a packet. */
static void
arm(struct session *session)
{
	uint64_t now = rte_get_tsc_cycles(), at;
	int64_t retransmit;

	if (session->half_open) {
		at = session->opened + session->core->generation->handshake_cycles;
		retransmit = hg_tls_session_timeout(session->tls);
		if (retransmit >= 0)
			at = RTE_MIN(at, now + (uint64_t)retransmit * rte_get_tsc_hz() / 1000000);
	} else {
		at = session->last_active + idle_cycles(session);
	}
	rte_timer_reset_sync(&session->timer, at > now ? at - now : 0, SINGLE, rte_lcore_id(),
		on_timer, session);
}

static void
count_reductions(struct session *session)
{
	unsigned int n = hg_tls_session_reductions(session->tls);

	stats_add(&session->core->stats.flight_reductions, n - session->reductions);
	session->reductions = (uint8_t)n;
}

static void
expire(struct session *session)
{
	uint64_t now = rte_get_tsc_cycles();

	if (session->half_open) {
		if (now - session->opened >= session->core->generation->handshake_cycles) {
			admission_give_up(session->core->admission, session->hello, now);
			ENDED(session, half_open_expired);
			return;
		}
		if (hg_tls_session_expire(session->tls) == HG_TLS_FAILED) {
			ENDED(session, failed);
			return;
		}
		count_reductions(session);
	} else if (hg_tls_session_state(session->tls) == HG_TLS_FAILED) {
		ENDED(session, broken);
		return;
	} else if (now - session->last_active >= idle_cycles(session)) {
		core_close(session, &session->core->stats.sessions_idle);
		return;
	}
	arm(session);
}

static void
count_ignored(void *arg, enum hg_tls_verdict why)
{
	struct session *session = arg;

	stats_add(&session->core->stats.ignored[why], 1);
}

/*
 * The largest UDP payload of a handshake flight. The MTU of its listener is that of an IPv6 path; over IPv4
 * it is as much, so that what is translated on its way (RFC 7915) fits, too.
 */
static size_t
flight_max(const struct session *session)
{
	return RTE_MIN(outbox_room(session),
		(size_t)session->listener->config->flight_mtu - HG_NET_IPV6_LEN - HG_NET_UDP_LEN);
}

/* Nothing knows of the session yet but the caller. */
static struct session *
session_make(struct core *core, const struct flow_key *key, struct rte_mbuf *mbuf,
	const struct hg_net_packet *packet, const struct hg_hello *hello)
{
	const struct note *note = note_of(mbuf);
	struct listener *listener = &core->gateway->listener[note->listener];
	struct session *session = calloc(1, sizeof(*session));

	if (session == NULL)
		return NULL;
	session->key = *key;
	session->core = core;
	session->listener = listener;
	session->socket = -1;
	session->half_open = true;
	session->queue = note->queue;
	hg_net_path_init(&session->path, packet);
	session->tls = hg_tls_session_new(
		listener->config->tls, flight_max(session), outbox_send, count_ignored, session);
	if (session->tls == NULL) {
		free(session);
		return NULL;
	}
	memcpy(session->random, hello->client + 2, SESSION_RANDOM_LEN);
	session->opened = rte_get_tsc_cycles();
	session->last_active = session->opened;
	rte_timer_init(&session->timer);
	return session;
}

static void
session_discard(struct session *session)
{
	hg_tls_session_free(session->tls);
	free(session);
}

/* It is in the table, or beside the one that is. */
static void
session_open(struct session *session)
{
	struct core *core = session->core;

	atomic_fetch_add_explicit(&session->listener->n_sessions, 1, memory_order_relaxed);
	TAILQ_INSERT_TAIL(&core->sessions, session, all);
	/* Its hello may have come while its listener was there. */
	if (core->unchecked == NULL)
		core->unchecked = session;
	stats_add(&core->stats.sessions_opened, 1);
	gauge_add(&core->stats.sessions, 1);
	gauge_add(&core->stats.half_open, 1);
}

/*
 * The handshake is complete: an older session of the same peer ends now, and only now (RFC
 * 6347 4.2.8).
 */
static void
establish(struct session *session)
{
	struct core *core = session->core;
	struct session *old = session->head;

	leave_half_open(session);
	session->last_active = session->queued = rte_get_tsc_cycles();
	TAILQ_INSERT_TAIL(&core->quiet, session, quiet);
	stats_add(&core->stats.handshakes, 1);
	stats_observe(&core->stats.handshake_time, stats_handshake_times,
		(uint64_t)((double)(rte_get_tsc_cycles() - session->opened) * 1e6 /
			   (double)rte_get_tsc_hz()));
	if (hg_tls_session_resumed(session->tls))
		stats_add(&core->stats.handshakes_resumed, 1);
	if (old != NULL)
		ENDED(old, replaced); /* leaves the table's entry to the new one */
	else
		session_publish(core->gateway->sessions, session); /* as established */
	/*
	 * Without a socket the session lives on and loses what is for the upstream, as if that were
	 * down.
	 */
	if (socket_open(session) != 0)
		stats_add(&core->stats.upstream_errors, 1);
}

/* Follows up on what a datagram has done to a session. Returns false if that ended it. */
static bool
follow(struct session *session)
{
	struct core *core = session->core;
	size_t n;

	if (session->half_open && hg_tls_session_state(session->tls) == HG_TLS_ESTABLISHED)
		establish(session);
	while ((n = hg_tls_session_read(session->tls, core->plaintext, sizeof(core->plaintext))) !=
		0) {
		stats_add(&core->stats.client_datagrams, 1);
		stats_add(&core->stats.client_bytes, n);
		core_touch(session, rte_get_tsc_cycles());
		socket_send(session, core->plaintext, n);
	}
	count_reductions(session);
	switch (hg_tls_session_state(session->tls)) {
	case HG_TLS_CLOSED:
		core_close(session, &core->stats.sessions_closed);
		return false;
	case HG_TLS_FAILED:
		if (session->half_open)
			ENDED(session, failed);
		else
			ENDED(session, broken);
		return false;
	default:
		break;
	}
	if (session->half_open)
		arm(session);
	return true;
}

/* Where the next packet to the client goes: where its last authentic one came from. */
static void
update_path(struct session *session, struct rte_mbuf *mbuf, const struct hg_net_packet *packet)
{
	session->queue = note_of(mbuf)->queue;
	hg_net_path_init(&session->path, packet);
}

/* Returns false if the datagram ended the session. */
static bool
feed(struct session *session, struct rte_mbuf *mbuf, const struct hg_net_packet *packet)
{
	uint64_t before = session->last_active;
	bool was_half_open = session->half_open;

	hg_tls_session_feed(session->tls, hg_net_payload(packet), hg_net_payload_len(packet));
	if (!follow(session))
		return false;
	if (session->last_active != before || was_half_open != session->half_open) {
		update_path(session, mbuf, packet);
		if (was_half_open != session->half_open)
			arm(session);
	}
	return true;
}

/* What the new session was admitted for is its own from now on. */
static void
take_admission(struct session *session, const struct admission_ask *ask)
{
	struct core *core = session->core;

	session->client = ask->client;
	session->hello = ask->mark;
	if (!admission_take(core->admission, &core->generation->limits, ask))
		stats_add(&core->stats.used_forgotten, 1);
}

/*
 * An admitted hello opens a session; head is that of its 4-tuple, and idle the one that ends for it, if there
 * is one. Until the new one has its place nothing is taken and nothing ends: the client may send the hello
 * again.
 */
static void
begin(struct core *core, struct session *head, struct session *idle, const struct flow_key *key,
	struct rte_mbuf *mbuf, const struct hg_net_packet *packet, const struct hg_hello *hello,
	const struct admission_ask *ask)
{
	struct session *session = session_make(core, key, mbuf, packet, hello);
	bool is_beside = head != NULL && !head->half_open;

	if (session == NULL) {
		stats_add(&core->stats.refused_no_memory, 1);
		return;
	}
	if (head == NULL && session_publish(core->gateway->sessions, session) != 0) {
		/* Entries that were deleted may wait for a grace period. */
		stats_add(&core->stats.refused_sessions_full, 1);
		session_discard(session);
		return;
	}
	if (idle != NULL)
		core_close(idle, &core->stats.sessions_evicted);
	/* One handshake at a time for a 4-tuple: the client has given the other up. */
	if (is_beside && head->beside != NULL)
		ENDED(head->beside, replaced);
	if (head != NULL) {
		head->beside = session;
		session->head = head;
		if (!is_beside)
			ENDED(head, replaced); /* leaves the table's entry to the new one */
	}
	session_open(session);
	take_admission(session, ask);
	stats_add(is_beside ? &core->stats.hello_beside : &core->stats.hello_new, 1);
	hg_tls_session_enter(session->tls, hg_net_payload(packet), hg_net_payload_len(packet),
		hello->record_len, hello->cookie, hello->cookie_len);
	follow(session);
}

static bool
same_random(const struct session *session, const struct hg_hello *hello)
{
	return session != NULL &&
	       memcmp(session->random, hello->client + 2, SESSION_RANDOM_LEN) == 0;
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
take_hello(struct core *core, struct rte_mbuf *mbuf, const struct hg_net_packet *packet,
	const struct flow_key *key)
{
	struct session *head = session_find(core->gateway->sessions, key), *known, *idle;
	struct admission_ask ask;
	struct hg_hello hello = note_get_hello(note_of(mbuf), packet);
	bool unused;

	/*
	 * A handshake in progress has no use for its hello again: OpenSSL has it, and the timer sends
	 * lost replies. So it costs no signature, whether it is a retransmission or a replay.
	 */
	unused = admission_begin(core->admission, key, &hello, rte_get_tsc_cycles(), &ask);
	known = find_same(head, &hello);
	if (known != NULL || !unused) {
		stats_add(&core->stats.hello_again, 1);
		/* But a fragment may be longer than it was the first time. */
		if (known != NULL && known->half_open && !hg_hello_is_whole(&hello))
			feed(known, mbuf, packet);
		return;
	}
	if (session_admit(core, head, &ask, &idle))
		begin(core, head, idle, key, mbuf, packet, &hello, &ask);
}

static void
take_record(struct core *core, struct rte_mbuf *mbuf, const struct hg_net_packet *packet,
	const struct flow_key *key)
{
	struct session *head = session_find(core->gateway->sessions, key), *beside;
	uint16_t epoch = hg_load_be16(hg_net_payload(packet) + HG_RECORD_EPOCH);

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
	if (beside != NULL && epoch == 0) {
		feed(beside, mbuf, packet);
		return;
	}
	if (beside != NULL) {
		feed(beside, mbuf, packet);
		if (session_find(core->gateway->sessions, key) != head)
			return; /* the handshake is complete, and head is gone */
	}
	feed(head, mbuf, packet);
}

static void
take(struct core *core, struct rte_mbuf *mbuf)
{
	struct hg_net_packet packet = note_get_packet(mbuf);
	struct flow_key key;

	flow_key_fill(&key, &packet);
	stats_add(&core->stats.datagrams, 1);
	if (note_of(mbuf)->kind == NOTE_HELLO)
		take_hello(core, mbuf, &packet, &key);
	else
		take_record(core, mbuf, &packet, &key);
	rte_pktmbuf_free(mbuf);
}

/* From the ring of a class that is the i-th in this round. */
static unsigned int
take_from(const struct core *core, unsigned int i, enum rings_class rank, struct rte_mbuf **mbuf,
	unsigned int max)
{
	const struct rings *rings = &core->gateway->rings;

	return rings_take(rings, (core->turn + i) % rings->n_workers, core->index, rank, mbuf, max);
}

/* Takes at most max packets of one class. Returns the number of packets. */
static unsigned int
take_class(struct core *core, enum rings_class rank, unsigned int max)
{
	struct rte_mbuf *mbuf[CORE_BURST];
	unsigned int total = 0, before;

	do {
		before = total;
		for (unsigned int i = 0; i < core->gateway->n_workers; i++) {
			unsigned int n =
				take_from(core, i, rank, mbuf, RTE_MIN(CORE_BURST, max - total));

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
		expire(session);
	}
}

/* Says good-bye to every client. */
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
		/* With nothing else to do, it is the upstreams that are waited for. */
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
