/* SPDX-License-Identifier: BSD-3-Clause */
#include "show/metrics.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "core/upstream.h"
#include "exception/exception.h"
#include "gateway/stats.h"
#include "port/link.h"
#include "port/port.h"
#include "show/counters.h"
#include "worker/loop.h"

struct writer {
	FILE *to;
	bool open;         /* OpenMetrics, or the older format */
	const char *group; /* that the last counter belonged to */
};

/* Counters that differ by their cause alone are one metric, with the cause as a label. */
static const struct group {
	const char *prefix; /* of the counter's name */
	const char *name;
	const char *label;
	const char *help;
} groups[] = {
	{ "drop_", "drops", "reason", "packets dropped by the workers" },
	{ "cookie_", "cookies", "verdict", "ClientHellos by what their cookie was worth" },
	{ "refused_", "refusals", "reason", "datagrams refused by the handshake cores" },
	{ "ignored_", "ignored_records", "reason", "records of clients that OpenSSL did not see" },
};

/* The head of a metric. Of a counter the older format names the samples, OpenMetrics the family. */
static void
head(struct writer *writer, const char *name, const char *type, const char *help)
{
	bool total = !writer->open && strcmp(type, "counter") == 0;

	fprintf(writer->to, "# HELP hellogate_%s%s %s\n# TYPE hellogate_%s%s %s\n", name,
		total ? "_total" : "", help, name, total ? "_total" : "", type);
}

static void
gauge(struct writer *writer, const char *name, const char *help, double value)
{
	head(writer, name, "gauge", help);
	fprintf(writer->to, "hellogate_%s %.15g\n", name, value);
}

static void
write_counter(void *arg, const char *name, const char *help, uint64_t value)
{
	struct writer *writer = arg;

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		const struct group *group = &groups[i];
		size_t len = strlen(group->prefix);

		if (strncmp(name, group->prefix, len) != 0)
			continue;
		if (writer->group != group->prefix)
			head(writer, group->name, "counter", group->help);
		writer->group = group->prefix;
		fprintf(writer->to, "hellogate_%s_total{%s=\"%s\"} %" PRIu64 "\n", group->name,
			group->label, name + len, value);
		return;
	}
	head(writer, name, "counter", help);
	fprintf(writer->to, "hellogate_%s_total %" PRIu64 "\n", name, value);
}

/* Bounds are in units of which a second has per_second. */
static void
write_histogram(struct writer *writer, const char *name, const char *help,
	const struct stats_histogram *histogram, const uint64_t bounds[STATS_BOUNDS],
	double per_second)
{
	uint64_t sum = 0;
	char bound[32];

	head(writer, name, "histogram", help);
	for (unsigned int i = 0; i < STATS_BOUNDS; i++) {
		sum += stats_get(&histogram->bucket[i]);
		snprintf(bound, sizeof(bound), "%g", (double)bounds[i] / per_second);
		/* OpenMetrics wants 1.0 for 1. */
		fprintf(writer->to, "hellogate_%s_bucket{le=\"%s%s\"} %" PRIu64 "\n", name, bound,
			strchr(bound, '.') != NULL ? "" : ".0", sum);
	}
	sum += stats_get(&histogram->bucket[STATS_BOUNDS]);
	fprintf(writer->to,
		"hellogate_%s_bucket{le=\"+Inf\"} %" PRIu64 "\nhellogate_%s_sum %.15g\n"
		"hellogate_%s_count %" PRIu64 "\n",
		name, sum, name, (double)stats_get(&histogram->sum) / per_second, name, sum);
}

static void
write_sessions(struct writer *writer, const struct gateway *gateway,
	const struct stats_worker *worker, const struct stats_handshake *handshake)
{
	uint64_t hvr = stats_get(&worker->hvr);

	gauge(writer, "sessions", "sessions that live", (double)stats_get(&handshake->sessions));
	gauge(writer, "sessions_half_open", "sessions whose handshake is not complete",
		(double)stats_get(&handshake->half_open));
	gauge(writer, "sessions_max", "max-sessions of the configuration",
		gateway->config->gateway.max_sessions);
	gauge(writer, "verified_ratio",
		"ClientHellos with a valid cookie for each HelloVerifyRequest, since the start",
		hvr != 0 ? (double)stats_get(&worker->cookie_valid) / (double)hvr : NAN);
	write_histogram(writer, "cookie_age_seconds",
		"ages of the valid cookies that clients have brought, in whole seconds",
		&worker->cookie_age, stats_cookie_ages, 1);
	write_histogram(writer, "handshake_seconds",
		"from the verified ClientHello to the complete handshake",
		&handshake->handshake_time, stats_handshake_times, 1e6);
}

static void
write_keys(struct writer *writer, const struct gateway *gateway, uint64_t started)
{
	uint64_t now = atomic_load_explicit(&gateway->now, memory_order_relaxed);
	uint32_t rotation = gateway->config->gateway.key_rotation;

	gauge(writer, "key_epoch", "epoch of the cookie key that makes cookies",
		(double)hg_cookie_epoch(now, rotation));
	gauge(writer, "key_age_seconds", "age of that key", (double)(now % rotation));
	gauge(writer, "start_time_seconds", "when the process was started, since 1970",
		(double)started);
	head(writer, "build_info", "gauge", "version of the program");
	fprintf(writer->to, "hellogate_build_info{version=\"%s\"} 1\n", HG_VERSION);
}

static void
write_busy(struct writer *writer, const struct gateway *gateway)
{
	double hz = (double)rte_get_tsc_hz();

	head(writer, "worker_busy_seconds", "counter", "time in rounds that found packets");
	for (unsigned int i = 0; i < gateway->n_workers; i++)
		fprintf(writer->to, "hellogate_worker_busy_seconds_total{worker=\"%u\"} %.6f\n", i,
			(double)stats_get(&gateway->worker[i]->stats.busy) / hz);
	head(writer, "worker_received_packets", "counter", "packets received by each worker");
	for (unsigned int i = 0; i < gateway->n_workers; i++)
		fprintf(writer->to,
			"hellogate_worker_received_packets_total{worker=\"%u\"} %" PRIu64 "\n", i,
			stats_get(&gateway->worker[i]->stats.rx));
	head(writer, "core_busy_seconds", "counter", "time in rounds that found work");
	for (unsigned int i = 0; i < gateway->n_cores; i++)
		fprintf(writer->to, "hellogate_core_busy_seconds_total{core=\"%u\"} %.6f\n", i,
			(double)stats_get(&gateway->core[i]->stats.busy) / hz);
}

static void
write_ring(struct writer *writer, const struct gateway *gateway, unsigned int core,
	const char *name, int class)
{
	unsigned int most = 0;

	for (unsigned int i = 0; i < gateway->n_workers; i++) {
		const struct rte_ring *ring =
			class < 0 ? rings_out(&gateway->rings, i, core)
				  : rings_in(&gateway->rings, i, core, (enum rings_class) class);

		most = RTE_MAX(most, rings_level(ring));
	}
	fprintf(writer->to, "hellogate_ring_packets{core=\"%u\",ring=\"%s\"} %u\n", core, name,
		most);
}

/* Of each core and class the fullest ring: it is a full one that loses packets. */
static void
write_rings(struct writer *writer, const struct gateway *gateway)
{
	head(writer, "ring_packets", "gauge",
		"packets in the fullest of the rings between the workers and a core");
	for (unsigned int i = 0; i < gateway->n_cores; i++) {
		write_ring(writer, gateway, i, "established", RINGS_ESTABLISHED);
		write_ring(writer, gateway, i, "pending", RINGS_PENDING);
		write_ring(writer, gateway, i, "new", RINGS_NEW);
		write_ring(writer, gateway, i, "out", -1);
	}
	gauge(writer, "ring_capacity_packets", "packets that one ring holds",
		rte_ring_get_capacity(rings_out(&gateway->rings, 0, 0)));
}

static void
write_pool(struct writer *writer, const char *name, double (*value)(const struct rte_mempool *),
	const struct gateway *gateway)
{
	for (unsigned int i = 0; i < gateway->n_workers; i++)
		fprintf(writer->to, "hellogate_%s{pool=\"receive\",owner=\"%u\"} %.15g\n", name, i,
			value(gateway->worker[i]->pool));
	for (unsigned int i = 0; i < gateway->n_cores; i++)
		fprintf(writer->to, "hellogate_%s{pool=\"send\",owner=\"%u\"} %.15g\n", name, i,
			value(gateway->core[i]->pool));
	if (gateway->exception != NULL)
		fprintf(writer->to, "hellogate_%s{pool=\"kernel\",owner=\"0\"} %.15g\n", name,
			value(gateway->exception->pool));
}

static double
pool_free(const struct rte_mempool *pool)
{
	return rte_mempool_avail_count(pool);
}

static double
pool_size(const struct rte_mempool *pool)
{
	return pool->size;
}

static void
write_pools(struct writer *writer, const struct gateway *gateway)
{
	head(writer, "pool_free_buffers", "gauge", "packet buffers that nobody has");
	write_pool(writer, "pool_free_buffers", pool_free, gateway);
	head(writer, "pool_size_buffers", "gauge", "packet buffers of the pool");
	write_pool(writer, "pool_size_buffers", pool_size, gateway);
}

static void
write_device(struct writer *writer, const struct gateway *gateway,
	const struct rte_eth_stats *stats, const char *name, const char *help, size_t offset)
{
	head(writer, name, "counter", help);
	for (unsigned int i = 0; i < gateway->n_ports; i++) {
		uint64_t value;

		memcpy(&value, (const char *)&stats[i] + offset, sizeof(value));
		fprintf(writer->to, "hellogate_%s_total{port=\"%s\"} %" PRIu64 "\n", name,
			gateway->port[i].config->name, value);
	}
}

static void
write_service(struct writer *writer, const struct gateway *gateway)
{
	head(writer, "port_in_service", "gauge",
		"whether the port has its interface, and the device sends what it is given");
	for (unsigned int i = 0; i < gateway->n_ports; i++)
		fprintf(writer->to, "hellogate_port_in_service{port=\"%s\"} %d\n",
			gateway->port[i].config->name, port_in_service(&gateway->port[i]));
	head(writer, "port_restarts", "counter", "how often the port was taken up again");
	for (unsigned int i = 0; i < gateway->n_ports; i++)
		fprintf(writer->to, "hellogate_port_restarts_total{port=\"%s\"} %" PRIu64 "\n",
			gateway->port[i].config->name,
			atomic_load_explicit(&gateway->port[i].restarts, memory_order_relaxed));
	head(writer, "port_mtu_bytes", "gauge", "the longest IP packet that leaves by the port");
	for (unsigned int i = 0; i < gateway->n_ports; i++)
		fprintf(writer->to, "hellogate_port_mtu_bytes{port=\"%s\"} %u\n",
			gateway->port[i].config->name,
			atomic_load_explicit(&gateway->port[i].mtu, memory_order_relaxed));
}

static void
write_ports(struct writer *writer, const struct gateway *gateway)
{
	struct rte_eth_stats stats[CONFIG_PORTS_MAX] = {
		0
	}; /* 0 of a driver that does not count */

	for (unsigned int i = 0; i < gateway->n_ports; i++)
		if (port_serves(&gateway->port[i])) /* else there is no device */
			rte_eth_stats_get(gateway->port[i].id, &stats[i]);
	head(writer, "port_link_up", "gauge", "whether the link of the port is up");
	for (unsigned int i = 0; i < gateway->n_ports; i++)
		fprintf(writer->to, "hellogate_port_link_up{port=\"%s\"} %d\n",
			gateway->port[i].config->name,
			atomic_load_explicit(&gateway->port[i].link_up, memory_order_relaxed));
	head(writer, "port_link_held", "gauge",
		"whether the link of the port is held down, as that of its peer in a bridge is down");
	for (unsigned int i = 0; i < gateway->n_ports; i++)
		fprintf(writer->to, "hellogate_port_link_held{port=\"%s\"} %d\n",
			gateway->port[i].config->name, port_link_holds(&gateway->port[i]));
	write_service(writer, gateway);
	write_device(writer, gateway, stats, "port_missed_packets",
		"packets that the device has dropped: the worker was too slow",
		offsetof(struct rte_eth_stats, imissed));
	write_device(writer, gateway, stats, "port_error_packets",
		"packets that the device has received damaged",
		offsetof(struct rte_eth_stats, ierrors));
	write_device(writer, gateway, stats, "port_no_buffer_packets",
		"packets that the driver has dropped for want of a buffer",
		offsetof(struct rte_eth_stats, rx_nombuf));
}

static void
write_upstreams(struct writer *writer, const struct gateway *gateway)
{
	char text[ADDRESS_TEXT_MAX];

	if (gateway->upstreams == NULL)
		return;
	head(writer, "upstream_up", "gauge", "whether the upstream is there, as far as is known");
	for (const struct upstream *upstream = gateway->upstreams; upstream != NULL;
		upstream = upstream->next) {
		address_print_port(&upstream->address, text, sizeof(text));
		fprintf(writer->to, "hellogate_upstream_up{upstream=\"%s\"} %d\n", text,
			health_state(&upstream->health) == HEALTH_UP);
	}
	head(writer, "upstream_sessions", "gauge", "sessions that have a socket to the upstream");
	for (const struct upstream *upstream = gateway->upstreams; upstream != NULL;
		upstream = upstream->next) {
		address_print_port(&upstream->address, text, sizeof(text));
		fprintf(writer->to, "hellogate_upstream_sessions{upstream=\"%s\"} %" PRIu32 "\n",
			text, atomic_load_explicit(&upstream->n_sessions, memory_order_relaxed));
	}
}

char *
metrics_write(const struct gateway *gateway, uint64_t started, bool open, size_t *ret_len)
{
	struct writer writer = { .open = open };
	struct stats_handshake handshake;
	struct stats_worker worker;
	char *text = NULL;
	size_t len = 0;

	writer.to = open_memstream(&text, &len);
	if (writer.to == NULL)
		return NULL;
	counters_sum(gateway, &worker, &handshake);
	stats_each_worker(&worker, write_counter, &writer);
	stats_each_handshake(&handshake, write_counter, &writer);
	stats_each_exception(exception_stats(gateway->exception), write_counter, &writer);
	write_sessions(&writer, gateway, &worker, &handshake);
	write_keys(&writer, gateway, started);
	write_busy(&writer, gateway);
	write_rings(&writer, gateway);
	write_pools(&writer, gateway);
	write_ports(&writer, gateway);
	write_upstreams(&writer, gateway);
	if (open)
		fputs("# EOF\n", writer.to);
	if (fclose(writer.to) != 0) {
		free(text);
		return NULL;
	}
	*ret_len = len;
	return text;
}
