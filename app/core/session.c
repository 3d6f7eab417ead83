/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/session.h"

#include <rte_cycles.h>
#include <rte_lcore.h>

#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "core/listener.h"
#include "core/outbox.h"
#include "core/socket.h"
#include "gateway/generation.h"
#include "tls/session.h"

/* Why a session ends: the counter of it. */
#define ENDED(session, reason) end(session, &(session)->core->stats.sessions_##reason)

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

/* Makes the session the entry of its key, in place of another one if there is one; again when it is established. */
static int
publish(struct session *session)
{
	void *data = flow_data(session, !session->half_open);

	return flows_put(session->core->gateway->sessions, &session->key, data);
}

/* Ends a session for good; the one beside it, if any, takes its place in the table. */
static void
end(struct session *session, _Atomic uint64_t *reason)
{
	struct core *core = session->core;

	stats_add(reason, 1);
	leave_half_open(session);
	if (session->head != NULL) {
		session->head->beside = NULL;
	} else if (session->beside != NULL) {
		session->beside->head = NULL;
		publish(session->beside); /* replaces data only: cannot fail */
	} else {
		flows_remove(core->gateway->sessions, &session->key);
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
	/* When main sees that there are none it may free the listener: nothing of it is used from here on. */
	atomic_fetch_sub_explicit(&session->listener->n_sessions, 1, memory_order_release);
	free(session);
	gauge_add(&core->stats.sessions, -1);
}

void
session_close(struct session *session, _Atomic uint64_t *reason)
{
	hg_tls_session_close(session->tls);
	end(session, reason);
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

void
session_expire(struct session *session)
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
		session_close(session, &session->core->stats.sessions_idle);
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

/* A session that nobody knows of but the caller; NULL without memory. */
static struct session *
make(struct core *core, const struct session_datagram *datagram, const struct hg_hello *hello)
{
	struct listener *listener = &core->gateway->listener[datagram->listener];
	struct session *session = calloc(1, sizeof(*session));

	if (session == NULL)
		return NULL;
	session->key = datagram->key;
	session->core = core;
	session->listener = listener;
	session->socket = -1;
	session->half_open = true;
	session->queue = datagram->queue;
	hg_net_path_init(&session->path, &datagram->packet);
	session->tls = hg_tls_session_new(
		listener->config->tls, flight_max(session), outbox_send, count_ignored, session);
	if (session->tls == NULL) {
		free(session);
		return NULL;
	}
	memcpy(session->random, hello->client + HG_HELLO_RANDOM, HG_HELLO_RANDOM_LEN);
	session->opened = rte_get_tsc_cycles();
	session->last_active = session->opened;
	rte_timer_init(&session->timer);
	return session;
}

static void
discard(struct session *session)
{
	hg_tls_session_free(session->tls);
	free(session);
}

/* Counts a session that has its place, and puts it into the list of all. */
static void
enlist(struct session *session)
{
	struct core *core = session->core;

	atomic_fetch_add_explicit(&session->listener->n_sessions, 1, memory_order_relaxed);
	TAILQ_INSERT_TAIL(&core->sessions, session, all);
	/* Its listener may have gone since the worker has seen the hello. */
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
		publish(session); /* as established */
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
		session_close(session, &core->stats.sessions_closed);
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

void
session_feed(struct session *session, const struct session_datagram *datagram)
{
	const struct hg_net_packet *packet = &datagram->packet;
	uint64_t before = session->last_active;
	bool was_half_open = session->half_open;

	hg_tls_session_feed(session->tls, hg_net_payload(packet), hg_net_payload_len(packet));
	if (!follow(session))
		return;
	if (session->last_active == before && was_half_open == session->half_open)
		return;
	/* The datagram was authentic: packets to the client go where it came from. */
	session->queue = datagram->queue;
	hg_net_path_init(&session->path, packet);
	if (was_half_open != session->half_open)
		arm(session);
}

/* The session that has been idle for longest, if that is long enough; never the one of the 4-tuple. */
static struct session *
find_idle(const struct core *core, const struct session *head, uint64_t now)
{
	uint64_t idle = core->generation->limits.evict_cycles;
	struct session *session = TAILQ_FIRST(&core->quiet);

	if (session != NULL && session == head)
		session = TAILQ_NEXT(session, quiet);
	if (session == NULL || idle == 0 || now - session->last_active < idle)
		return NULL;
	return session;
}

static _Atomic uint64_t *
refusal(struct stats_handshake *stats, enum admission_verdict verdict)
{
	switch (verdict) {
	case ADMISSION_HALF_OPEN:
		return &stats->refused_half_open;
	case ADMISSION_SESSIONS:
		return &stats->refused_sessions_full;
	case ADMISSION_RATE:
		return &stats->refused_handshake_rate;
	case ADMISSION_CLIENT_RATE:
		return &stats->refused_client_rate;
	case ADMISSION_CLIENT_HALF_OPEN:
		return &stats->refused_client_half_open;
	case ADMISSION_CLIENT_SESSIONS:
		return &stats->refused_client_sessions;
	case ADMISSION_CLIENT_TABLE:
		return &stats->refused_client_table;
	default:
		return NULL;
	}
}

/* May a hello of the 4-tuple of head begin a handshake? Counts a refusal. *ret_idle is to end for it, or NULL. */
static bool
admit(struct core *core, const struct session *head, struct admission_ask *ask,
	struct session **ret_idle)
{
	struct session *idle = find_idle(core, head, ask->now);
	const struct admission_load load = {
		.half_open = stats_get(&core->stats.half_open),
		.sessions = stats_get(&core->stats.sessions),
		.sessions_max = core->sessions_max,
		.has_entry = head != NULL,
		.replaces = head != NULL && (head->half_open || head->beside != NULL),
		.has_idle = idle != NULL,
	};
	enum admission_verdict verdict =
		admission_admit(core->admission, &core->generation->limits, &load, ask);

	*ret_idle = ask->evicts ? idle : NULL;
	if (verdict != ADMISSION_PASS)
		stats_add(refusal(&core->stats, verdict), 1);
	return verdict == ADMISSION_PASS;
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
 * Gives a new session its place: the entry of its 4-tuple in the table, or beside head, which has that entry
 * and is established. Then those end that it replaces, and idle, if it is not NULL. Returns false if the table
 * is full: nothing has been taken and nothing has ended, so the client may send its hello again.
 */
static bool
take_place(struct session *session, struct session *head, struct session *idle)
{
	struct core *core = session->core;
	bool is_beside = head != NULL && !head->half_open;

	if (head == NULL && publish(session) != 0)
		return false; /* entries that were deleted may still wait for a grace period */
	if (idle != NULL)
		session_close(idle, &core->stats.sessions_evicted);
	/* One handshake at a time for a 4-tuple: the client has given the other up. */
	if (is_beside && head->beside != NULL)
		ENDED(head->beside, replaced);
	if (head != NULL) {
		head->beside = session;
		session->head = head;
		if (!is_beside)
			ENDED(head, replaced); /* leaves the table's entry to the new one */
	}
	stats_add(is_beside ? &core->stats.hello_beside : &core->stats.hello_new, 1);
	return true;
}

void
session_open(struct core *core, struct session *head, const struct session_datagram *datagram,
	const struct hg_hello *hello, struct admission_ask *ask)
{
	const struct hg_net_packet *packet = &datagram->packet;
	struct session *session, *idle;

	if (!admit(core, head, ask, &idle))
		return;
	session = make(core, datagram, hello);
	if (session == NULL) {
		stats_add(&core->stats.refused_no_memory, 1);
		return;
	}
	if (!take_place(session, head, idle)) {
		stats_add(&core->stats.refused_sessions_full, 1);
		discard(session);
		return;
	}
	enlist(session);
	take_admission(session, ask);
	hg_tls_session_enter(session->tls, hg_net_payload(packet), hg_net_payload_len(packet),
		hello->record_len, hello->cookie, hello->cookie_len);
	follow(session);
}
