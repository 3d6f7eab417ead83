/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a session: what it takes, what it replaces, and what is left when it ends. */
#include <string.h>

#include "life.h"
#include "unit.h"

static void
test_opens(void **state)
{
	struct stats_handshake *stats = &life.lcores.core.stats;
	struct session *session = life_hello(1, 1);

	(void)state;
	life_assert("put 1, enter 1");
	assert_ptr_equal(life_head(1), session);
	assert_ptr_equal(session->listener, &life.lcores.listener[LIFE_LISTENER]);
	assert_int_equal(atomic_load(&life.lcores.listener[LIFE_LISTENER].n_sessions), 1);
	assert_int_equal(stats_get(&stats->half_open), 1);
	assert_int_equal(life.armed > LIFE_HZ / 2 && life.armed <= LIFE_HZ, 1);
	life_feed(session, HG_TLS_ESTABLISHED);
	life_assert("put 1 established");
	assert_int_equal(stats_get(&stats->half_open), 0);
	assert_int_equal(stats_get(&stats->handshakes), 1);
	assert_int_equal(life.n_sockets, 1);
	assert_int_equal(life.armed > 59 * LIFE_HZ && life.armed <= 60 * LIFE_HZ, 1);
	life.brings = 10;
	life_feed(session, HG_TLS_ESTABLISHED);
	life_assert("send 1");
	life.brings = 0;
	life_feed(session, HG_TLS_CLOSED);
	life_assert("close 1, remove 1, free 1");
	assert_int_equal(stats_get(&stats->sessions_closed), 1);
}

/* RFC 6347 4.2.8: the established session goes on until the new handshake is complete, and goes then. */
static void
test_beside(void **state)
{
	struct session *old = life_established(1, 1), *new = life_hello(1, 2);

	(void)state;
	life_assert("enter 2");
	assert_ptr_equal(life_head(1), old);
	assert_ptr_equal(old->beside, new);
	life.brings = 10;
	life_feed(old, HG_TLS_ESTABLISHED);
	life.brings = 0;
	life_assert("send 1");
	life_feed(new, HG_TLS_ESTABLISHED);
	/* There is an entry all the time. */
	life_assert("put 2 established, free 1");
	assert_ptr_equal(life_head(1), new);
	assert_null(new->head);
	assert_int_equal(stats_get(&life.lcores.core.stats.sessions_replaced), 1);
	assert_int_equal(life.n_sockets, 1);
}

static void
test_beside_that_fails(void **state)
{
	struct session *old = life_established(1, 1), *new = life_hello(1, 2);

	(void)state;
	life.told[0] = '\0';
	life_feed(new, HG_TLS_FAILED);
	life_assert("free 2");
	assert_null(old->beside);
	assert_ptr_equal(life_head(1), old);
	/* A hello that is refused at once. */
	life.next = HG_TLS_FAILED;
	life_hello(1, 3);
	life.next = HG_TLS_HANDSHAKE;
	life_assert("enter 3, free 3");
	assert_null(old->beside);
	assert_int_equal(stats_get(&life.lcores.core.stats.sessions_failed), 2);
}

/* One handshake at a time, beside an established session or without one. */
static void
test_replaced(void **state)
{
	struct session *old = life_established(1, 1), *new;

	(void)state;
	life_hello(1, 2);
	life_assert("enter 2");
	new = life_hello(1, 3);
	life_assert("free 2, enter 3");
	assert_ptr_equal(old->beside, new);
	life_hello(2, 4);
	life_assert("put 4, enter 4");
	new = life_hello(2, 5);
	life_assert("put 5, free 4, enter 5");
	assert_ptr_equal(life_head(2), new);
	assert_null(new->head);
	assert_int_equal(stats_get(&life.lcores.core.stats.sessions_replaced), 2);
	assert_int_equal(stats_get(&life.lcores.core.stats.half_open), 2);
}

/* The established session ends first: the handshake beside it goes on in its place. */
static void
test_head_ends(void **state)
{
	struct session *old = life_established(1, 1), *new = life_hello(1, 2);

	(void)state;
	life.told[0] = '\0';
	life_feed(old, HG_TLS_CLOSED);
	life_assert("close 1, put 2, free 1");
	assert_ptr_equal(life_head(1), new);
	life_feed(new, HG_TLS_ESTABLISHED);
	life_assert("put 2 established");
	life_feed(new, HG_TLS_FAILED);
	life_assert("remove 2, free 2");
	assert_int_equal(stats_get(&life.lcores.core.stats.sessions_broken), 1);
}

/* The timer: a flight again, the end of a handshake that takes too long, of a session that nobody uses. */
static void
test_expires(void **state)
{
	struct stats_handshake *stats = &life.lcores.core.stats;
	struct session *session = life_hello(1, 1);
	struct session_datagram datagram = life_datagram(1);

	(void)state;
	life.told[0] = '\0';
	session_expire(session);
	life_assert("repeat 1");
	session->opened -= life.generation.handshake_cycles;
	session_expire(session);
	life_assert("remove 1, free 1");
	assert_int_equal(stats_get(&stats->sessions_half_open_expired), 1);
	assert_null(life_head(1));
	life.next = HG_TLS_FAILED;
	session = life_hello(1, 2);
	assert_int_equal(stats_get(&stats->sessions_failed), 1);
	life.next = HG_TLS_HANDSHAKE;
	session = life_hello(1, 3);
	life.next = HG_TLS_FAILED;
	session_expire(session);
	assert_int_equal(stats_get(&stats->sessions_failed), 2);
	life.next = HG_TLS_HANDSHAKE;

	session = life_established(1, 4);
	session_expire(session);
	life_assert("");
	session->last_active -= life.config.idle_timeout * LIFE_HZ;
	session_expire(session);
	life_assert("close 4, remove 4, free 4");
	assert_int_equal(stats_get(&stats->sessions_idle), 1);
	/* It broke when something was sent: it ends without a word. */
	session = life_established(1, 5);
	session->tls->state = HG_TLS_FAILED;
	session_expire(session);
	life_assert("remove 5, free 5");
	assert_int_equal(stats_get(&stats->sessions_broken), 1);
	assert_null(flows_find(NULL, &datagram.key));
}

/* The way to the client follows its authentic datagrams, and no others. */
static void
test_path(void **state)
{
	struct session *session = life_established(1, 1);
	struct session_datagram datagram = life_datagram(1);
	struct hg_net_path before = session->path;

	(void)state;
	datagram.queue = 7;
	datagram.packet.frame[6] ^= 0x10; /* another MAC address */
	life.next = HG_TLS_ESTABLISHED;
	session_feed(session, &datagram);
	assert_int_equal(session->queue, 0);
	assert_memory_equal(&session->path, &before, sizeof(before));
	life.brings = 1;
	session_feed(session, &datagram);
	life.brings = 0;
	assert_int_equal(session->queue, 7);
	assert_memory_not_equal(&session->path, &before, sizeof(before));
	session->queue = 0; /* there is no other */
}

/* A session without a socket lives, as an upstream that is down is no reason to end it. */
static void
test_no_socket(void **state)
{
	(void)state;
	life.no_socket = true;
	life_established(1, 1);
	assert_int_equal(stats_get(&life.lcores.core.stats.upstream_errors), 1);
	assert_non_null(life_head(1));
}

/* Whoever ends is in no list any more, wherever it was. */
static void
test_lists(void **state)
{
	struct session *first, *second, *third;

	(void)state;
	first = life_hello(1, 1);
	second = life_hello(2, 2);
	third = life_established(3, 3);
	assert_ptr_equal(life.lcores.core.unchecked, first);
	life.lcores.core.unchecked = second;
	core_call(second);
	core_call(first);
	core_call(first);
	life_feed(second, HG_TLS_FAILED);
	assert_ptr_equal(life.lcores.core.unchecked, third);
	assert_ptr_equal(TAILQ_FIRST(&life.lcores.core.due), first);
	assert_null(TAILQ_NEXT(first, due));
	life_feed(third, HG_TLS_CLOSED);
	assert_null(life.lcores.core.unchecked);
	assert_true(TAILQ_EMPTY(&life.lcores.core.quiet));
	/* One that comes later is looked at. */
	first = life_hello(4, 4);
	assert_ptr_equal(life.lcores.core.unchecked, first);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, life_open, life_close)
	const struct CMUnitTest tests[] = {
		TEST(test_opens),
		TEST(test_beside),
		TEST(test_beside_that_fails),
		TEST(test_replaced),
		TEST(test_head_ends),
		TEST(test_expires),
		TEST(test_path),
		TEST(test_no_socket),
		TEST(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
