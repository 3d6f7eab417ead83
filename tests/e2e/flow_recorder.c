/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD: a device that takes flow rules, told on stderr, one line for each call, and as text
 * just what was asked for. Everything else of the device is as it is.
 *
 * HG_FLOW_REFUSE=PORT: rules for this UDP port are refused when they are made, HG_FLOW_INVALID=PORT:
 * already when they are validated. HG_FLOW_SHARED=no: no isolated mode. HG_FLOW_STUCK=yes: no rule can
 * be destroyed.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_flow.h>

struct line {
	char text[1024];
	size_t len;
};

static void __attribute__((format(printf, 2, 3))) add(struct line *line, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line->text + line->len, sizeof(line->text) - line->len - 2, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof(line->text) - line->len - 2)
		abort();
	line->len += (size_t)n;
}

static void
tell(struct line *line)
{
	ssize_t written;

	line->text[line->len++] = '\n';
	written = write(STDERR_FILENO, line->text, line->len);
	(void)written;
}

static void
add_hex(struct line *line, const void *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		add(line, "%02x", ((const unsigned char *)bytes)[i]);
}

/* The field at this place, and all of the mask unless it asks for this field alone and whole. */
static void
add_field(
	struct line *line, const struct rte_flow_item *item, size_t size, size_t offset, size_t len)
{
	unsigned char mask[sizeof(struct rte_flow_item_ipv6)] = { 0 };
	char text[INET6_ADDRSTRLEN];
	const unsigned char *field = (const unsigned char *)item->spec + offset;

	memset(mask + offset, 0xff, len);
	if (len == 2)
		add(line, " dst %u", (unsigned int)field[0] << 8 | field[1]);
	else
		add(line, " dst %s",
			inet_ntop(len == 4 ? AF_INET : AF_INET6, field, text, sizeof(text)));
	if (item->last != NULL || memcmp(mask, item->mask, size) != 0) {
		add(line, " mask ");
		add_hex(line, item->mask, size);
	}
}

static unsigned int
add_items(struct line *line, const struct rte_flow_item *item)
{
	unsigned int udp = 0;

	for (; item->type != RTE_FLOW_ITEM_TYPE_END; item++) {
		switch (item->type) {
		case RTE_FLOW_ITEM_TYPE_ETH:
			add(line, item->spec == NULL ? " eth /" : " eth something /");
			continue;
		case RTE_FLOW_ITEM_TYPE_VLAN:
			add(line, item->spec == NULL ? " vlan /" : " vlan something /");
			continue;
		case RTE_FLOW_ITEM_TYPE_IPV4:
			add(line, " ipv4");
			add_field(line, item, sizeof(struct rte_flow_item_ipv4),
				offsetof(struct rte_flow_item_ipv4, hdr.dst_addr), 4);
			break;
		case RTE_FLOW_ITEM_TYPE_IPV6:
			add(line, " ipv6");
			add_field(line, item, sizeof(struct rte_flow_item_ipv6),
				offsetof(struct rte_flow_item_ipv6, hdr.dst_addr), 16);
			break;
		case RTE_FLOW_ITEM_TYPE_UDP:
			add(line, " udp");
			add_field(line, item, sizeof(struct rte_flow_item_udp),
				offsetof(struct rte_flow_item_udp, hdr.dst_port), 2);
			udp = ntohs(((const struct rte_flow_item_udp *)item->spec)->hdr.dst_port);
			break;
		default:
			add(line, " item %d", item->type);
		}
		add(line, " /");
	}
	return udp;
}

static void
add_actions(struct line *line, const struct rte_flow_action *action)
{
	for (; action->type != RTE_FLOW_ACTION_TYPE_END; action++) {
		const struct rte_flow_action_rss *rss = action->conf;

		if (action->type == RTE_FLOW_ACTION_TYPE_QUEUE) {
			add(line, " queue %u",
				((const struct rte_flow_action_queue *)action->conf)->index);
			continue;
		}
		if (action->type != RTE_FLOW_ACTION_TYPE_RSS) {
			add(line, " action %d", action->type);
			continue;
		}
		add(line, " rss func %d level %u types%s%s%s%s", rss->func, rss->level,
			rss->types & RTE_ETH_RSS_IPV4 ? " ipv4" : "",
			rss->types & RTE_ETH_RSS_NONFRAG_IPV4_UDP ? " ipv4-udp" : "",
			rss->types & RTE_ETH_RSS_IPV6 ? " ipv6" : "",
			rss->types & RTE_ETH_RSS_NONFRAG_IPV6_UDP ? " ipv6-udp" : "");
		add(line, " key ");
		add_hex(line, rss->key, rss->key_len);
		add(line, " queues");
		for (uint32_t i = 0; i < rss->queue_num; i++)
			add(line, " %u", rss->queue[i]);
	}
}

static bool
is_set(const char *name, unsigned int port)
{
	const char *value = getenv(name);

	return value != NULL && (unsigned int)atoi(value) == port;
}

int
rte_flow_isolate(uint16_t port, int set, struct rte_flow_error *error)
{
	struct line line = { .len = 0 };

	if (getenv("HG_FLOW_SHARED") != NULL)
		return rte_flow_error_set(
			error, ENOTSUP, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, NULL, "it cannot share");
	add(&line, "flow: port %u isolate %d", port, set);
	tell(&line);
	return 0;
}

int
rte_flow_validate(uint16_t port, const struct rte_flow_attr *attr,
	const struct rte_flow_item pattern[], const struct rte_flow_action actions[],
	struct rte_flow_error *error)
{
	struct line line = { .len = 0 };
	unsigned int udp;

	add(&line, "flow: port %u validate group %u priority %u%s%s", port, attr->group,
		attr->priority, attr->ingress ? " ingress" : "",
		attr->egress || attr->transfer ? " elsewhere" : "");
	udp = add_items(&line, pattern);
	add_actions(&line, actions);
	tell(&line);
	if (is_set("HG_FLOW_INVALID", udp))
		return rte_flow_error_set(
			error, EINVAL, RTE_FLOW_ERROR_TYPE_ITEM, pattern, "nobody wants this port");
	return 0;
}

struct rte_flow *
rte_flow_create(uint16_t port, const struct rte_flow_attr *attr,
	const struct rte_flow_item pattern[], const struct rte_flow_action actions[],
	struct rte_flow_error *error)
{
	struct line line = { .len = 0 };
	static uintptr_t number;
	unsigned int udp;

	(void)attr;
	add(&line, "flow: port %u create %u", port, (unsigned int)number + 1);
	udp = add_items(&line, pattern);
	add_actions(&line, actions);
	if (is_set("HG_FLOW_REFUSE", udp)) {
		rte_flow_error_set(error, ENOSPC, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, NULL, NULL);
		return NULL;
	}
	tell(&line);
	return (struct rte_flow *)++number;
}

int
rte_flow_destroy(uint16_t port, struct rte_flow *flow, struct rte_flow_error *error)
{
	struct line line = { .len = 0 };

	if (getenv("HG_FLOW_STUCK") != NULL)
		return rte_flow_error_set(
			error, EBUSY, RTE_FLOW_ERROR_TYPE_UNSPECIFIED, NULL, "stuck");
	add(&line, "flow: port %u destroy %u", port, (unsigned int)(uintptr_t)flow);
	tell(&line);
	return 0;
}

/* What else is done to the device, so that the order shows. */

int
rte_eth_dev_configure(uint16_t port, uint16_t n_rx, uint16_t n_tx, const struct rte_eth_conf *conf)
{
	int (*configure)(uint16_t, uint16_t, uint16_t, const struct rte_eth_conf *);
	struct line line = { .len = 0 };

	add(&line, "flow: port %u configure%s", port,
		conf->rxmode.mq_mode == RTE_ETH_MQ_RX_RSS ? " rss" : "");
	tell(&line);
	*(void **)&configure = dlsym(RTLD_NEXT, "rte_eth_dev_configure");
	return configure(port, n_rx, n_tx, conf);
}

#define TELL(name, word)                                   \
	int name(uint16_t port)                            \
	{                                                  \
		int (*next)(uint16_t);                     \
		struct line line = { .len = 0 };           \
                                                           \
		add(&line, "flow: port %u " word, port);   \
		tell(&line);                               \
		*(void **)&next = dlsym(RTLD_NEXT, #name); \
		return next(port);                         \
	}

TELL(rte_eth_dev_start, "start")
TELL(rte_eth_dev_stop, "stop")
TELL(rte_eth_promiscuous_enable, "promiscuous")
TELL(rte_eth_allmulticast_enable, "allmulticast")
TELL(rte_eth_dev_set_link_down, "link down")
TELL(rte_eth_dev_set_link_up, "link up")
