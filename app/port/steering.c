/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/steering.h"

#include <rte_ethdev.h>
#include <rte_flow.h>

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "config/address.h"
#include "port/log.h"

LOG_TYPE(steering);

#define TEXT_MAX 96u

struct steering_rule {
	uint8_t family; /* 4 or 6 */
	uint8_t tags;
	uint8_t key[18]; /* address and port as in struct port_table */
	struct rte_flow *flow;
};

static size_t
address_len(const struct steering_rule *rule)
{
	return rule->family == 4 ? 4 : 16;
}

static bool
is_same(const struct steering_rule *a, const struct steering_rule *b)
{
	return a->family == b->family && a->tags == b->tags &&
	       memcmp(a->key, b->key, address_len(a) + 2) == 0;
}

/* "UDP to 198.18.0.1:5684", and what else tells a rule from others. */
static void
describe(const struct steering_rule *rule, char text[TEXT_MAX])
{
	size_t len = address_len(rule);
	struct address to = { .family = rule->family, .port = hg_load_be16(rule->key + len) };
	char address[ADDRESS_TEXT_MAX];
	int n;

	memcpy(to.bytes, rule->key, len);
	address_print_port(&to, address, sizeof(address));
	n = snprintf(text, TEXT_MAX, "UDP to %s", address);
	if (rule->tags != 0)
		snprintf(text + n, TEXT_MAX - (size_t)n, " behind %u VLAN tags", rule->tags);
}

/* Where the profile asks for it; a profile without a file asks for nothing. */
static int
refuse(const struct port *port, const char *key, const char *what, const struct rte_flow_error *why,
	struct error *error)
{
	const struct ini *ini = port->config->profile.ini;

	return ini_blame(ini, ini_section(ini, "flow"), key, error,
		"port %s: the device refuses %s: %s", port->config->name, what,
		why->message != NULL ? why->message : rte_strerror(rte_errno));
}

int
steering_isolate(struct port *port, struct error *error)
{
	struct rte_flow_error why = { 0 };

	if (port->config->profile.isolate == 0 || rte_flow_isolate(port->id, 1, &why) == 0)
		return 0;
	return refuse(port, "isolate", "isolated mode", &why, error);
}

/* What a device is asked for, in the form that DPDK wants it. */
struct request {
	struct rte_flow_item item[6];
	struct rte_flow_item_ipv4 ipv4, ipv4_mask;
	struct rte_flow_item_ipv6 ipv6, ipv6_mask;
	struct rte_flow_item_udp udp, udp_mask;
	struct rte_flow_action action[2];
	struct rte_flow_action_queue queue;
	struct rte_flow_action_rss rss;
	uint16_t queues[RTE_MAX_QUEUES_PER_PORT];
};

static void
fill_pattern(struct request *request, const struct steering_rule *rule)
{
	struct rte_flow_item *item = request->item;
	size_t len = address_len(rule);

	*item++ = (struct rte_flow_item){ .type = RTE_FLOW_ITEM_TYPE_ETH };
	for (unsigned int i = 0; i < rule->tags; i++)
		*item++ = (struct rte_flow_item){ .type = RTE_FLOW_ITEM_TYPE_VLAN };
	if (rule->family == 4) {
		memcpy(&request->ipv4.hdr.dst_addr, rule->key, len);
		memset(&request->ipv4_mask.hdr.dst_addr, 0xff, len);
		*item++ = (struct rte_flow_item){ .type = RTE_FLOW_ITEM_TYPE_IPV4,
			.spec = &request->ipv4,
			.mask = &request->ipv4_mask };
	} else {
		memcpy(&request->ipv6.hdr.dst_addr, rule->key, len);
		memset(&request->ipv6_mask.hdr.dst_addr, 0xff, len);
		*item++ = (struct rte_flow_item){ .type = RTE_FLOW_ITEM_TYPE_IPV6,
			.spec = &request->ipv6,
			.mask = &request->ipv6_mask };
	}
	memcpy(&request->udp.hdr.dst_port, rule->key + len, 2);
	memset(&request->udp_mask.hdr.dst_port, 0xff, 2);
	*item++ = (struct rte_flow_item){
		.type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &request->udp, .mask = &request->udp_mask
	};
	item->type = RTE_FLOW_ITEM_TYPE_END;
}

/* All queues of the port, by the profile's hash of what the rule matches; one queue needs none. */
static void
fill_action(struct request *request, const struct port *port, const struct steering_rule *rule)
{
	const uint64_t ip = rule->family == 4 ? RTE_ETH_RSS_IPV4 : RTE_ETH_RSS_IPV6;
	const uint64_t udp =
		rule->family == 4 ? RTE_ETH_RSS_NONFRAG_IPV4_UDP : RTE_ETH_RSS_NONFRAG_IPV6_UDP;
	struct rte_flow_action_rss *rss = &request->rss;

	request->action[1].type = RTE_FLOW_ACTION_TYPE_END;
	if (port->n_queues == 1) {
		request->action[0].type = RTE_FLOW_ACTION_TYPE_QUEUE;
		request->action[0].conf = &request->queue;
		return;
	}
	for (uint16_t i = 0; i < port->n_queues; i++)
		request->queues[i] = i;
	rss->queue = request->queues;
	rss->queue_num = port->n_queues;
	rss->key = port->rss_key;
	rss->key_len = port->rss_key_len;
	rss->types = (ip | udp) & port->rss_types;
	request->action[0].type = RTE_FLOW_ACTION_TYPE_RSS;
	request->action[0].conf = rss;
}

static int
create(struct port *port, struct steering_rule *rule, struct error *error)
{
	const struct rte_flow_attr attr = { .ingress = 1 };
	struct rte_flow_error why = { 0 };
	struct request request = { 0 };
	char text[TEXT_MAX], what[TEXT_MAX + 32];

	fill_pattern(&request, rule);
	fill_action(&request, port, rule);
	/* Most drivers say more of what they cannot do when they are only asked. */
	if (rte_flow_validate(port->id, &attr, request.item, request.action, &why) == 0) {
		rule->flow = rte_flow_create(port->id, &attr, request.item, request.action, &why);
		if (rule->flow != NULL)
			return 0;
	}
	describe(rule, text);
	snprintf(what, sizeof(what), "a rule for %s", text);
	return refuse(port, "steering", what, &why, error);
}

static bool
has(const struct steering *steering, const struct steering_rule *rule)
{
	for (unsigned int i = 0; i < steering->n; i++)
		if (is_same(&steering->rule[i], rule))
			return true;
	return false;
}

/* One address and UDP port, with every number of tags. */
static int
add_bind(struct port *port, uint8_t family, const uint8_t *key, struct error *error)
{
	struct steering *steering = &port->steering;
	struct steering_rule rule = { .family = family };

	memcpy(rule.key, key, address_len(&rule) + 2);
	for (rule.tags = 0; rule.tags <= port->config->profile.vlan_tags; rule.tags++) {
		if (has(steering, &rule))
			continue;
		if (create(port, &rule, error) != 0)
			return -EINVAL;
		steering->rule[steering->n++] = rule;
	}
	return 0;
}

int
steering_add(struct port *port, const struct port_table *table, struct error *error)
{
	struct steering *steering = &port->steering;
	unsigned int per_bind = 1 + port->config->profile.vlan_tags;
	struct steering_rule *rule;
	int err = 0;

	if (port->config->profile.steering == PROFILE_STEERING_OFF)
		return 0;
	rule = realloc(steering->rule,
		(steering->n + (table->ipv4.n + table->ipv6.n) * per_bind + 1) * sizeof(*rule));
	if (rule == NULL)
		return error_set(error, "no memory for rules of port %s", port->config->name);
	steering->rule = rule;
	for (unsigned int i = 0; err == 0 && i < table->ipv4.n; i++)
		err = add_bind(port, 4, table->ipv4.bind[i].key, error);
	for (unsigned int i = 0; err == 0 && i < table->ipv6.n; i++)
		err = add_bind(port, 6, table->ipv6.bind[i].key, error);
	return err;
}

static bool
is_wanted(const struct steering_rule *rule, const struct port_table *table)
{
	const struct port_table_binds *binds;

	if (table == NULL)
		return false;
	binds = rule->family == 4 ? &table->ipv4 : &table->ipv6;
	for (unsigned int i = 0; i < binds->n; i++)
		if (memcmp(rule->key, binds->bind[i].key, rule->family == 4 ? 6 : 18) == 0)
			return true;
	return false;
}

void
steering_keep(struct port *port, const struct port_table *table)
{
	struct steering *steering = &port->steering;
	struct rte_flow_error why = { 0 };
	char text[TEXT_MAX];
	unsigned int n = 0;

	for (unsigned int i = 0; i < steering->n; i++) {
		struct steering_rule *rule = &steering->rule[i];

		if (is_wanted(rule, table)) {
			steering->rule[n++] = *rule;
			continue;
		}
		/* Whatever the device says, there is nothing more that could be done with it. */
		if (rte_flow_destroy(port->id, rule->flow, &why) != 0) {
			describe(rule, text);
			LOG(WARNING, "port %s: the device keeps a rule for %s: %s\n",
				port->config->name, text,
				why.message != NULL ? why.message : rte_strerror(rte_errno));
		}
	}
	steering->n = n;
	if (n == 0) {
		free(steering->rule);
		steering->rule = NULL;
	}
}
