/* SPDX-License-Identifier: BSD-3-Clause */
#include "life.h"

#include <rte_timer.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "core/socket.h"
#include "frames.h"
#include "marking.h"
#include "unit.h"

struct life life;

static void
tell(const char *what, unsigned int number, const char *how)
{
	size_t len = strlen(life.told);

	snprintf(life.told + len, sizeof(life.told) - len, "%s%s %u%s", len == 0 ? "" : ", ", what,
		number, how);
}

void
life_assert(const char *wanted)
{
	assert_string_equal(life.told, wanted);
	life.told[0] = '\0';
}

static unsigned int
number_of(void *data)
{
	const struct session *session = flow_session(data);

	return session->tls->number;
}

static unsigned int
find_slot(const struct flow_key *key)
{
	for (unsigned int i = 0; i < LIFE_SLOTS; i++)
		if (life.slot[i].data != NULL && memcmp(&life.slot[i].key, key, sizeof(*key)) == 0)
			return i;
	return LIFE_SLOTS;
}

void *
flows_find(const struct rte_hash *table, const struct flow_key *key)
{
	unsigned int i = find_slot(key);

	(void)table;
	return i < LIFE_SLOTS ? flow_session(life.slot[i].data) : NULL;
}

int
flows_put(struct rte_hash *table, const struct flow_key *key, void *data)
{
	unsigned int i = find_slot(key);

	(void)table;
	if (i == LIFE_SLOTS)
		for (i = 0; i < life.slots && life.slot[i].data != NULL; i++)
			;
	if (i >= life.slots) {
		tell("no slot for", number_of(data), "");
		return -ENOSPC;
	}
	life.slot[i].key = *key;
	life.slot[i].data = data;
	tell("put", number_of(data), flow_is_established(data) ? " established" : "");
	return 0;
}

void
flows_remove(struct rte_hash *table, const struct flow_key *key)
{
	unsigned int i = find_slot(key);

	(void)table;
	assert_true(i < LIFE_SLOTS);
	tell("remove", number_of(life.slot[i].data), "");
	life.slot[i].data = NULL;
}

struct hg_tls_session *
hg_tls_session_new(const struct hg_tls_context *context, size_t flight_max, hg_tls_send_fn *send,
	hg_tls_ignored_fn *ignored, void *arg)
{
	struct hg_tls_session *tls = life.no_tls ? NULL : calloc(1, sizeof(*tls));

	(void)context;
	(void)send;
	(void)ignored;
	(void)arg;
	assert_int_equal(flight_max, 1280 - 40 - 8);
	if (tls == NULL)
		return NULL;
	tls->number = ++life.n_made;
	life.n_alive++;
	return tls;
}

void
hg_tls_session_free(struct hg_tls_session *tls)
{
	tell("free", tls->number, "");
	life.n_alive--;
	free(tls);
}

static enum hg_tls_state
advance(struct hg_tls_session *tls)
{
	tls->state = life.next;
	tls->unread = life.brings;
	return life.next;
}

enum hg_tls_state
hg_tls_session_enter(struct hg_tls_session *tls, const uint8_t *hello, size_t len,
	size_t record_len, const uint8_t *cookie, size_t cookie_len)
{
	(void)hello;
	(void)len;
	(void)record_len;
	(void)cookie;
	(void)cookie_len;
	tell("enter", tls->number, "");
	return advance(tls);
}

enum hg_tls_state
hg_tls_session_feed(struct hg_tls_session *tls, const uint8_t *datagram, size_t len)
{
	(void)datagram;
	(void)len;
	return advance(tls);
}

size_t
hg_tls_session_read(struct hg_tls_session *tls, uint8_t *buffer, size_t size)
{
	size_t n = tls->unread;

	(void)buffer;
	assert_true(n <= size);
	tls->unread = 0;
	return n;
}

enum hg_tls_state
hg_tls_session_state(const struct hg_tls_session *tls)
{
	return tls->state;
}

bool
hg_tls_session_resumed(const struct hg_tls_session *tls)
{
	(void)tls;
	return false;
}

int64_t
hg_tls_session_timeout(struct hg_tls_session *tls)
{
	(void)tls;
	return 1000000;
}

enum hg_tls_state
hg_tls_session_expire(struct hg_tls_session *tls)
{
	tell("repeat", tls->number, "");
	return advance(tls);
}

unsigned int
hg_tls_session_reductions(const struct hg_tls_session *tls)
{
	(void)tls;
	return 0;
}

void
hg_tls_session_close(struct hg_tls_session *tls)
{
	tell("close", tls->number, "");
}

int
socket_open(struct session *session)
{
	if (life.no_socket)
		return -EMFILE;
	session->socket = 1;
	life.n_sockets++;
	return 0;
}

void
socket_close(struct session *session)
{
	life.n_sockets -= session->socket >= 0;
	session->socket = -1;
}

void
socket_send(struct session *session, const uint8_t *data, size_t len)
{
	(void)data;
	tell("send", session->tls->number, "");
	assert_int_equal(len, life.brings);
}

uint64_t
rte_get_tsc_hz(void)
{
	return LIFE_HZ;
}

void
rte_timer_reset_sync(struct rte_timer *timer, uint64_t ticks, enum rte_timer_type type,
	unsigned int lcore, rte_timer_cb_t callback, void *arg)
{
	(void)lcore;
	(void)callback;
	assert_int_equal(type, SINGLE);
	assert_ptr_equal(timer, &((struct session *)arg)->timer);
	life.armed = ticks;
}

void
rte_timer_stop_sync(struct rte_timer *timer)
{
	(void)timer;
}

int
life_open(void **state)
{
	void *memory = calloc(1, clients_size(LIFE_CLIENTS));
	struct core *core = &life.lcores.core;

	(void)state;
	assert_non_null(memory);
	lcores_open(&life.lcores);
	atomic_store(&life.lcores.port.mtu, 1500);
	life.config = (struct config_listener){ .flight_mtu = 1280, .idle_timeout = 60 };
	life.lcores.listener[LIFE_LISTENER].config = &life.config;
	life.admission = (struct admission){ .used = marking_make(64, 65, LIFE_HZ, 1) };
	clients_init(&life.admission.clients, memory, LIFE_CLIENTS, 1);
	life.admission.clients.with_sessions = true;
	life.generation = (struct generation){
		.limits = { .half_open = 10, .evict_cycles = LIFE_IDLE },
		.handshake_cycles = 10 * LIFE_HZ,
	};
	life.generation.limits.clients.sessions = 10;
	core->generation = &life.generation;
	core->admission = &life.admission;
	core->sessions_max = LIFE_MAX;
	TAILQ_INIT(&core->due);
	TAILQ_INIT(&core->quiet);
	memset(life.slot, 0, sizeof(life.slot));
	life.n_made = 0;
	life.slots = LIFE_SLOTS;
	life.next = HG_TLS_HANDSHAKE;
	life.brings = 0;
	life.no_tls = life.no_socket = false;
	life.told[0] = '\0';
	return 0;
}

int
life_close(void **state)
{
	struct core *core = &life.lcores.core;
	struct stats_handshake *stats = &core->stats;

	(void)state;
	while (!TAILQ_EMPTY(&core->sessions))
		session_close(TAILQ_FIRST(&core->sessions), &stats->sessions_drained);
	assert_true(TAILQ_EMPTY(&core->due) && TAILQ_EMPTY(&core->quiet));
	assert_null(core->unchecked);
	assert_int_equal(life.n_alive, 0);
	assert_int_equal(life.n_sockets, 0);
	assert_int_equal(stats_get(&stats->sessions), 0);
	assert_int_equal(stats_get(&stats->half_open), 0);
	assert_int_equal(stats_get(&stats->sessions_opened),
		stats_get(&stats->sessions_failed) + stats_get(&stats->sessions_half_open_expired) +
			stats_get(&stats->sessions_replaced) + stats_get(&stats->sessions_closed) +
			stats_get(&stats->sessions_broken) + stats_get(&stats->sessions_idle) +
			stats_get(&stats->sessions_evicted) + stats_get(&stats->sessions_removed) +
			stats_get(&stats->sessions_drained));
	assert_int_equal(stats_get(&stats->sessions_opened),
		stats_get(&stats->hello_new) + stats_get(&stats->hello_beside));
	assert_int_equal(atomic_load(&life.lcores.listener[LIFE_LISTENER].n_sessions), 0);
	for (unsigned int i = 0; i < LIFE_SLOTS; i++)
		assert_null(life.slot[i].data);
	for (unsigned int i = 0; life.admission.clients.table != NULL && i < LIFE_CLIENTS; i++) {
		assert_int_equal(atomic_load(&life.admission.clients.table[i].half_open), 0);
		assert_int_equal(atomic_load(&life.admission.clients.table[i].sessions), 0);
	}
	free(life.admission.clients.table);
	free(life.admission.used.table);
	lcores_close(&life.lcores);
	return 0;
}

struct session_datagram
life_datagram(uint16_t port)
{
	static struct frame frame;
	struct session_datagram datagram = { .listener = LIFE_LISTENER };

	frame_udp(&frame, 4, 0, "0123456789", 10);
	frame.bytes[frame.l4] = (uint8_t)(port >> 8);
	frame.bytes[frame.l4 + 1] = (uint8_t)port;
	datagram.packet = (struct hg_net_packet){
		.frame = frame.bytes,
		.l3 = frame.bytes + frame.l3,
		.l4 = frame.bytes + frame.l4,
		.l4_len = 18,
		.family = 4,
		.protocol = HG_NET_UDP,
	};
	flow_key_fill(&datagram.key, &datagram.packet);
	return datagram;
}

struct session *
life_head(uint16_t port)
{
	struct session_datagram datagram = life_datagram(port);

	return flows_find(NULL, &datagram.key);
}

struct session *
life_hello(uint16_t port, uint8_t number)
{
	struct session_datagram datagram = life_datagram(port);
	uint64_t opened = stats_get(&life.lcores.core.stats.sessions_opened);
	static const uint8_t cookie[20] = { 0x21 };
	uint8_t client[35] = { [33] = number };
	struct hg_hello hello = {
		.client = client,
		.cookie = cookie,
		.client_len = sizeof(client),
		.cookie_len = sizeof(cookie),
		.message_seq = 1,
		.record_len = 100,
	};
	struct session *head = life_head(port);
	struct admission_ask ask;

	assert_true(admission_begin(&life.admission, &datagram.key, &hello,
		rte_get_tsc_cycles() + 1000 * LIFE_IDLE, &ask));
	session_open(&life.lcores.core, head, &datagram, &hello, &ask);
	if (stats_get(&life.lcores.core.stats.sessions_opened) == opened)
		return NULL;
	assert_false(admission_begin(&life.admission, &datagram.key, &hello, ask.now, &ask));
	return TAILQ_LAST(&life.lcores.core.sessions, session_list);
}

void
life_feed(struct session *session, enum hg_tls_state state)
{
	struct session_datagram datagram = life_datagram(hg_load_be16(session->key.tuple + 8));

	life.next = state;
	session_feed(session, &datagram);
	life.next = HG_TLS_HANDSHAKE;
}

struct session *
life_established(uint16_t port, uint8_t number)
{
	struct session *session = life_hello(port, number);

	assert_non_null(session);
	life_feed(session, HG_TLS_ESTABLISHED);
	life.told[0] = '\0';
	return session;
}
