/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/stats.h"

const uint64_t stats_cookie_ages[STATS_BOUNDS] = { 0, 1, 2, 5, 10, 20, 30, 60, 120, 300, 900,
	3600 };

const uint64_t stats_handshake_times[STATS_BOUNDS] = { 1000, 2000, 5000, 10000, 20000, 50000,
	100000, 200000, 500000, 1000000, 2000000, 5000000 };

/* For the lists: calls take for a counter, adds it to a sum. */
#define TAKE(name, help) take(arg, #name, help, stats_get(&stats->name));
#define SUM(name, help) stats_add(&sum->name, stats_get(&stats->name));

void
stats_each_worker(const struct stats_worker *stats, stats_take_fn *take, void *arg)
{
	STATS_WORKER(TAKE)
#define TAKE_DROP(NAME, name, help) \
	take(arg, "drop_" #name, help, stats_get(&stats->drop[HG_DROP_##NAME]));
	HG_DROPS(TAKE_DROP)
#undef TAKE_DROP
}

void
stats_each_handshake(const struct stats_handshake *stats, stats_take_fn *take, void *arg)
{
	STATS_HANDSHAKE(TAKE)
#define TAKE_IGNORED(NAME, name, help) \
	take(arg, "ignored_" #name, help, stats_get(&stats->ignored[HG_TLS_IGNORE_##NAME]));
	HG_TLS_IGNORED(TAKE_IGNORED)
#undef TAKE_IGNORED
}

void
stats_each_exception(const struct stats_exception *stats, stats_take_fn *take, void *arg)
{
	STATS_EXCEPTION(TAKE)
}

static void
sum_histogram(struct stats_histogram *sum, const struct stats_histogram *histogram)
{
	for (unsigned int i = 0; i <= STATS_BOUNDS; i++)
		stats_add(&sum->bucket[i], stats_get(&histogram->bucket[i]));
	stats_add(&sum->sum, stats_get(&histogram->sum));
}

void
stats_sum_worker(struct stats_worker *sum, const struct stats_worker *stats)
{
	STATS_WORKER(SUM)
	for (unsigned int i = 0; i < HG_VERDICT_COUNT; i++)
		stats_add(&sum->drop[i], stats_get(&stats->drop[i]));
	stats_add(&sum->busy, stats_get(&stats->busy));
	sum_histogram(&sum->cookie_age, &stats->cookie_age);
}

void
stats_sum_handshake(struct stats_handshake *sum, const struct stats_handshake *stats)
{
	STATS_HANDSHAKE(SUM)
	for (unsigned int i = 0; i < HG_TLS_VERDICT_COUNT; i++)
		stats_add(&sum->ignored[i], stats_get(&stats->ignored[i]));
	stats_add(&sum->sessions, stats_get(&stats->sessions));
	stats_add(&sum->half_open, stats_get(&stats->half_open));
	stats_add(&sum->busy, stats_get(&stats->busy));
	sum_histogram(&sum->handshake_time, &stats->handshake_time);
}
