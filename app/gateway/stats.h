/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every counter of the daemon, once: the lists below yield the fields, the names in telemetry and
 * in the table printed at exit, the help texts and docs/counters.md.
 *
 * A counter has one writer, the lcore that owns the struct, only ever grows, and is never reset.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/verdict.h"
#include "tls/ignored.h"

/*
 * Per worker. For every worker, once its queues are empty:
 *   rx = tx + forwarded + to_kernel + bridged_to_servers + bridged_to_clients + every drop_*
 *   hvr + arp_replies + neighbour_adverts + echo_replies = tx + every drop_tx_*
 *   session_rx = session_tx + every session_tx_*
 *   from_kernel = from_kernel_tx + every from_kernel_tx_*
 */
#define STATS_WORKER(X)                                                                         \
	X(rx, "packets received")                                                               \
	X(tx, "packets answered by a worker and handed to the driver")                          \
	X(forwarded, "packets handed to a handshake core")                                      \
	X(rx_bytes, "bytes of the frames received")                                             \
	X(tx_bytes, "bytes of the frames answered by a worker")                                 \
	X(hvr, "HelloVerifyRequests built")                                                     \
	X(arp_replies, "ARP replies built")                                                     \
	X(neighbour_adverts, "IPv6 neighbour advertisements built")                             \
	X(echo_replies, "ICMP and ICMPv6 echo replies built")                                   \
	X(cookie_none, "ClientHellos without a cookie")                                         \
	X(cookie_valid, "ClientHellos with a valid cookie")                                     \
	X(cookie_malformed, "ClientHellos refused: cookie of a wrong length or format")         \
	X(cookie_unknown_epoch,                                                                 \
		"ClientHellos refused: cookie of a key that is gone or not yet known")          \
	X(cookie_expired,                                                                       \
		"ClientHellos refused: cookie older than cookie-lifetime, or from the future")  \
	X(cookie_wrong_tag, "ClientHellos refused: cookie not made for this address and hello") \
	X(partial_checksums,                                                                    \
		"UDP and TCP checksums that a neighbour on the same host has left out")         \
	X(session_rx, "packets of sessions taken from the handshake cores")                     \
	X(session_tx, "packets of sessions handed to the driver")                               \
	X(session_tx_full, "packets of sessions dropped: transmit queue is full")               \
	X(session_tx_refused,                                                                   \
		"packets of sessions dropped: the device or its driver refuses them")           \
	X(session_tx_too_long, "packets of sessions dropped: longer than the MTU of the port")  \
	X(session_tx_down, "packets of sessions dropped: the port is not in service")           \
	X(to_kernel, "packets handed over for the kernel")                                      \
	X(from_kernel, "packets of the kernel taken over")                                      \
	X(from_kernel_tx, "packets of the kernel handed to the driver")                         \
	X(from_kernel_tx_full, "packets of the kernel dropped: transmit queue is full")         \
	X(from_kernel_tx_refused,                                                               \
		"packets of the kernel dropped: the device or its driver refuses them")         \
	X(from_kernel_tx_too_long,                                                              \
		"packets of the kernel dropped: longer than the MTU of the port")               \
	X(from_kernel_tx_down, "packets of the kernel dropped: the port is not in service")     \
	X(bridged_to_servers, "frames passed on to the servers' port of the bridge")            \
	X(bridged_to_clients, "frames passed on to the clients' port of the bridge")            \
	X(guard_hellos, "ClientHellos with a valid cookie for the servers behind guards")       \
	X(guard_datagrams, "other datagrams for the servers behind guards")                     \
	X(guard_unjudged,                                                                       \
		"datagrams for the servers behind guards that nobody could judge: guard-fail = open")

/*
 * Per handshake core. For every core, once its rings are empty:
 *   datagrams = hello_new + hello_beside + hello_again + records + every refused_*
 *   sessions_opened = sessions live + the sum of the sessions_* that follow it
 */
#define STATS_HANDSHAKE(X)                                                                           \
	X(datagrams, "datagrams taken from the workers")                                             \
	X(hello_new, "verified ClientHellos that opened a session")                                  \
	X(hello_beside, "verified ClientHellos of a peer that has a session: handshake beside it")   \
	X(hello_again, "verified ClientHellos that have begun a handshake before")                   \
	X(records, "datagrams passed to a session")                                                  \
	X(refused_half_open, "verified ClientHellos refused: too many handshakes in progress")       \
	X(refused_handshake_rate, "verified ClientHellos refused: handshake-rate used up")           \
	X(refused_client_rate,                                                                       \
		"verified ClientHellos refused: client-rate of their client used up")                \
	X(refused_client_half_open,                                                                  \
		"verified ClientHellos refused: too many handshakes in progress of their client")    \
	X(refused_client_sessions,                                                                   \
		"verified ClientHellos refused: their client has client-sessions already")           \
	X(refused_client_table, "verified ClientHellos refused: no place for another client")        \
	X(refused_sessions_full, "verified ClientHellos refused: max-sessions reached")              \
	X(refused_no_memory, "verified ClientHellos refused: no memory for a session")               \
	X(refused_session_gone, "datagrams dropped: the session ended while they waited")            \
	X(used_forgotten, "ClientHellos forgotten before their cookies were too old")                \
	X(flight_reductions,                                                                         \
		"times that a handshake went over to smaller datagrams, as there was no answer")     \
	X(sessions_opened, "handshakes begun")                                                       \
	X(sessions_failed, "sessions ended: handshake refused or broken")                            \
	X(sessions_half_open_expired, "sessions ended: handshake not complete in time")              \
	X(sessions_replaced, "sessions ended: the same peer opened another")                         \
	X(sessions_closed, "sessions ended by the client")                                           \
	X(sessions_broken, "sessions ended by a fatal error after the handshake")                    \
	X(sessions_idle, "sessions ended: idle-timeout")                                             \
	X(sessions_evicted, "sessions ended: idle for evict-idle, and no room for a new one")        \
	X(sessions_removed, "sessions ended: their listener is not in the configuration any more")   \
	X(sessions_drained, "sessions ended: shutting down")                                         \
	X(handshakes, "handshakes completed")                                                        \
	X(handshakes_resumed, "handshakes completed by resumption, counted in handshakes too")       \
	X(client_datagrams, "application datagrams decrypted")                                       \
	X(client_bytes, "application bytes decrypted")                                               \
	X(upstream_tx, "datagrams sent to the upstream or echoed")                                   \
	X(upstream_tx_dropped,                                                                       \
		"datagrams the upstream did not take: ICMP error, or its socket is full")            \
	X(upstream_rx, "datagrams from the upstream, or echoed, sent to the client")                 \
	X(upstream_rx_too_long,                                                                      \
		"datagrams from the upstream dropped: longer than what the session may send")        \
	X(upstream_rx_dropped,                                                                       \
		"datagrams from the upstream dropped: empty, no buffer, or the session cannot send") \
	X(upstream_errors, "upstream sockets that could not be opened")                              \
	X(upstream_moved, "sessions that were given another upstream: theirs was down")              \
	X(upstream_no_port,                                                                          \
		"upstream sockets without a port: all of upstream-ports are in use or rest")         \
	X(out_packets, "packets handed to the workers")                                              \
	X(out_dropped, "packets dropped: no buffer, too long, or ring to the worker full")

/*
 * Of the exception thread. Once the rings are empty, with the counters of all workers:
 *   to_kernel = kernel_tx + kernel_tx_dropped
 *   kernel_rx = from_kernel + kernel_rx_dropped
 */
#define STATS_EXCEPTION(X)                                                                  \
	X(kernel_tx, "packets that the kernel has taken")                                   \
	X(kernel_tx_dropped, "packets that the kernel did not take: its interface is down") \
	X(kernel_tx_filled, "packets for the kernel whose partial checksum was filled in")  \
	X(kernel_rx, "packets received from the kernel")                                    \
	X(kernel_rx_dropped, "packets of the kernel dropped: longer than the port can send")

#define STATS_BOUNDS 12u

/* How often a value was at most the bound of each bucket, and above that of the one before. */
struct stats_histogram {
	_Atomic uint64_t bucket[STATS_BOUNDS + 1]; /* the last has no bound */
	_Atomic uint64_t sum;                      /* of all values */
};

/* In seconds. A cookie's time has no finer unit. */
extern const uint64_t stats_cookie_ages[STATS_BOUNDS];

/* In microseconds. */
extern const uint64_t stats_handshake_times[STATS_BOUNDS];

/* Beside the counters: as many values in cookie_age as cookie_valid says. */
struct stats_worker {
#define STATS_FIELD(name, help) _Atomic uint64_t name;
	STATS_WORKER(STATS_FIELD)
	_Atomic uint64_t drop[HG_VERDICT_COUNT]; /* by enum hg_verdict; the first two stay 0 */
	_Atomic uint64_t busy;                   /* TSC cycles in rounds that found packets */
	struct stats_histogram cookie_age;       /* of valid cookies, by stats_cookie_ages */
};

/* As many values in handshake_time as handshakes says. */
struct stats_handshake {
	STATS_HANDSHAKE(STATS_FIELD)
	_Atomic uint64_t ignored[HG_TLS_VERDICT_COUNT]; /* by enum hg_tls_verdict; the first two
							   stay 0 */
	_Atomic uint64_t sessions;                      /* gauge: sessions that exist */
	_Atomic uint64_t half_open; /* gauge: those of them whose handshake is not complete */
	_Atomic uint64_t busy;      /* TSC cycles in rounds that found work, without rests */
	struct stats_histogram handshake_time; /* by stats_handshake_times */
};

struct stats_exception {
	STATS_EXCEPTION(STATS_FIELD)
#undef STATS_FIELD
};

/*
 * Adds to a counter that only the calling lcore writes: a plain load and store, no locked
 * instruction.
 */
static inline void
stats_add(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t v = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, v + n, memory_order_relaxed);
}

/* As stats_add(): takes a value into a histogram. */
static inline void
stats_observe(
	struct stats_histogram *histogram, const uint64_t bounds[STATS_BOUNDS], uint64_t value)
{
	unsigned int i = 0;

	while (i < STATS_BOUNDS && value > bounds[i])
		i++;
	stats_add(&histogram->bucket[i], 1);
	stats_add(&histogram->sum, value);
}

static inline uint64_t
stats_get(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/*
 * Calls take for every counter; names as in telemetry, drops with "drop_" before them, records ignored
 * with "ignored_".
 */
typedef void stats_take_fn(void *arg, const char *name, const char *help, uint64_t value);
void stats_each_worker(const struct stats_worker *stats, stats_take_fn *take, void *arg);
void stats_each_handshake(const struct stats_handshake *stats, stats_take_fn *take, void *arg);
void stats_each_exception(const struct stats_exception *stats, stats_take_fn *take, void *arg);

/* Adds all of stats to sum, gauges and histograms too. */
void stats_sum_worker(struct stats_worker *sum, const struct stats_worker *stats);
void stats_sum_handshake(struct stats_handshake *sum, const struct stats_handshake *stats);
