/* SPDX-License-Identifier: BSD-3-Clause */
#include "control.h"

#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_log.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "handshake.h"
#include "port.h"
#include "tls/secret.h"
#include "worker.h"

RTE_LOG_REGISTER(control_log, hellogate.control, INFO);
#define LOG(level, ...) rte_log(RTE_LOG_##level, control_log, "hellogate: " __VA_ARGS__)

#define TICK_NS 50000000   /* the workers' clock lags behind by this at most */
#define TICKS_PER_LINK 10u /* between two looks at the links */

static void
fill_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGHUP);
}

void
control_block_signals(void)
{
	sigset_t signals;

	fill_signals(&signals);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN); /* whoever read our messages may end before us */
}

static uint64_t
read_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec;
}

static void
free_keys(const struct hg_cookie_keys *keys)
{
	struct hg_cookie_keys *mine = (struct hg_cookie_keys *)(uintptr_t)keys;

	hg_tls_secret_free(mine, sizeof(*mine));
}

/*
 * Replaces the keys if the time asks for others; the old ones go when no worker can be using them.
 */
static void
rotate(struct gateway *gateway, uint64_t now)
{
	const struct config_gateway *settings = &gateway->config->gateway;
	const struct hg_cookie_keys *old =
		atomic_load_explicit(&gateway->keys, memory_order_relaxed);
	struct hg_cookie_keys *keys;

	if (old != NULL &&
		old->slot[HG_COOKIE_CURRENT].epoch == hg_cookie_epoch(now, settings->key_rotation))
		return;
	keys = hg_tls_secret_alloc(sizeof(*keys));
	if (keys == NULL)
		return; /* the next key of the old ones is good for another rotation */
	hg_cookie_keys_derive(keys, settings->secret, now, settings->key_rotation,
		settings->cookie_lifetime, (enum hg_cookie_binding)settings->cookie_binding);
	atomic_store_explicit(&gateway->keys, keys, memory_order_release);
	if (old == NULL)
		return;
	/* Inline, unlike rte_rcu_qsbr_synchronize(): ThreadSanitizer sees the order that it makes. */
	rte_rcu_qsbr_check(gateway->qsbr, rte_rcu_qsbr_start(gateway->qsbr), true);
	free_keys(old);
	LOG(INFO, "key epoch %" PRIu64 "\n", keys->slot[HG_COOKIE_CURRENT].epoch);
}

int
control_init(struct gateway *gateway, struct error *error)
{
	uint64_t now = read_clock();

	atomic_store_explicit(&gateway->now, now, memory_order_relaxed);
	rotate(gateway, now);
	if (atomic_load_explicit(&gateway->keys, memory_order_relaxed) == NULL)
		return error_set(error, "no memory for keys");
	return 0;
}

void
control_fini(struct gateway *gateway)
{
	free_keys(atomic_load_explicit(&gateway->keys, memory_order_relaxed));
	atomic_store_explicit(&gateway->keys, NULL, memory_order_relaxed);
}

/* The lcores in the order in which they were given: main, then n_workers, then the cores. */
static unsigned int
nth_lcore(unsigned int n)
{
	unsigned int lcore = rte_get_next_lcore(-1, 1, 0);

	while (n-- > 0)
		lcore = rte_get_next_lcore(lcore, 1, 0);
	return lcore;
}

/* Starts the lcores. The flags of those that run are set, also if one does not start. */
static int
launch(struct gateway *gateway)
{
	for (unsigned int i = 0; i < gateway->n_cores; i++) {
		struct core *core = &gateway->core[i];

		atomic_store_explicit(&core->running, true, memory_order_relaxed);
		if (rte_eal_remote_launch(handshake_run, core, nth_lcore(gateway->n_workers + i)) !=
			0) {
			atomic_store_explicit(&core->running, false, memory_order_relaxed);
			return -EBUSY;
		}
	}
	for (unsigned int i = 0; i < gateway->n_workers; i++) {
		struct worker *worker = &gateway->worker[i];

		atomic_store_explicit(&worker->receiving, true, memory_order_relaxed);
		atomic_store_explicit(&worker->running, true, memory_order_relaxed);
		if (rte_eal_remote_launch(worker_run, worker, nth_lcore(i)) != 0) {
			atomic_store_explicit(&worker->receiving, false, memory_order_relaxed);
			atomic_store_explicit(&worker->running, false, memory_order_relaxed);
			return -EBUSY;
		}
	}
	return 0;
}

static void
work(struct gateway *gateway)
{
	const struct timespec tick = { .tv_nsec = TICK_NS };
	unsigned int ticks = 0;
	sigset_t signals;
	int signal;

	fill_signals(&signals);
	while ((signal = sigtimedwait(&signals, NULL, &tick)) < 0 || signal == SIGHUP) {
		uint64_t now = read_clock();

		if (signal == SIGHUP)
			LOG(WARNING, "SIGHUP ignored: to change the configuration, restart\n");
		atomic_store_explicit(&gateway->now, now, memory_order_relaxed);
		rotate(gateway, now);
		if (++ticks % TICKS_PER_LINK == 0)
			for (unsigned int i = 0; i < gateway->n_ports; i++)
				port_check_link(&gateway->port[i]);
	}
	LOG(NOTICE, "signal %d: draining\n", signal);
}

/* Waits until a flag that an lcore clears is clear; what the lcore wrote before is visible then. */
static void
wait_for_clear(const atomic_bool *flag)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	while (atomic_load_explicit(flag, memory_order_acquire))
		nanosleep(&moment, NULL);
}

/* Brings the lcores down in the order of the flow: receiving, sessions, sending. */
static void
drain(struct gateway *gateway)
{
	atomic_store_explicit(&gateway->stage, STAGE_STOP_RECEIVING, memory_order_release);
	for (unsigned int i = 0; i < gateway->n_workers; i++)
		wait_for_clear(&gateway->worker[i].receiving);
	atomic_store_explicit(&gateway->stage, STAGE_DRAIN, memory_order_release);
	for (unsigned int i = 0; i < gateway->n_cores; i++)
		wait_for_clear(&gateway->core[i].running);
	atomic_store_explicit(&gateway->stage, STAGE_STOP, memory_order_release);
	for (unsigned int i = 0; i < gateway->n_workers; i++)
		wait_for_clear(&gateway->worker[i].running);
	rte_eal_mp_wait_lcore();
}

int
control_run(struct gateway *gateway, struct error *error)
{
	char hmac[HG_HMAC_LADDER_TEXT];

	if (launch(gateway) != 0) {
		drain(gateway);
		return error_set(error, "DPDK does not start an lcore");
	}
	hg_hmac_ladder_describe(&gateway->hmac, hmac, sizeof(hmac));
	printf("hellogate: ready: %u ports, %u workers, %u handshake cores, hmac kernel %s\n",
		gateway->n_ports, gateway->n_workers, gateway->n_cores, hmac);
	fflush(stdout);
	work(gateway);
	drain(gateway);
	return 0;
}
