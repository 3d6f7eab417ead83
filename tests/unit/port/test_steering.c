/* SPDX-License-Identifier: BSD-3-Clause */
/* The rules that a device is asked for, by a device that is none and remembers them. */
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_flow.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/ini.h"
#include "port/steering.h"
#include "scratch.h"
#include "unit.h"

#define ID 3
#define RULES_MAX 16

/* What the device was asked for, and what it does not do. */
static struct {
	unsigned int n_isolated, n_validated, n_created, n_destroyed, n_rules;
	char rule[RULES_MAX][256]; /* "": it was destroyed */
	char validated[256];
	unsigned int invalid,
		refused; /* UDP ports of rules that are none, and that it has no room for */
	bool shared_only, keeps;
} device;

static struct config_port config_port;
static struct port port;
static struct port_table table;

static void
append(char *text, const char *word)
{
	assert_true(strlen(text) + strlen(word) < 256);
	strcat(text, word);
}

/* " NAME FIELD": what is asked for is the field at this place, and nothing else of the header. */
static void
append_item(char *text, const char *name, const struct rte_flow_item *item, size_t size, size_t at,
	size_t len)
{
	uint8_t mask[64] = { 0 }, rest[64];
	char word[INET6_ADDRSTRLEN] = "";

	assert_true(size <= sizeof(mask));
	assert_null(item->last);
	memset(mask + at, 0xff, len);
	assert_memory_equal(item->mask, mask, size);
	memcpy(rest, item->spec, size);
	memset(rest + at, 0, len);
	memset(mask, 0, sizeof(mask));
	assert_memory_equal(rest, mask, size);
	append(text, name);
	memcpy(rest, (const uint8_t *)item->spec + at, len);
	if (len == 2)
		snprintf(word, sizeof(word), "%u", (unsigned int)rest[0] << 8 | rest[1]);
	else
		inet_ntop(len == 4 ? AF_INET : AF_INET6, rest, word, sizeof(word));
	append(text, word);
}

/* The rule as text; returns its UDP port. */
static unsigned int
describe(char text[256], const struct rte_flow_item *item, const struct rte_flow_action *action)
{
	const struct rte_flow_item_udp *udp = NULL;
	char words[64];

	text[0] = '\0';
	for (; item->type != RTE_FLOW_ITEM_TYPE_END; item++)
		switch (item->type) {
		case RTE_FLOW_ITEM_TYPE_ETH:
			assert_null(item->spec);
			append(text, "eth");
			break;
		case RTE_FLOW_ITEM_TYPE_VLAN:
			assert_null(item->spec);
			append(text, " vlan");
			break;
		case RTE_FLOW_ITEM_TYPE_IPV4:
			append_item(text, " ipv4 ", item, sizeof(struct rte_flow_item_ipv4),
				offsetof(struct rte_flow_item_ipv4, hdr.dst_addr), 4);
			break;
		case RTE_FLOW_ITEM_TYPE_IPV6:
			append_item(text, " ipv6 ", item, sizeof(struct rte_flow_item_ipv6),
				offsetof(struct rte_flow_item_ipv6, hdr.dst_addr), 16);
			break;
		case RTE_FLOW_ITEM_TYPE_UDP:
			udp = item->spec;
			append_item(text, " udp ", item, sizeof(*udp),
				offsetof(struct rte_flow_item_udp, hdr.dst_port), 2);
			break;
		default:
			fail_msg("nobody wants item %d", item->type);
		}
	if (action->type == RTE_FLOW_ACTION_TYPE_QUEUE) {
		const struct rte_flow_action_queue *queue = action->conf;

		snprintf(words, sizeof(words), " queue %u", queue->index);
	} else {
		const struct rte_flow_action_rss *rss = action->conf;

		assert_int_equal(action->type, RTE_FLOW_ACTION_TYPE_RSS);
		for (uint16_t i = 0; i < rss->queue_num; i++)
			assert_int_equal(rss->queue[i], i);
		assert_ptr_equal(rss->key, port.rss_key);
		snprintf(words, sizeof(words), " rss %u queues key %u types %llx", rss->queue_num,
			rss->key_len, (unsigned long long)rss->types);
	}
	append(text, words);
	assert_int_equal(action[1].type, RTE_FLOW_ACTION_TYPE_END);
	assert_non_null(udp);
	return ntohs(udp->hdr.dst_port);
}

int
rte_flow_isolate(uint16_t id, int set, struct rte_flow_error *error)
{
	assert_int_equal(id, ID);
	assert_int_equal(set, 1);
	device.n_isolated++;
	return device.shared_only
		       ? rte_flow_error_set(error, ENOTSUP, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, NULL,
				 "it cannot share")
		       : 0;
}

int
rte_flow_validate(uint16_t id, const struct rte_flow_attr *attr,
	const struct rte_flow_item pattern[], const struct rte_flow_action actions[],
	struct rte_flow_error *error)
{
	assert_int_equal(id, ID);
	assert_true(attr->ingress && !attr->egress && !attr->transfer);
	assert_int_equal(attr->group, 0);
	device.n_validated++;
	if (describe(device.validated, pattern, actions) == device.invalid)
		return rte_flow_error_set(
			error, EINVAL, RTE_FLOW_ERROR_TYPE_ITEM, pattern, "nobody wants this port");
	return 0;
}

struct rte_flow *
rte_flow_create(uint16_t id, const struct rte_flow_attr *attr, const struct rte_flow_item pattern[],
	const struct rte_flow_action actions[], struct rte_flow_error *error)
{
	char *rule = device.rule[device.n_created];

	(void)attr;
	assert_int_equal(id, ID);
	assert_true(device.n_created < RULES_MAX);
	if (describe(rule, pattern, actions) == device.refused) {
		rule[0] = '\0';
		rte_flow_error_set(error, ENOSPC, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, NULL, NULL);
		return NULL;
	}
	assert_string_equal(rule, device.validated);
	device.n_rules++;
	return (struct rte_flow *)device.rule[device.n_created++];
}

int
rte_flow_destroy(uint16_t id, struct rte_flow *flow, struct rte_flow_error *error)
{
	char *rule = (char *)flow;

	assert_int_equal(id, ID);
	assert_string_not_equal(rule, "");
	device.n_destroyed++;
	if (device.keeps)
		return rte_flow_error_set(
			error, EBUSY, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, NULL, "it is stuck");
	rule[0] = '\0';
	device.n_rules--;
	return 0;
}

/* A profile with isolate in line 2 and steering in line 3, and a port with one queue. */
static int
begin(void **state)
{
	struct error error;

	(void)state;
	memset(&device, 0, sizeof(device));
	memset(&port, 0, sizeof(port));
	config_port = (struct config_port){ .name = "wan" };
	assert_int_equal(ini_load(&config_port.profile.ini,
				 scratch_text(&scratch_group, "flow.ini",
					 "[flow]\nisolate = yes\nsteering = listeners\n"),
				 &error),
		0);
	config_port.profile.steering = PROFILE_STEERING_LISTENERS;
	port.config = &config_port;
	port.id = ID;
	port.n_queues = 1;
	return 0;
}

static void
clear_table(void)
{
	port_table_free(&table);
	memset(&table, 0, sizeof(table));
}

static int
end(void **state)
{
	(void)state;
	device.keeps = false;
	steering_keep(&port, NULL);
	assert_null(port.steering.rule);
	clear_table();
	ini_free(config_port.profile.ini);
	return 0;
}

/* Listens on 198.18.0.1 and 2001:2::1, at each of these ports; 0 ends them. */
static void
listen_on(const uint16_t *udp_port)
{
	static const uint8_t four[4] = { 198, 18, 0, 1 }, six[16] = { 0x20, 0x01, 0, 2, [15] = 1 };

	clear_table();
	for (; *udp_port != 0; udp_port++) {
		assert_int_equal(port_table_add(&table, 4, four, *udp_port, 0), 0);
		assert_int_equal(port_table_add(&table, 6, six, *udp_port, 0), 0);
	}
}

static const uint16_t one[] = { 5684, 0 }, two[] = { 5684, 5685, 0 }, other[] = { 5685, 0 };

/* How many such rules the device has. */
static unsigned int
count(const char *rule)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < device.n_created; i++)
		n += strcmp(device.rule[i], rule) == 0;
	return n;
}

static void
add(void)
{
	struct error error = { "" };

	if (steering_add(&port, &table, &error) != 0)
		fail_msg("%s", error.text);
}

static void
assert_refused(const char *words)
{
	struct error error = { "" };
	char wanted[512];

	assert_int_equal(steering_add(&port, &table, &error), -EINVAL);
	snprintf(wanted, sizeof(wanted), "%s:3: port wan: the device refuses %s",
		scratch_path(&scratch_group, "flow.ini"), words);
	assert_string_equal(error.text, wanted);
}

static void
test_not_asked_for(void **state)
{
	struct error error;

	(void)state;
	config_port.profile.steering = PROFILE_STEERING_OFF;
	listen_on(two);
	add();
	assert_int_equal(steering_isolate(&port, &error), 0);
	assert_int_equal(device.n_isolated + device.n_validated, 0);
}

static void
test_isolate(void **state)
{
	struct error error;
	char wanted[512];

	(void)state;
	config_port.profile.isolate = 1;
	assert_int_equal(steering_isolate(&port, &error), 0);
	device.shared_only = true;
	assert_int_equal(steering_isolate(&port, &error), -EINVAL);
	snprintf(wanted, sizeof(wanted), "%s:2: port wan: the device refuses isolated mode: %s",
		scratch_path(&scratch_group, "flow.ini"), "it cannot share");
	assert_string_equal(error.text, wanted);
	assert_int_equal(device.n_isolated, 2);
}

static void
test_one_queue(void **state)
{
	(void)state;
	listen_on(two);
	add();
	assert_int_equal(device.n_rules, 4);
	assert_int_equal(count("eth ipv4 198.18.0.1 udp 5684 queue 0"), 1);
	assert_int_equal(count("eth ipv4 198.18.0.1 udp 5685 queue 0"), 1);
	assert_int_equal(count("eth ipv6 2001:2::1 udp 5684 queue 0"), 1);
	assert_int_equal(count("eth ipv6 2001:2::1 udp 5685 queue 0"), 1);
}

/* By the hash of what the rule matches, as far as the profile asks for it, and with its key. */
static void
test_several_queues(void **state)
{
	const unsigned long long four = RTE_ETH_RSS_IPV4,
				 six = RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_UDP;
	char wanted[256];

	(void)state;
	port.n_queues = 3;
	port.rss_key_len = 40;
	port.rss_types = four | six | RTE_ETH_RSS_NONFRAG_IPV4_TCP;
	listen_on(one);
	add();
	assert_int_equal(device.n_rules, 2);
	snprintf(wanted, sizeof(wanted),
		"eth ipv4 198.18.0.1 udp 5684 rss 3 queues key 40 types %llx", four);
	assert_int_equal(count(wanted), 1);
	snprintf(wanted, sizeof(wanted),
		"eth ipv6 2001:2::1 udp 5684 rss 3 queues key 40 types %llx", six);
	assert_int_equal(count(wanted), 1);
}

/* One rule for each number of tags. */
static void
test_tags(void **state)
{
	(void)state;
	config_port.profile.vlan_tags = 2;
	listen_on(one);
	add();
	assert_int_equal(device.n_rules, 6);
	assert_int_equal(count("eth ipv4 198.18.0.1 udp 5684 queue 0"), 1);
	assert_int_equal(count("eth vlan ipv4 198.18.0.1 udp 5684 queue 0"), 1);
	assert_int_equal(count("eth vlan vlan ipv4 198.18.0.1 udp 5684 queue 0"), 1);
	assert_int_equal(count("eth vlan vlan ipv6 2001:2::1 udp 5684 queue 0"), 1);
	device.keeps = true;
	steering_keep(&port, NULL); /* forgotten all the same */
	assert_int_equal(device.n_destroyed, 6);
}

/* A reload makes what is new, then takes away what has gone; what stays is not touched. */
static void
test_reload(void **state)
{
	(void)state;
	listen_on(one);
	add();
	listen_on(two);
	add();
	assert_int_equal(device.n_created, 4);
	steering_keep(&port, &table);
	assert_int_equal(device.n_destroyed, 0);
	listen_on(other);
	add();
	assert_int_equal(device.n_created, 4);
	steering_keep(&port, &table);
	assert_int_equal(device.n_destroyed, 2);
	assert_int_equal(device.n_rules, 2);
	assert_int_equal(count("eth ipv4 198.18.0.1 udp 5685 queue 0"), 1);
	assert_int_equal(count("eth ipv6 2001:2::1 udp 5685 queue 0"), 1);
	listen_on(one); /* it comes back */
	add();
	assert_int_equal(device.n_created, 6);
	steering_keep(&port, NULL);
	assert_int_equal(device.n_rules, 0);
	assert_null(port.steering.rule);
}

/* What was made before stays until the old table is kept. */
static void
test_refusals(void **state)
{
	(void)state;
	listen_on(one);
	add();
	device.invalid = 5685;
	listen_on(two);
	assert_refused("a rule for UDP to 198.18.0.1:5685: nobody wants this port");
	device.invalid = 0;
	device.refused = 5685;
	assert_refused("a rule for UDP to 198.18.0.1:5685: No space left on device");
	assert_int_equal(device.n_rules, 2);
	device.refused = 5686;
	listen_on((const uint16_t[]){ 5684, 5685, 5686, 0 });
	config_port.profile.vlan_tags = 1;
	assert_refused("a rule for UDP to 198.18.0.1:5686: No space left on device");
	assert_int_equal(device.n_rules, 2 + 1 + 2);
	config_port.profile.vlan_tags = 0;
	listen_on(one);
	steering_keep(&port, &table);
	/* Of the tags' rules the addresses are listened on as before. */
	assert_int_equal(device.n_rules, 3);
	assert_int_equal(count("eth vlan ipv4 198.18.0.1 udp 5684 queue 0"), 1);
}

static void
test_refusal_behind_tags(void **state)
{
	(void)state;
	listen_on(one);
	add();
	config_port.profile.vlan_tags = 1;
	device.refused = 5684;
	assert_refused(
		"a rule for UDP to 198.18.0.1:5684 behind 1 VLAN tags: No space left on device");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_not_asked_for, begin, end),
		cmocka_unit_test_setup_teardown(test_isolate, begin, end),
		cmocka_unit_test_setup_teardown(test_one_queue, begin, end),
		cmocka_unit_test_setup_teardown(test_several_queues, begin, end),
		cmocka_unit_test_setup_teardown(test_tags, begin, end),
		cmocka_unit_test_setup_teardown(test_reload, begin, end),
		cmocka_unit_test_setup_teardown(test_refusals, begin, end),
		cmocka_unit_test_setup_teardown(test_refusal_behind_tags, begin, end),
	};

	return cmocka_run_group_tests(tests, scratch_group_open, scratch_group_close);
}
