/* SPDX-License-Identifier: BSD-3-Clause */
/* The worker's side of the rings to the exception thread. */
#include <stdlib.h>
#include <string.h>

#include "gateway/rings.h"
#include "port/port.h"
#include "unit.h"
#include "worker/divert.h"

#define ROOM 4u /* of a ring: three packets */
#define N 6u

static struct worker *worker;
static struct gateway gateway;
static struct queue queue[2];
static struct port port;
static struct rings_exception rings;

/* Others have the frames, too: so they go back to no pool. */
static struct {
	struct rte_mbuf mbuf;
	struct note note;
	uint8_t frame[64];
} kept[N];

static struct rte_ring *
make_ring(void)
{
	struct rte_ring *ring =
		aligned_alloc(64, ((size_t)rte_ring_get_memsize(ROOM) + 63) & ~63ul);

	assert_non_null(ring);
	assert_int_equal(rte_ring_init(ring, "test", ROOM, RING_F_SP_ENQ | RING_F_SC_DEQ), 0);
	return ring;
}

static int
open_worker(void **state)
{
	(void)state;
	worker = aligned_alloc(64, (sizeof(*worker) + 63) & ~(size_t)63);
	if (worker == NULL)
		return -1;
	memset(worker, 0, sizeof(*worker));
	port = (struct port){ .state = PORT_ABSENT };
	queue[0] = queue[1] = (struct queue){ .port = &port };
	rings = (struct rings_exception){ make_ring(), make_ring(), make_ring() };
	gateway.queue = queue;
	gateway.rings.exception = &rings;
	worker->gateway = &gateway;
	worker->burst.queue_index = 1;
	for (unsigned int i = 0; i < N; i++) {
		kept[i].mbuf = (struct rte_mbuf){ .buf_addr = kept[i].frame, .nb_segs = 1 };
		kept[i].note = (struct note){ .queue = 77 };
		rte_mbuf_refcnt_set(&kept[i].mbuf, 2);
	}
	return 0;
}

static int
close_worker(void **state)
{
	(void)state;
	free(rings.to);
	free(rings.back);
	free(rings.from);
	free(worker);
	return 0;
}

static bool
is_gone(unsigned int i)
{
	return rte_mbuf_refcnt_read(&kept[i].mbuf) == 1;
}

/* With the queue that they came by, in their order, and what has no room is dropped. */
static void
test_send(void **state)
{
	struct rte_mbuf *mbuf[N];
	void *got;

	(void)state;
	for (unsigned int i = 0; i < N; i++)
		mbuf[i] = &kept[i].mbuf;
	divert_send(worker, mbuf, 2);
	divert_send(worker, mbuf + 2, N - 2);
	assert_int_equal(stats_get(&worker->stats.to_kernel), ROOM - 1);
	assert_int_equal(stats_get(&worker->stats.drop[HG_DROP_KERNEL_FULL]), N - (ROOM - 1));
	for (unsigned int i = 0; i < ROOM - 1; i++) {
		assert_int_equal(rte_ring_sc_dequeue(rings.to, &got), 0);
		assert_ptr_equal(got, &kept[i].mbuf);
		assert_int_equal(kept[i].note.queue, 1);
	}
	for (unsigned int i = 0; i < N; i++)
		assert_int_equal(is_gone(i), i >= ROOM - 1);
}

static void
put(struct rte_ring *ring, unsigned int i, uint16_t by)
{
	kept[i].note.queue = by;
	assert_int_equal(rte_ring_sp_enqueue(ring, &kept[i].mbuf), 0);
}

/* Buffers that were read go back; frames of the kernel to their queues, or are counted as lost. */
static void
test_receive(void **state)
{
	(void)state;
	assert_int_equal(divert_receive(worker), 0);
	put(rings.back, 0, 0);
	put(rings.back, 1, 0);
	put(rings.from, 2, 1);
	put(rings.from, 3, 0);
	put(rings.from, 4, 0);
	assert_int_equal(divert_receive(worker), 5);
	for (unsigned int i = 0; i < N; i++)
		assert_int_equal(is_gone(i), i < 5);
	assert_int_equal(stats_get(&worker->stats.from_kernel), 3);
	assert_int_equal(stats_get(&worker->stats.from_kernel_tx_down), 3);
	assert_int_equal(stats_get(&worker->stats.from_kernel_tx), 0);
	assert_int_equal(divert_receive(worker), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_worker, close_worker)
	const struct CMUnitTest tests[] = {
		TEST(test_send),
		TEST(test_receive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
