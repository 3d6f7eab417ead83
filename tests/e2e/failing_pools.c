/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD, as EAL's -d takes no library below a directory like /tmp, and for EAL's option
 * --mbuf-pool-ops-name: mempool operations "hg_failing", which are those of a ring, but for pools
 * whose names begin with HG_FAILING_POOLS: these have no buffer left from one SIGURG to the next,
 * which is told on stderr, as is the first time that somebody wants one in vain. What lcores keep in
 * their caches goes on being used. With HG_FAILING_POOLS_STALL whoever wants one then gets it, but the
 * first one half a second later, which is told too; and lcores keep none.
 */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_mempool.h>
#include <rte_ring.h>

static atomic_bool failing, refused;
static const char *failing_pools;
static bool stalls;

static void
on_signal(int signal)
{
	static const char said[2][12] = { "pools work\n", "pools fail\n" };
	bool now = !atomic_load(&failing);
	ssize_t written;

	(void)signal;
	atomic_store(&refused, false);
	atomic_store(&failing, now);
	written = write(STDERR_FILENO, said[now], strlen(said[now]));
	(void)written;
}

struct rte_mempool *
rte_mempool_create_empty(const char *name, unsigned int n, unsigned int element, unsigned int cache,
	unsigned int private, int socket, unsigned int flags)
{
	static struct rte_mempool *(*real)(const char *, unsigned int, unsigned int, unsigned int,
		unsigned int, int, unsigned int);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "rte_mempool_create_empty");
	return real(name, n, element, stalls ? 0 : cache, private, socket, flags);
}

static int
ops_alloc(struct rte_mempool *pool)
{
	char name[RTE_RING_NAMESIZE];

	if (snprintf(name, sizeof(name), "%s", pool->name) >= (int)sizeof(name))
		return -ENAMETOOLONG;
	pool->pool_data = rte_ring_create(name, pool->size, pool->socket_id, RING_F_EXACT_SZ);
	return pool->pool_data != NULL ? 0 : -rte_errno;
}

static void
ops_free(struct rte_mempool *pool)
{
	rte_ring_free(pool->pool_data);
}

static int
ops_enqueue(struct rte_mempool *pool, void *const *object, unsigned int n)
{
	return rte_ring_mp_enqueue_bulk(pool->pool_data, object, n, NULL) != 0 ? 0 : -ENOBUFS;
}

/* The middle of a burst takes long. */
static void
stall(const char *pool)
{
	const struct timespec moment = { .tv_nsec = 500000000 };

	fprintf(stderr, "pool %s stalls\n", pool);
	nanosleep(&moment, NULL);
}

static int
ops_dequeue(struct rte_mempool *pool, void **object, unsigned int n)
{
	if (atomic_load(&failing) &&
		strncmp(pool->name, failing_pools, strlen(failing_pools)) == 0) {
		bool first = !atomic_exchange(&refused, true);

		if (first && stalls)
			stall(pool->name);
		if (stalls)
			goto give;
		if (first)
			fprintf(stderr, "pool %s refuses\n", pool->name);
		return -ENOBUFS;
	}
give:
	return rte_ring_mc_dequeue_bulk(pool->pool_data, object, n, NULL) != 0 ? 0 : -ENOBUFS;
}

static unsigned int
ops_get_count(const struct rte_mempool *pool)
{
	return rte_ring_count(pool->pool_data);
}

static const struct rte_mempool_ops failing_ops = {
	.name = "hg_failing",
	.alloc = ops_alloc,
	.free = ops_free,
	.enqueue = ops_enqueue,
	.dequeue = ops_dequeue,
	.get_count = ops_get_count,
};

RTE_INIT(failing_pools_init)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	failing_pools = getenv("HG_FAILING_POOLS");
	if (failing_pools == NULL || rte_mempool_register_ops(&failing_ops) < 0)
		abort();
	stalls = getenv("HG_FAILING_POOLS_STALL") != NULL;
	sigaction(SIGURG, &action, NULL);
}
