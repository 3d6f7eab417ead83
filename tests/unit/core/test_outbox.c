/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets from a core to clients: what they look like, and what becomes of them when a worker is slow. */
#include <rte_mempool.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/outbox.h"
#include "frames.h"
#include "lcores.h"
#include "unit.h"

#define FRAME_ROOM 2048u

static struct lcores lcores;
static struct session session;
static struct rte_mempool pool;
static unsigned int n_used, n_buffers; /* of the pool */
static uint64_t hz;                    /* cycles of the second that a full ring is waited for */
static unsigned int n_rests,
	n_taken; /* by a core that waits; packets that the worker takes meanwhile */

struct buffer {
	struct rte_mbuf mbuf;
	_Alignas(8) uint8_t private[NOTE_ROOM];
	uint8_t data[RTE_PKTMBUF_HEADROOM + FRAME_ROOM];
};

static int
take_buffers(struct rte_mempool *mp, void **table, unsigned int n)
{
	if (n_used + n > n_buffers)
		return -ENOBUFS;
	for (unsigned int i = 0; i < n; i++) {
		struct buffer *buffer = aligned_alloc(64, RTE_ALIGN(sizeof(*buffer), 64));

		assert_non_null(buffer);
		memset(buffer, 0, sizeof(*buffer));
		buffer->mbuf.buf_addr = buffer->data;
		buffer->mbuf.buf_len = sizeof(buffer->data);
		buffer->mbuf.priv_size = NOTE_ROOM;
		buffer->mbuf.pool = mp;
		buffer->mbuf.nb_segs = 1;
		rte_mbuf_refcnt_set(&buffer->mbuf, 1);
		table[i] = &buffer->mbuf;
		n_used++;
	}
	return 0;
}

static int
give_buffers(struct rte_mempool *mp, void *const *table, unsigned int n)
{
	(void)mp;
	for (unsigned int i = 0; i < n; i++)
		free(table[i]);
	n_used -= n;
	return 0;
}

static unsigned int
count_buffers(const struct rte_mempool *mp)
{
	(void)mp;
	return n_buffers - n_used;
}

static int
alloc_none(struct rte_mempool *mp)
{
	(void)mp;
	return 0;
}

uint64_t
rte_get_tsc_hz(void)
{
	return hz;
}

static struct rte_ring *
ring(void)
{
	return lcores.gateway.rings.out[0];
}

/* The worker takes n packets, or as many as there are. Returns how many. */
static unsigned int
take(unsigned int n)
{
	struct rte_mbuf *mbuf = NULL;
	unsigned int i;

	for (i = 0; i < n && rte_ring_sc_dequeue(ring(), (void **)&mbuf) == 0; i++)
		rte_pktmbuf_free(mbuf);
	return i;
}

void
idle_rest(uint32_t microseconds)
{
	assert_uint_in_range(microseconds, 1, 1000);
	n_rests++;
	take(n_taken);
}

static int
make_pool(void **state)
{
	static const struct rte_mempool_ops ops = {
		.name = "test",
		.alloc = alloc_none,
		.enqueue = give_buffers,
		.dequeue = take_buffers,
		.get_count = count_buffers,
	};
	int index = rte_mempool_register_ops(&ops);

	(void)state;
	pool.ops_index = index;
	pool.elt_size = sizeof(struct buffer);
	return index < 0;
}

static int
open_core(void **state)
{
	struct hg_net_packet packet;
	static struct frame frame;

	(void)state;
	lcores_open(&lcores);
	lcores.core.pool = &pool;
	atomic_store(&lcores.port.mtu, 1500);
	frame_udp(&frame, 4, 1, "hello", 5);
	packet = (struct hg_net_packet){
		.frame = frame.bytes,
		.l3 = frame.bytes + frame.l3,
		.l4 = frame.bytes + frame.l4,
		.l4_len = 13,
		.family = 4,
		.protocol = HG_NET_UDP,
	};
	session = (struct session){ .core = &lcores.core };
	hg_net_path_init(&session.path, &packet);
	n_used = n_rests = n_taken = 0;
	n_buffers = 4 * RINGS_SIZE;
	hz = UINT64_C(1) << 50;
	return 0;
}

/* All that was sent has gone one way or the other, and no buffer is lost. */
static int
close_core(void **state)
{
	(void)state;
	outbox_flush(&lcores.core, false);
	take(UINT32_MAX);
	assert_int_equal(n_used, 0);
	lcores_close(&lcores);
	return 0;
}

static bool
send_one(uint8_t first)
{
	uint8_t datagram[100] = { first };

	return outbox_send(&session, datagram, sizeof(datagram));
}

static void
send_many(unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		assert_true(send_one((uint8_t)i));
}

static void
assert_counted(uint64_t packets, uint64_t dropped)
{
	assert_int_equal(stats_get(&lcores.core.stats.out_packets), packets);
	assert_int_equal(stats_get(&lcores.core.stats.out_dropped), dropped);
}

/* As the packet came, so goes its answer; the worker finds in the note how to send it. */
static void
test_packet(void **state)
{
	const uint8_t payload[100] = { 42 };
	struct frame wanted;
	static struct rte_mbuf none;
	struct rte_mbuf *mbuf = &none;

	(void)state;
	assert_true(send_one(42));
	assert_int_equal(rte_ring_count(ring()), 0); /* not before the round is over */
	outbox_flush(&lcores.core, false);
	assert_int_equal(rte_ring_sc_dequeue(ring(), (void **)&mbuf), 0);
	frame_udp_answer(&wanted, 4, 1, payload, sizeof(payload), true);
	assert_int_equal(mbuf->pkt_len, wanted.len);
	assert_int_equal(mbuf->data_len, wanted.len);
	assert_memory_equal(rte_pktmbuf_mtod(mbuf, uint8_t *), wanted.bytes, wanted.len);
	assert_int_equal(note_of(mbuf)->kind, NOTE_OUT);
	assert_int_equal(note_of(mbuf)->family, 4);
	assert_int_equal(note_of(mbuf)->queue, 0);
	assert_int_equal(note_of(mbuf)->l3, wanted.l3);
	rte_pktmbuf_free(mbuf);
	assert_counted(1, 0);
}

/* More than a burst goes in several, and in order. */
static void
test_order(void **state)
{
	struct rte_mbuf *mbuf = NULL;

	(void)state;
	send_many(3 * CORE_BURST + 1);
	assert_int_equal(rte_ring_count(ring()), 3 * CORE_BURST);
	outbox_flush(&lcores.core, false);
	for (unsigned int i = 0; i < 3 * CORE_BURST + 1; i++) {
		assert_int_equal(rte_ring_sc_dequeue(ring(), (void **)&mbuf), 0);
		assert_int_equal(
			*rte_pktmbuf_mtod_offset(mbuf, uint8_t *, session.path.header_len), i);
		rte_pktmbuf_free(mbuf);
	}
	assert_counted(3 * CORE_BURST + 1, 0);
}

/* A full ring is not waited for: what has no room is dropped, and what comes later has its chance. */
static void
test_full(void **state)
{
	unsigned int capacity = rte_ring_get_capacity(ring());

	(void)state;
	send_many(capacity + CORE_BURST);
	outbox_flush(&lcores.core, false);
	assert_counted(capacity, CORE_BURST);
	assert_int_equal(n_rests, 0);
	assert_int_equal(n_used, capacity);
	assert_int_equal(take(10), 10);
	send_many(20);
	outbox_flush(&lcores.core, false);
	assert_counted(capacity + 10, CORE_BURST + 10);
}

/* When draining it is, as long as the worker goes on. */
static void
test_waits(void **state)
{
	unsigned int capacity = rte_ring_get_capacity(ring());

	(void)state;
	lcores.core.draining = true;
	n_taken = 5;
	send_many(capacity + 2 * CORE_BURST + 3);
	outbox_flush(&lcores.core, true);
	assert_uint_in_range(n_rests, (2 * CORE_BURST + 3) / 5, (2 * CORE_BURST + 3) / 5 + 3);
	assert_counted(capacity + 2 * CORE_BURST + 3, 0);
}

/* A worker that takes nothing for a second is stuck, and costs no second more. */
static void
test_stuck(void **state)
{
	unsigned int capacity = rte_ring_get_capacity(ring());

	(void)state;
	lcores.core.draining = true;
	hz = 0;
	send_many(capacity);
	outbox_flush(&lcores.core, true);
	assert_int_equal(n_rests, 0);
	send_many(3);
	outbox_flush(&lcores.core, true);
	assert_int_equal(n_rests, 1);
	assert_counted(capacity, 3);
	send_many(2 * CORE_BURST);
	outbox_flush(&lcores.core, true);
	assert_int_equal(n_rests, 1);
	assert_counted(capacity, 3 + 2 * CORE_BURST);
}

/* Who sends is told at once what cannot go. */
static void
test_no_buffer(void **state)
{
	(void)state;
	n_buffers = 2;
	send_many(2);
	assert_false(send_one(2));
	assert_counted(0, 1);
	outbox_flush(&lcores.core, false);
	assert_counted(2, 1);
	assert_int_equal(take(1), 1);
	assert_true(send_one(3));
}

/* Neither VLAN tags nor other headers of the link layer are part of the MTU. */
static void
test_too_long(void **state)
{
	uint8_t datagram[1501] = { 0 };
	size_t room = outbox_room(&session);

	(void)state;
	assert_int_equal(room, 1500 - 20 - 8);
	assert_true(outbox_send(&session, datagram, room));
	assert_false(outbox_send(&session, datagram, room + 1));
	assert_counted(0, 1);
	atomic_store(&lcores.port.mtu, 28);
	assert_int_equal(outbox_room(&session), 0);
	assert_false(outbox_send(&session, datagram, 1));
	atomic_store(&lcores.port.mtu, 20);
	assert_int_equal(outbox_room(&session), 0);
	assert_counted(0, 2);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_core, close_core)
	const struct CMUnitTest tests[] = {
		TEST(test_packet),
		TEST(test_order),
		TEST(test_full),
		TEST(test_waits),
		TEST(test_stuck),
		TEST(test_no_buffer),
		TEST(test_too_long),
	};

	return cmocka_run_group_tests(tests, make_pool, NULL);
}
