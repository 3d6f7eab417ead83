/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/control.h"

#include <rte_cycles.h>
#include <rte_launch.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "config/listener.h"
#include "config/reload.h"
#include "core/loop.h"
#include "core/upstream.h"
#include "exception/exception.h"
#include "gateway/generation.h"
#include "main/interrupts.h"
#include "main/notify.h"
#include "main/own.h"
#include "main/setup.h"
#include "main/watch.h"
#include "port/eal.h"
#include "port/link.h"
#include "port/log.h"
#include "port/port.h"
#include "show/counters.h"
#include "tls/context.h"
#include "tls/secret.h"
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

/* NULL without memory. */
static struct hg_cookie_keys *
make_keys(const struct config_gateway *settings, uint64_t now)
{
	struct hg_cookie_keys *keys = hg_tls_secret_alloc(sizeof(*keys));

	if (keys == NULL)
		return NULL;
	hg_cookie_keys_derive(keys, settings->secret, now, settings->key_rotation,
		settings->cookie_lifetime, settings->cookie_binding);
	if (settings->former_secret != NULL)
		hg_cookie_keys_accept(keys, settings->former_secret);
	return keys;
}

/* What main does however long it has to wait for others. */
static void
keep_alive(struct gateway *gateway)
{
	atomic_store_explicit(&gateway->now, read_clock(), memory_order_relaxed);
	notify_alive(gateway);
}

/*
 * In moments of rest, as the cores that are waited for share this CPU. Not by
 * rte_rcu_qsbr_synchronize(): of what is inline, ThreadSanitizer sees the order that it makes.
 */
void
control_wait_for_grace(struct gateway *gateway)
{
	const struct timespec moment = { .tv_nsec = 50000 };
	uint64_t token = rte_rcu_qsbr_start(gateway->qsbr);

	while (!rte_rcu_qsbr_check(gateway->qsbr, token, false)) {
		nanosleep(&moment, NULL);
		keep_alive(gateway);
	}
}

/* The old ones go when no worker can be using them. */
static void
use_keys(struct gateway *gateway, struct hg_cookie_keys *keys)
{
	const struct hg_cookie_keys *old =
		atomic_load_explicit(&gateway->keys, memory_order_relaxed);

	atomic_store_explicit(&gateway->keys, keys, memory_order_release);
	if (old == NULL)
		return;
	control_wait_for_grace(gateway);
	free_keys(old);
}

/* Replaces the keys, of cookies and of tickets, if the time asks for others. */
static void
rotate(struct gateway *gateway, uint64_t now)
{
	const struct config_gateway *settings = &gateway->config->gateway;
	const struct hg_cookie_keys *old =
		atomic_load_explicit(&gateway->keys, memory_order_relaxed);
	uint64_t epoch = hg_cookie_epoch(now, settings->key_rotation);
	struct hg_cookie_keys *keys;

	if (old->slot[HG_COOKIE_CURRENT].epoch == epoch)
		return;
	keys = make_keys(settings, now);
	if (keys == NULL)
		return; /* the next key of the old ones is good for another rotation */
	use_keys(gateway, keys);
	for (unsigned int i = 0; i < gateway->config->n_listeners; i++)
		if (gateway->config->listener[i].tls != NULL) /* a guard has none */
			hg_tls_context_renew_tickets(gateway->config->listener[i].tls);
	LOG(INFO, "key epoch %" PRIu64 "\n", epoch);
}

int
control_init(struct gateway *gateway, struct error *error)
{
	struct hg_cookie_keys *keys;
	uint64_t now = read_clock();

	atomic_store_explicit(&gateway->now, now, memory_order_relaxed);
	keys = make_keys(&gateway->config->gateway, now);
	if (keys == NULL)
		return error_set(error, "no memory for keys");
	use_keys(gateway, keys);
	return 0;
}

void
control_fini(struct gateway *gateway)
{
	free_keys(atomic_load_explicit(&gateway->keys, memory_order_relaxed));
	atomic_store_explicit(&gateway->keys, NULL, memory_order_relaxed);
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

/* What a configuration has that is in effect, and should not be so. */
static void
warn(const struct config *config)
{
	for (unsigned int i = 0; i < config->n_listeners; i++) {
		const struct config_listener *listener = &config->listener[i];
		const char *warning = config_listener_warning(listener);

		if (warning != NULL)
			LOG(WARNING, "listener %s: %s\n", listener->name, warning);
	}
}

/* Puts the file as it is now into effect, or leaves everything as it is. */
static int
try_reload(struct gateway *gateway, struct error *error)
{
	struct hg_cookie_keys *keys;
	struct config *config;

	if (config_load(&config, gateway->config->ini->path, error) != 0)
		return -EINVAL;
	if (config_reload_check(config, gateway->config, error) != 0)
		goto refuse;
	keys = make_keys(&config->gateway, read_clock());
	if (keys == NULL) {
		error_set(error, "no memory for keys");
		goto refuse;
	}
	if (generation_enter(gateway, config, error) != 0) {
		free_keys(keys);
		goto refuse;
	}
	use_keys(gateway, keys);
	return 0;
refuse:
	config_free(config);
	return -EINVAL;
}

static void
reload(struct gateway *gateway)
{
	struct error error;

	notify_reloading(&gateway->own->notify);
	if (try_reload(gateway, &error) == 0) {
		LOG(NOTICE, "reloaded %s\n", gateway->config->ini->path);
		warn(gateway->config);
		notify_reloaded(&gateway->own->notify, "reloaded");
	} else {
		LOG(ERR, "not reloaded: %s\n", error.text);
		notify_reloaded(&gateway->own->notify, "not reloaded, see the log");
	}
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
	keep_alive(gateway);
	rotate(gateway, atomic_load_explicit(&gateway->now, memory_order_relaxed));
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
	struct stats_handshake handshake;
	struct stats_worker worker;

	counters_sum(gateway, &worker, &handshake);
	return stats_get(&handshake.sessions) != 0;
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
			reload(gateway);
	LOG(NOTICE, "signal %d: draining\n", signal);
	notify_stopping(&gateway->own->notify, gateway->config->gateway.drain_timeout);
	wind_down(gateway, &ticks);
}

/* Waits until a flag that an lcore clears is clear; what the lcore wrote before is visible then. */
static void
wait_for_clear(struct gateway *gateway, const atomic_bool *flag)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	while (atomic_load_explicit(flag, memory_order_acquire)) {
		nanosleep(&moment, NULL);
		keep_alive(gateway);
	}
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
	warn(gateway->config);
	printf("hellogate: %s\n", ready);
	fflush(stdout);
	notify_ready(gateway, ready);
	work(gateway);
	drain(gateway);
	return 0;
}
