/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "gateway/rings.h"
#include "unit.h"

#define WORKERS 2u
#define CORES 2u
#define N (WORKERS * CORES * RINGS_CLASSES)

/* As rings_create() makes them, in memory that needs no EAL. */
static struct rings rings;
static struct rte_mbuf mbuf[RINGS_SIZE];

static int
create(void **state)
{
	size_t size = ((size_t)rte_ring_get_memsize(RINGS_SIZE) + 63) & ~(size_t)63;

	(void)state;
	rings = (struct rings){
		.n_workers = WORKERS,
		.n_cores = CORES,
		.in = calloc(N, sizeof(*rings.in)),
		.count = aligned_alloc(_Alignof(struct rings_count), N * sizeof(*rings.count)),
	};
	if (rings.in == NULL || rings.count == NULL)
		return -1;
	memset(rings.count, 0, N * sizeof(*rings.count));
	for (unsigned int i = 0; i < N; i++) {
		rings.in[i] = aligned_alloc(64, size);
		if (rings.in[i] == NULL || rte_ring_init(rings.in[i], "in", RINGS_SIZE,
						   RING_F_SP_ENQ | RING_F_SC_DEQ) != 0)
			return -1;
	}
	return 0;
}

static int
destroy(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < N; i++)
		free(rings.in[i]);
	free(rings.in);
	free(rings.count);
	return 0;
}

static void
put(unsigned int worker, unsigned int core, enum rings_class rank, unsigned int n)
{
	struct rte_mbuf *some[RINGS_SIZE] = { NULL };

	for (unsigned int i = 0; i < n; i++)
		some[i] = &mbuf[i];
	assert_int_equal(rings_put(&rings, worker, core, rank, some, n), n);
}

static void
take(unsigned int worker, unsigned int core, enum rings_class rank, unsigned int n)
{
	struct rte_mbuf *some[RINGS_SIZE] = { NULL };

	assert_int_equal(rings_take(&rings, worker, core, rank, some, n), n);
	for (unsigned int i = 0; i < n; i++)
		assert_true(some[i] >= mbuf && some[i] < mbuf + RINGS_SIZE);
}

static void
test_empty_rings_are_passed_at_once(void **state)
{
	uint64_t end[N];

	(void)state;
	rings_sample(&rings, end);
	assert_true(rings_passed(&rings, end));
}

static void
test_each_ring_is_waited_for(void **state)
{
	uint64_t end[N];

	(void)state;
	for (unsigned int worker = 0; worker < WORKERS; worker++)
		for (unsigned int core = 0; core < CORES; core++)
			for (unsigned int rank = 0; rank < RINGS_CLASSES; rank++) {
				put(worker, core, rank, 3);
				rings_sample(&rings, end);
				take(worker, core, rank, 2);
				assert_false(rings_passed(&rings, end));
				take(worker, core, rank, 1);
				assert_true(rings_passed(&rings, end));
			}
}

static void
test_what_comes_later_is_not_waited_for(void **state)
{
	uint64_t end[N], later[N];

	(void)state;
	put(1, 0, RINGS_NEW, 2);
	rings_sample(&rings, end);
	put(1, 0, RINGS_NEW, 5);
	put(0, 1, RINGS_PENDING, 1);
	rings_sample(&rings, later);
	take(1, 0, RINGS_NEW, 2);
	assert_true(rings_passed(&rings, end));
	assert_false(rings_passed(&rings, later));
	take(1, 0, RINGS_NEW, 5);
	assert_false(rings_passed(&rings, later));
	take(0, 1, RINGS_PENDING, 1);
	assert_true(rings_passed(&rings, later));
}

/* What has found no room was not put in. */
static void
test_a_full_ring_is_passed_when_it_is_empty(void **state)
{
	struct rte_mbuf *some[RINGS_SIZE] = { NULL };
	uint64_t end[N];

	(void)state;
	assert_int_equal(rings_put(&rings, 0, 0, RINGS_ESTABLISHED, some, RINGS_SIZE), 511);
	assert_int_equal(rings_put(&rings, 0, 0, RINGS_ESTABLISHED, some, 1), 0);
	rings_sample(&rings, end);
	assert_int_equal(
		rings_take(&rings, 0, 0, RINGS_ESTABLISHED, some, RINGS_SIZE), RINGS_SIZE - 1);
	assert_int_equal(rings_take(&rings, 0, 0, RINGS_ESTABLISHED, some, 1), 0);
	assert_true(rings_passed(&rings, end));
}

/* The indices of a ring have 32 bits; these counts outlive them. */
static void
test_rings_that_have_turned_many_times(void **state)
{
	const uint64_t much = (UINT64_C(3) << 32) - 1;
	uint64_t end[N];

	(void)state;
	for (unsigned int i = 0; i < N; i++) {
		atomic_init(&rings.count[i].put, much);
		atomic_init(&rings.count[i].taken, much);
	}
	put(0, 1, RINGS_ESTABLISHED, 2);
	rings_sample(&rings, end);
	take(0, 1, RINGS_ESTABLISHED, 1);
	assert_false(rings_passed(&rings, end));
	take(0, 1, RINGS_ESTABLISHED, 1);
	assert_true(rings_passed(&rings, end));
}

/* Round and round by pieces of all sizes: what comes out is what went in, in that order. */
static void
test_wrap(void **state)
{
	struct rte_mbuf *some[RINGS_SIZE] = { NULL };
	unsigned int in = 0, out = 0, held = 0, times_full = 0, times_empty = 0;

	(void)state;
	for (unsigned int round = 0; round < 5000; round++) {
		unsigned int n = round * (round / 1000 % 2 + 1) % 37, free = RINGS_SIZE - 1 - held,
			     put, taken;

		for (unsigned int i = 0; i < n; i++)
			some[i] = &mbuf[(in + i) % RINGS_SIZE];
		put = rings_put(&rings, 1, 1, RINGS_PENDING, some, n);
		assert_int_equal(put, n < free ? n : free);
		in += put;
		held += put;
		assert_int_equal(rings_level(rings_in(&rings, 1, 1, RINGS_PENDING)), held);
		n = round * (2 - round / 1000 % 2) % 37;
		taken = rings_take(&rings, 1, 1, RINGS_PENDING, some, n);
		assert_int_equal(taken, n < held ? n : held);
		for (unsigned int i = 0; i < taken; i++)
			assert_ptr_equal(some[i], &mbuf[(out + i) % RINGS_SIZE]);
		out += taken;
		held -= taken;
		times_full += put < n || put == free;
		times_empty += held == 0;
	}
	assert_true(in > 40 * RINGS_SIZE && times_full > 0 && times_empty > 0);
	assert_int_equal(
		stats_get(&rings.count[rings_index_in(&rings, 1, 1, RINGS_PENDING)].put), in);
	assert_int_equal(
		stats_get(&rings.count[rings_index_in(&rings, 1, 1, RINGS_PENDING)].taken), out);
}

/* A flood of one class, or between one pair, takes no room from another. */
static void
test_full_alone(void **state)
{
	struct rte_mbuf *some[RINGS_SIZE] = { NULL };

	(void)state;
	assert_int_equal(rings_put(&rings, 1, 0, RINGS_NEW, some, RINGS_SIZE), RINGS_SIZE - 1);
	for (unsigned int worker = 0; worker < WORKERS; worker++)
		for (unsigned int core = 0; core < CORES; core++)
			for (enum rings_class rank = 0; rank < RINGS_CLASSES; rank++) {
				bool full = worker == 1 && core == 0 && rank == RINGS_NEW;

				assert_int_equal(rings_level(rings_in(&rings, worker, core, rank)),
					full ? RINGS_SIZE - 1 : 0);
				assert_int_equal(rings_put(&rings, worker, core, rank, some, 1),
					full ? 0 : 1);
			}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, create, destroy)
	const struct CMUnitTest tests[] = {
		TEST(test_empty_rings_are_passed_at_once),
		TEST(test_each_ring_is_waited_for),
		TEST(test_what_comes_later_is_not_waited_for),
		TEST(test_a_full_ring_is_passed_when_it_is_empty),
		TEST(test_rings_that_have_turned_many_times),
		TEST(test_wrap),
		TEST(test_full_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
