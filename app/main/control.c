/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/control.h"

#include <rte_cycles.h>
#include <rte_launch.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "core/core.h"
#include "core/loop.h"
#include "core/upstream.h"
#include "exception/exception.h"
#include "gateway/clock.h"
#include "main/generation.h"
#include "main/interrupts.h"
#include "main/keys.h"
#include "main/notify.h"
#include "main/private.h"
#include "main/reload.h"
#include "main/wait.h"
#include "main/watch.h"
#include "port/eal.h"
#include "port/link.h"
#include "port/log.h"
#include "port/port.h"
#include "worker/loop.h"

LOG_TYPE(control);

#define TICK_NS 50000000   /* the workers' clock lags behind by this at most */
#define TICKS_PER_LOOK 10u /* between two looks at links and upstreams */

static void
fill_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGHUP);
}

void
control_prepare_signals(void)
{
	/*
	 * Whoever read our messages may end before us (SIGPIPE), a log file may be rotated by somebody who thinks
	 * that we have one (SIGUSR1), a terminal may want to stop us when we write to it (SIGTTOU). Not the
	 * real-time signals: net_tap takes one that nobody seems to use.
	 */
	static const int ignored[] = { SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF,
		SIGIO, SIGPWR, SIGSTKFLT, SIGTTIN, SIGTTOU, SIGXFSZ };
	sigset_t signals;

	fill_signals(&signals);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
}

/* Starts the lcores. The flags of those that run are set, also if one does not start. */
static int
launch(struct gateway *gateway)
{
	for (unsigned int i = 0; i < gateway->n_cores; i++) {
		struct core *core = gateway->core[i];

		atomic_store_explicit(&core->running, true, memory_order_relaxed);
		if (rte_eal_remote_launch(core_run, core, eal_lcore(gateway->n_workers + i)) != 0) {
			atomic_store_explicit(&core->running, false, memory_order_relaxed);
			return -EBUSY;
		}
	}
	for (unsigned int i = 0; i < gateway->n_workers; i++) {
		struct worker *worker = gateway->worker[i];

		atomic_store_explicit(&worker->receiving, true, memory_order_relaxed);
		atomic_store_explicit(&worker->running, true, memory_order_relaxed);
		if (rte_eal_remote_launch(worker_run, worker, eal_lcore(i)) != 0) {
			atomic_store_explicit(&worker->receiving, false, memory_order_relaxed);
			atomic_store_explicit(&worker->running, false, memory_order_relaxed);
			return -EBUSY;
		}
	}
	return 0;
}

/* One tick at most, or until a signal comes. Returns its number, -1 for none. */
static int
tick(struct gateway *gateway, unsigned int *ticks)
{
	const struct timespec length = { .tv_nsec = TICK_NS };
	sigset_t signals;
	int signal;

	fill_signals(&signals);
	signal = sigtimedwait(&signals, NULL, &length);
	wait_alive(gateway);
	keys_rotate(gateway, atomic_load_explicit(&gateway->now, memory_order_relaxed));
	generation_reap(gateway);
	interrupts_look(gateway);
	if (++*ticks % TICKS_PER_LOOK == 0) {
		for (unsigned int i = 0; i < gateway->n_ports; i++)
			port_check_link(&gateway->port[i]);
		watch_look(gateway);
		port_link_look(gateway->port, gateway->n_ports);
		exception_follow(gateway->exception);
		upstream_report(gateway);
	}
	return signal;
}

static bool
has_sessions(const struct gateway *gateway)
{
	for (unsigned int i = 0; i < gateway->n_cores; i++)
		if (stats_get(&gateway->core[i]->stats.sessions) != 0)
			return true;
	return false;
}

/* Lets sessions go on for a while, but none begin: until all have ended, or another signal comes. */
static void
wind_down(struct gateway *gateway, unsigned int *ticks)
{
	uint64_t seconds = gateway->config->gateway.drain_timeout;
	uint64_t end = rte_get_tsc_cycles() + seconds * rte_get_tsc_hz();
	int signal;

	atomic_store_explicit(&gateway->stage, STAGE_WIND_DOWN, memory_order_release);
	while (has_sessions(gateway) && rte_get_tsc_cycles() < end) {
		signal = tick(gateway, ticks);
		if (signal == SIGTERM || signal == SIGINT)
			break;
	}
}

static void
work(struct gateway *gateway)
{
	unsigned int ticks = 0;
	int signal;

	while ((signal = tick(gateway, &ticks)) < 0 || signal == SIGHUP)
		if (signal == SIGHUP)
			reload_run(gateway);
	LOG(NOTICE, "signal %d: draining\n", signal);
	notify_stopping(&gateway->private->notify, gateway->config->gateway.drain_timeout);
	wind_down(gateway, &ticks);
}

/* Brings the lcores down in the order of the flow: receiving, sessions, sending. */
static void
drain(struct gateway *gateway)
{
	atomic_store_explicit(&gateway->stage, STAGE_STOP_RECEIVING, memory_order_release);
	for (unsigned int i = 0; i < gateway->n_workers; i++)
		wait_for_clear(gateway, &gateway->worker[i]->receiving);
	port_link_end(gateway->port, gateway->n_ports, gateway->config->gateway.guard_open != 0);
	atomic_store_explicit(&gateway->stage, STAGE_DRAIN, memory_order_release);
	for (unsigned int i = 0; i < gateway->n_cores; i++)
		wait_for_clear(gateway, &gateway->core[i]->running);
	exception_stop(gateway->exception);
	atomic_store_explicit(&gateway->stage, STAGE_STOP, memory_order_release);
	for (unsigned int i = 0; i < gateway->n_workers; i++)
		wait_for_clear(gateway, &gateway->worker[i]->running);
	rte_eal_mp_wait_lcore();
	interrupts_end(gateway);
}

int
control_run(struct gateway *gateway, struct error *error)
{
	char hmac[HG_HMAC_LADDER_TEXT], ready[HG_HMAC_LADDER_TEXT + 100];

	interrupts_begin(gateway);
	if (launch(gateway) != 0) {
		drain(gateway);
		return error_set(error, "DPDK does not start an lcore");
	}
	exception_serve(gateway->exception);
	port_link_begin(gateway->port, gateway->n_ports);
	hg_hmac_ladder_describe(&gateway->hmac, hmac, sizeof(hmac));
	snprintf(ready, sizeof(ready),
		"ready: %u ports, %u workers, %u handshake cores, hmac kernel %s", gateway->n_ports,
		gateway->n_workers, gateway->n_cores, hmac);
	reload_warn(gateway->config);
	printf("hellogate: %s\n", ready);
	fflush(stdout);
	notify_ready(gateway, ready, clock_microseconds());
	work(gateway);
	drain(gateway);
	return 0;
}
