/* SPDX-License-Identifier: BSD-3-Clause */
/* Who may still have something of what was taken away: rings, grace periods and their order are the test's. */
#include <string.h>

#include "lcores.h"
#include "main/quiesce.h"
#include "unit.h"

static struct lcores lcores;
static struct quiesce quiesce;
static struct rte_mbuf *packet; /* what lies in rings; nobody looks into it */

static int
begin(void **state)
{
	(void)state;
	lcores_open(&lcores);
	assert_int_equal(quiesce_init(&quiesce, &lcores.gateway.rings), 0);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	quiesce_free(&quiesce);
	lcores_close(&lcores);
	return 0;
}

static bool
is_over(void)
{
	return quiesce_is_over(&quiesce, &lcores.gateway.rings, lcores.gateway.qsbr);
}

/* Both have gone through their loops. */
static void
pass(void)
{
	lcores_quiescent(&lcores, LCORES_WORKER);
	lcores_quiescent(&lcores, LCORES_CORE);
}

static void
put(enum rings_class rank, unsigned int n)
{
	while (n-- > 0)
		assert_int_equal(rings_put(&lcores.gateway.rings, 0, 0, rank, &packet, 1), 1);
}

static void
take(enum rings_class rank, unsigned int n)
{
	struct rte_mbuf *taken;

	while (n-- > 0)
		assert_int_equal(rings_take(&lcores.gateway.rings, 0, 0, rank, &taken, 1), 1);
}

/* As if so many had gone through each ring before. */
static void
set_counts(uint64_t n)
{
	for (unsigned int i = 0; i < RINGS_CLASSES; i++) {
		atomic_store_explicit(&lcores.gateway.rings.count[i].put, n, memory_order_relaxed);
		atomic_store_explicit(
			&lcores.gateway.rings.count[i].taken, n, memory_order_relaxed);
	}
}

/* Each step takes what it waits for, and nothing else will do. */
static void
test_three_steps(void **state)
{
	(void)state;
	put(RINGS_NEW, 1);
	quiesce_begin(&quiesce, lcores.gateway.qsbr);
	assert_false(is_over());
	assert_int_equal(quiesce.step, QUIESCE_ADDED);
	lcores_quiescent(&lcores, LCORES_CORE);
	assert_false(is_over());
	assert_int_equal(quiesce.step, QUIESCE_ADDED);
	lcores_quiescent(&lcores, LCORES_WORKER);
	assert_false(is_over());
	assert_int_equal(quiesce.step, QUIESCE_QUEUED);
	for (unsigned int i = 0; i < 3; i++) {
		pass();
		assert_false(is_over());
		assert_int_equal(quiesce.step, QUIESCE_QUEUED);
	}
	take(RINGS_NEW, 1);
	assert_false(is_over());
	assert_int_equal(quiesce.step, QUIESCE_TAKEN);
	/* A worker's round says nothing of what a core has in its hands. */
	for (unsigned int i = 0; i < 3; i++) {
		lcores_quiescent(&lcores, LCORES_WORKER);
		assert_false(is_over());
	}
	lcores_quiescent(&lcores, LCORES_CORE);
	assert_true(is_over());
	assert_int_equal(quiesce.step, QUIESCE_OVER);
	assert_true(is_over());
}

/* Asked late, with all of it done meanwhile, it takes the grace period after the rings all the same. */
static void
test_asked_late(void **state)
{
	(void)state;
	quiesce_begin(&quiesce, lcores.gateway.qsbr);
	for (unsigned int i = 0; i < 5; i++) {
		put(RINGS_ESTABLISHED, 1);
		take(RINGS_ESTABLISHED, 1);
		pass();
	}
	assert_false(is_over());
	assert_int_equal(quiesce.step, QUIESCE_TAKEN);
	pass();
	assert_true(is_over());
}

/* Workers have let go before: it begins with the rings. */
static void
test_from_the_rings_on(void **state)
{
	(void)state;
	put(RINGS_PENDING, 2);
	quiesce_begin_queued(&quiesce, &lcores.gateway.rings);
	put(RINGS_PENDING, 1);
	pass();
	assert_false(is_over());
	take(RINGS_PENDING, 1);
	pass();
	assert_false(is_over());
	assert_int_equal(quiesce.step, QUIESCE_QUEUED);
	take(RINGS_PENDING, 1);
	assert_false(is_over());
	pass();
	assert_true(is_over());
	take(RINGS_PENDING, 1);
}

/* The rings' ends lie anywhere in them, and beyond what 32 bits count, and may be full. */
static void
test_rings_that_wrap(void **state)
{
	static const uint64_t before[] = { 0, RINGS_SIZE - 3, UINT32_MAX - 3, UINT64_C(1) << 32,
		UINT64_MAX / 2 };
	unsigned int room = RINGS_SIZE - 1;

	(void)state;
	for (size_t b = 0; b < sizeof(before) / sizeof(before[0]); b++) {
		set_counts(before[b]);
		for (enum rings_class rank = 0; rank < RINGS_CLASSES; rank++) {
			/* So that its end is in the middle of what lies in it. */
			put(rank, room / 2);
			take(rank, room / 2);
			put(rank, room);
			quiesce_begin(&quiesce, lcores.gateway.qsbr);
			pass();
			for (unsigned int i = 0; i < room; i++) {
				assert_false(is_over());
				assert_int_equal(quiesce.step, QUIESCE_QUEUED);
				/* What comes after it is not waited for. */
				take(rank, 1);
				put(rank, 1);
			}
			assert_false(is_over());
			assert_int_equal(quiesce.step, QUIESCE_TAKEN);
			pass();
			assert_true(is_over());
			take(rank, room);
		}
	}
}

/* A core that rests, or has ended, is offline: it has nothing, and is not waited for. */
static void
test_one_that_has_ended(void **state)
{
	(void)state;
	quiesce_begin(&quiesce, lcores.gateway.qsbr);
	rte_rcu_qsbr_thread_offline(lcores.gateway.qsbr, LCORES_CORE);
	assert_false(is_over());
	lcores_quiescent(&lcores, LCORES_WORKER);
	assert_false(is_over());
	lcores_quiescent(&lcores, LCORES_WORKER);
	assert_true(is_over());
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_three_steps),
		TEST(test_asked_late),
		TEST(test_from_the_rings_on),
		TEST(test_rings_that_wrap),
		TEST(test_one_that_has_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
