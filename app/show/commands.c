/* SPDX-License-Identifier: BSD-3-Clause */
#include "show/commands.h"

#include <rte_cycles.h>
#include <rte_hash.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "core/core.h"
#include "core/upstream.h"
#include "exception/exception.h"
#include "gateway/flows.h"
#include "port/dpdk.h"
#include "port/link.h"
#include "port/port.h"
#include "show/counters.h"
#include "worker/loop.h"

/* What surely fits into the 16 KB of an answer. */
#define SECTIONS_MAX 24u
#define ROWS_MAX 64u

static void
add_counter(void *arg, const char *name, const char *help, uint64_t value)
{
	(void)help;
	dpdk_tel_add_uint(arg, name, value);
}

static int
show_stats(const struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	struct stats_handshake handshake;
	struct stats_worker worker;

	(void)params;
	counters_sum(gateway, &worker, &handshake);
	rte_tel_data_start_dict(data);
	stats_each_worker(&worker, add_counter, data);
	stats_each_handshake(&handshake, add_counter, data);
	stats_each_exception(exception_stats(gateway->exception), add_counter, data);
	return 0;
}

static int
show_worker(const struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	uint64_t number;

	if (params == NULL || hg_text_number(params, 0, UINT32_MAX, &number) != 0 ||
		number >= gateway->n_workers)
		return -EINVAL;
	rte_tel_data_start_dict(data);
	stats_each_worker(&gateway->worker[number]->stats, add_counter, data);
	return 0;
}

static int
show_sessions(const struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	struct stats_handshake sum;
	struct stats_worker worker;

	(void)params;
	counters_sum(gateway, &worker, &sum);
	rte_tel_data_start_dict(data);
	dpdk_tel_add_uint(data, "sessions", stats_get(&sum.sessions));
	dpdk_tel_add_uint(data, "half_open", stats_get(&sum.half_open));
	/* The two are not read at one moment. */
	dpdk_tel_add_uint(data, "established",
		stats_get(&sum.sessions) -
			RTE_MIN(stats_get(&sum.half_open), stats_get(&sum.sessions)));
	dpdk_tel_add_uint(data, "max", gateway->config->gateway.max_sessions);
	for (unsigned int i = 0; i < gateway->n_cores; i++) {
		char name[32];

		snprintf(name, sizeof(name), "core_%u", i);
		dpdk_tel_add_uint(data, name, stats_get(&gateway->core[i]->stats.sessions));
	}
	return 0;
}

/* The end of a session: 0 is the client's, 1 ours. */
static void
print_end(const struct flow_key *key, unsigned int end, char text[ADDRESS_TEXT_MAX])
{
	size_t len = key->family == 4 ? 4 : 16;
	struct address address = {
		.family = key->family,
		.port = hg_load_be16(key->tuple + 2 * len + 2 * (size_t)end),
	};

	memcpy(address.bytes, key->tuple + len * end, len);
	address_print_port(&address, text, ADDRESS_TEXT_MAX);
}

/* "192.0.2.1:40000 198.18.0.1:5684 established": the client, our end, the state. */
static void
session_row(char *ret, size_t size, const struct flow_key *key, const void *data)
{
	char client[ADDRESS_TEXT_MAX], ours[ADDRESS_TEXT_MAX];

	print_end(key, 0, client);
	print_end(key, 1, ours);
	snprintf(ret, size, "%s %s %s", client, ours,
		flow_is_established(data) ? "established" : "handshake");
}

/* Where a list is to go on; without a word of that, at its beginning. */
static int
read_start(const char *params, uint32_t *ret_start)
{
	uint64_t start = 0;

	if (params != NULL && *params != '\0' && hg_text_number(params, 0, UINT32_MAX, &start) != 0)
		return -EINVAL;
	*ret_start = (uint32_t)start;
	return 0;
}

/*
 * Reads the table as workers do: keys, never what is behind them, which is the cores'. It is a reader
 * of its own, so that no key is taken out of the table under its hands.
 */
static int
show_session_list(const struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	unsigned int reader = gateway->n_workers + gateway->n_cores, n = 0;
	struct rte_tel_data *rows;
	const void *key;
	uint32_t next;
	void *session;

	if (read_start(params, &next) != 0)
		return -EINVAL;
	rows = rte_tel_data_alloc();
	if (rows == NULL)
		return -ENOMEM;
	rte_tel_data_start_array(rows, RTE_TEL_STRING_VAL);
	rte_rcu_qsbr_thread_online(gateway->qsbr, reader);
	while (n < ROWS_MAX && rte_hash_iterate(gateway->sessions, &key, &session, &next) >= 0) {
		char row[RTE_TEL_MAX_STRING_LEN];

		session_row(row, sizeof(row), key, session);
		rte_tel_data_add_array_string(rows, row);
		n++;
	}
	rte_rcu_qsbr_thread_offline(gateway->qsbr, reader);
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_container(data, "sessions", rows, 0);
	if (n == ROWS_MAX)
		dpdk_tel_add_uint(data, "next", next);
	return 0;
}

static void
add_busy(struct rte_tel_data *data, const char *kind, unsigned int number, uint64_t cycles)
{
	char name[32];

	snprintf(name, sizeof(name), "%s_%u", kind, number);
	dpdk_tel_add_uint(data, name, (uint64_t)((double)cycles * 1e6 / (double)rte_get_tsc_hz()));
}

static int
show_busy(const struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	(void)params;
	rte_tel_data_start_dict(data);
	for (unsigned int i = 0; i < gateway->n_workers; i++)
		add_busy(data, "worker", i, stats_get(&gateway->worker[i]->stats.busy));
	for (unsigned int i = 0; i < gateway->n_cores; i++)
		add_busy(data, "core", i, stats_get(&gateway->core[i]->stats.busy));
	return 0;
}

/* Which keys, how old, how long still; never a byte of them. */
static int
show_keys(const struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	const struct config_gateway *settings = &gateway->config->gateway;
	uint64_t now = atomic_load_explicit(&gateway->now, memory_order_relaxed);
	uint64_t epoch = hg_cookie_epoch(now, settings->key_rotation);
	uint64_t age = now - epoch * settings->key_rotation, left = settings->key_rotation - age;

	(void)params;
	rte_tel_data_start_dict(data);
	dpdk_tel_add_uint(data, "epoch", epoch);
	dpdk_tel_add_uint(data, "age_seconds", age);
	dpdk_tel_add_uint(data, "rotates_in_seconds", left);
	/* Its last cookie is made when it is replaced, and is good for a lifetime more. */
	dpdk_tel_add_uint(data, "accepted_for_seconds", left + settings->cookie_lifetime);
	dpdk_tel_add_uint(data, "previous_accepted_for_seconds",
		settings->cookie_lifetime - RTE_MIN(age, settings->cookie_lifetime));
	dpdk_tel_add_uint(data, "rotation_seconds", settings->key_rotation);
	dpdk_tel_add_uint(data, "lifetime_seconds", settings->cookie_lifetime);
	rte_tel_data_add_dict_string(data, "secret",
		settings->cookie_secret != NULL ? "file" : "random, this process only");
	return 0;
}

/* Telemetry takes letters, digits, '_' and '/' for names. */
static void
legal_name(char *ret, size_t size, const char *name)
{
	snprintf(ret, size, "%s", name);
	for (char *p = ret; *p != '\0'; p++)
		if (strchr("-. ", *p) != NULL)
			*p = *p == ' ' ? '/' : '_';
}

/* Collects settings section by section, each in a dictionary of its own. */
struct collector {
	struct rte_tel_data *data;
	struct rte_tel_data *section_data;
	const char *section;
	const char *wanted; /* this section alone; NULL: all */
};

static void
end_section(struct collector *collector)
{
	char name[CONFIG_NAME_MAX + 16];

	if (collector->section_data == NULL)
		return;
	legal_name(name, sizeof(name), collector->section);
	rte_tel_data_add_dict_container(collector->data, name, collector->section_data, 0);
	collector->section_data = NULL;
}

static void
add_setting(void *arg, const char *section, const char *key, const char *value)
{
	struct collector *collector = arg;
	char name[64];

	if (collector->section != section) {
		end_section(collector);
		collector->section = section;
		if (collector->wanted == NULL || strcmp(collector->wanted, section) == 0)
			collector->section_data = rte_tel_data_alloc();
		if (collector->section_data != NULL)
			rte_tel_data_start_dict(collector->section_data);
	}
	if (collector->section_data == NULL || value[0] == '\0')
		return;
	legal_name(name, sizeof(name), key);
	rte_tel_data_add_dict_string(collector->section_data, name, value);
}

/* The section that is named; else all, or of a file too long for one answer the gateway section. */
static int
show_config(const struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	const struct config *config = gateway->config;
	struct collector collector = { .data = data };
	char hmac[HG_HMAC_LADDER_TEXT];

	if (params != NULL && *params != '\0')
		collector.wanted = params;
	else if (config->n_ports + config->n_listeners > SECTIONS_MAX)
		collector.wanted = "gateway";
	rte_tel_data_start_dict(data);
	config_each(config, add_setting, &collector);
	end_section(&collector);
	dpdk_tel_add_uint(data, "effective/workers", gateway->n_workers);
	hg_hmac_ladder_describe(&gateway->hmac, hmac, sizeof(hmac));
	rte_tel_data_add_dict_string(data, "effective/hmac_kernel", hmac);
	return 0;
}

/* Not the driver's count: some ports send past it, and those that were taken up again have another one. */
static uint64_t
count_sent(const struct gateway *gateway, const struct port *port)
{
	uint64_t sent = 0;

	for (unsigned int i = 0; i < gateway->n_queues; i++)
		if (gateway->queue[i].port == port)
			sent += stats_get(&gateway->queue[i].sent);
	return sent;
}

static int
show_ports(const struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	(void)params;
	rte_tel_data_start_dict(data);
	for (unsigned int i = 0; i < gateway->n_ports; i++) {
		struct port *port = &gateway->port[i];
		const uint8_t *mac = port->host.mac;
		struct rte_tel_data *one = rte_tel_data_alloc();
		char text[32], name[CONFIG_NAME_MAX];

		if (one == NULL)
			return -ENOMEM;
		snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
			mac[2], mac[3], mac[4], mac[5]);
		rte_tel_data_start_dict(one);
		if (port_serves(port)) /* else there is no device */
			dpdk_tel_add_uint(one, "dpdk_port", port->id);
		dpdk_tel_add_uint(one, "queues", port->n_queues);
		rte_tel_data_add_dict_int(one, "numa_node", port->node);
		dpdk_tel_add_uint(
			one, "link_up", atomic_load_explicit(&port->link_up, memory_order_relaxed));
		rte_tel_data_add_dict_string(one, "mac", text);
		dpdk_tel_add_uint(one, "link_held", port_link_holds(port));
		rte_tel_data_add_dict_string(one, "state", port_service(port));
		dpdk_tel_add_uint(
			one, "mtu", atomic_load_explicit(&port->mtu, memory_order_relaxed));
		dpdk_tel_add_uint(one, "restarts",
			atomic_load_explicit(&port->restarts, memory_order_relaxed));
		dpdk_tel_add_uint(one, "sent", count_sent(gateway, port));
		if (port->peer != NULL) {
			legal_name(name, sizeof(name), port->peer->config->name);
			rte_tel_data_add_dict_string(one, "peer", name);
		}
		legal_name(name, sizeof(name), port->config->name);
		rte_tel_data_add_dict_container(data, name, one, 0);
	}
	return 0;
}

/* Counted while buffers move: exact only when no packets flow. */
static int
show_buffers(const struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	char name[32];

	(void)params;
	rte_tel_data_start_dict(data);
	for (unsigned int i = 0; i < gateway->n_workers; i++) {
		snprintf(name, sizeof(name), "receive_%u", i);
		dpdk_tel_add_uint(data, name, rte_mempool_in_use_count(gateway->worker[i]->pool));
	}
	for (unsigned int i = 0; i < gateway->n_cores; i++) {
		snprintf(name, sizeof(name), "send_%u", i);
		dpdk_tel_add_uint(data, name, rte_mempool_in_use_count(gateway->core[i]->pool));
	}
	if (gateway->exception != NULL)
		dpdk_tel_add_uint(
			data, "kernel", rte_mempool_in_use_count(gateway->exception->pool));
	return 0;
}

/* "192.0.2.10:5683 up 12 3600 -": address, state, sessions, seconds for which it is so, reason. */
static void
upstream_row(char *ret, size_t size, const struct upstream *upstream, uint64_t now)
{
	static const char *const states[] = { "up", "down", "trial" };
	uint64_t since = atomic_load_explicit(&upstream->health.since, memory_order_relaxed);
	char address[ADDRESS_TEXT_MAX], reason[32];

	address_print_port(&upstream->address, address, sizeof(address));
	snprintf(
		reason, sizeof(reason), "%s", health_reason_text(health_reason(&upstream->health)));
	for (char *p = reason; *p != '\0'; p++)
		*p = *p == ' ' ? '_' : *p;
	snprintf(ret, size, "%s %s %" PRIu32 " %" PRIu64 " %s", address,
		states[health_state(&upstream->health)],
		atomic_load_explicit(&upstream->n_sessions, memory_order_relaxed),
		(uint64_t)RTE_MAX((int64_t)(now - since), 0) / rte_get_tsc_hz(), reason);
}

static int
show_upstreams(const struct gateway *gateway, const char *params, struct rte_tel_data *data)
{
	const struct upstream *upstream = gateway->upstreams;
	uint64_t now = rte_get_tsc_cycles();
	struct rte_tel_data *rows;
	uint32_t start, n = 0;

	if (read_start(params, &start) != 0)
		return -EINVAL;
	rows = rte_tel_data_alloc();
	if (rows == NULL)
		return -ENOMEM;
	rte_tel_data_start_array(rows, RTE_TEL_STRING_VAL);
	for (; upstream != NULL && n < start + ROWS_MAX; upstream = upstream->next, n++) {
		char row[RTE_TEL_MAX_STRING_LEN];

		if (n < start)
			continue;
		upstream_row(row, sizeof(row), upstream, now);
		rte_tel_data_add_array_string(rows, row);
	}
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_container(data, "upstreams", rows, 0);
	if (upstream != NULL)
		dpdk_tel_add_uint(data, "next", n);
	return 0;
}

const struct command commands[] = {
	{ "/hellogate/stats", "Every counter, summed over workers and handshake cores.",
		show_stats },
	{ "/hellogate/worker", "Counters of one worker. Parameter: its number.", show_worker },
	{ "/hellogate/busy", "Microseconds in which each worker and handshake core had work.",
		show_busy },
	{ "/hellogate/sessions", "Sessions, half open and established.", show_sessions },
	{ "/hellogate/session_list",
		"Sessions one by one, a part of them. Optional parameter: next of the part before.",
		show_session_list },
	{ "/hellogate/keys", "Epoch and ages of the cookie keys.", show_keys },
	{ "/hellogate/config",
		"Settings in effect. Optional parameter: one section, as in the file.",
		show_config },
	{ "/hellogate/ports",
		"State, link, queues, MTU, MAC address, NUMA node and bridge peer of every port.",
		show_ports },
	{ "/hellogate/upstreams",
		"Upstreams, their state and sessions. Optional parameter: next of the part before.",
		show_upstreams },
	{ "/hellogate/buffers", "Packet buffers in use, of each pool.", show_buffers },
};

const size_t commands_n = RTE_DIM(commands);
