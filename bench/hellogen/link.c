/* SPDX-License-Identifier: BSD-3-Clause */
#include "link.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <errno.h>
#include <string.h>

#include "config/options.h"
#include "port/eal.h"

#define CACHE 256u
#define LINK_SECONDS 10u
#define ASK_SECONDS 5u
#define ASK_AGAIN_MS 200u
#define POLL_US 1000u
#define BURST 16u

static int
create_pools(struct link *link, struct error *error)
{
	const struct port *port = &link->port;
	/* What the rings of the device, net_ring's of 1024, and the engine can hold. */
	unsigned int n = 1u * port->rx_descriptors + port->tx_descriptors + ENGINE_RING +
			 ENGINE_STOCK + ENGINE_OUT_MAX + 2 * CACHE + 2048;

	for (unsigned int i = 0; i < port->n_queues; i++) {
		int node = nodes_first(&link->nodes, link->nodes.worker[i]);
		char name[32];

		snprintf(name, sizeof(name), "hellogen_%u", i);
		do
			link->pool[i] = rte_pktmbuf_pool_create(
				name, n, CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE, node);
		while (link->pool[i] == NULL && nodes_fall_back(&link->nodes, &node));
		if (link->pool[i] == NULL)
			return error_set(error,
				"too little memory for %u buffers of a queue: give DPDK more, "
				"e.g. -- --no-huge -m 512",
				n);
	}
	return 0;
}

static int
await_link(struct link *link, struct error *error)
{
	uint64_t end = rte_get_tsc_cycles() + LINK_SECONDS * rte_get_tsc_hz();

	do {
		port_check_link(&link->port);
		if (atomic_load_explicit(&link->port.link_up, memory_order_relaxed))
			return 0;
		rte_delay_us_sleep(POLL_US);
	} while (rte_get_tsc_cycles() < end);
	return error_set(error, "--device %s: the link is down", link->settings.device);
}

int
link_open(struct link *link, const struct command *command, struct error *error)
{
	struct options eal = { .n_eal = command->n_eal + 1, .eal = link->eal_options };
	struct config_port *settings = &link->settings;
	int err;

	memset(link, 0, sizeof(*link));
	if (command->n_eal >= (int)RTE_DIM(link->eal_options))
		return error_set(error, "too many EAL options");
	/* The port is brought up by code of the gateway, whose news are not ours. */
	link->eal_options[0] = link->quiet;
	snprintf(link->quiet, sizeof(link->quiet), "--log-level=hellogate.*:error");
	memcpy(link->eal_options + 1, command->eal, (size_t)command->n_eal * sizeof(char *));
	link->config.port = settings;
	link->config.n_ports = 1;
	snprintf(settings->name, sizeof(settings->name), "out");
	settings->device = command->device;
	settings->has_mac = command->has_mac;
	memcpy(settings->host.mac, command->mac, sizeof(command->mac));
	if (command->target.family == 6)
		settings->host.n_ipv6 = 1; /* neighbour solicitations are multicast */
	err = command->profile != NULL
		      ? profile_load(&settings->profile, command->profile, ".", error)
		      : profile_load_default(&settings->profile, command->device, error);
	if (err != 0)
		return err;
	/* Whoever judges checksums computes them: the device is not asked to. */
	settings->profile.rx_checksum = PROFILE_RX_VERIFY;
	settings->profile.tx_checksum = PROFILE_TX_SOFTWARE;
	/* There is no listener: the answers come to many addresses and ports. */
	settings->profile.steering = PROFILE_STEERING_OFF;
	settings->profile.isolate = 0;
	err = eal_start(&link->config, &eal, command->queues, error);
	if (err != 0)
		return err;
	link->eal = true;
	nodes_find(&link->nodes, command->queues, 0);
	err = port_probe(&link->port, &link->config, 0, command->queues, error);
	if (err != 0)
		return err;
	if (link->port.n_queues < command->queues)
		return error_set(error, "--queues %u: the device and its profile have %u",
			command->queues, link->port.n_queues);
	err = create_pools(link, error);
	if (err == 0)
		err = port_start(&link->port, link->pool, error);
	/* Solicitations for any of the sources may come, each to a group of its own. */
	if (err == 0 && command->target.family == 6)
		rte_eth_allmulticast_enable(link->port.id);
	return err == 0 ? await_link(link, error) : err;
}

static void
ask(struct link *link, const struct command *command, const struct neighbour *neighbour)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(link->pool[0]);

	if (mbuf == NULL)
		return;
	mbuf->data_len = (uint16_t)neighbour_request(
		neighbour, &command->target, rte_pktmbuf_mtod(mbuf, uint8_t *));
	mbuf->pkt_len = mbuf->data_len;
	if (rte_eth_tx_burst(link->port.id, 0, &mbuf, 1) != 1)
		rte_pktmbuf_free(mbuf);
}

/* The target may ask in turn before it answers. */
static bool
hear(struct link *link, const struct command *command, const struct neighbour *neighbour,
	uint16_t queue, uint8_t ret_mac[6])
{
	struct rte_mbuf *mbuf[BURST];
	uint16_t n = rte_eth_rx_burst(link->port.id, queue, mbuf, BURST);
	bool learnt = false;

	for (uint16_t i = 0; i < n; i++) {
		uint8_t *frame = rte_pktmbuf_mtod(mbuf[i], uint8_t *);
		size_t room = (size_t)mbuf[i]->data_len + rte_pktmbuf_tailroom(mbuf[i]), len;

		learnt |= neighbour_learn(frame, mbuf[i]->data_len, &command->target, ret_mac);
		len = neighbour_answer(neighbour, frame, mbuf[i]->data_len, room);
		mbuf[i]->data_len = (uint16_t)len;
		mbuf[i]->pkt_len = (uint32_t)len;
		if (len == 0 || rte_eth_tx_burst(link->port.id, queue, &mbuf[i], 1) != 1)
			rte_pktmbuf_free(mbuf[i]);
	}
	return learnt;
}

int
link_meet(struct link *link, const struct command *command, struct neighbour *neighbour,
	uint8_t ret_far_mac[6], const atomic_bool *stop, struct error *error)
{
	uint64_t hz = rte_get_tsc_hz(), begun = rte_get_tsc_cycles(), asked = 0, now = begun;

	memcpy(neighbour->mac, link->port.host.mac, sizeof(neighbour->mac));
	memcpy(ret_far_mac, command->far_mac, sizeof(command->far_mac));
	if (command->has_far_mac)
		return 0;
	while (now - begun < ASK_SECONDS * hz) {
		if (atomic_load_explicit(stop, memory_order_relaxed))
			return error_set(error, "stopped while asking for the target");
		if (asked == 0 || now - asked > hz / 1000 * ASK_AGAIN_MS) {
			ask(link, command, neighbour);
			asked = now;
		}
		for (uint16_t queue = 0; queue < link->port.n_queues; queue++)
			if (hear(link, command, neighbour, queue, ret_far_mac))
				return 0;
		rte_delay_us_sleep(POLL_US);
		now = rte_get_tsc_cycles();
	}
	return error_set(error,
		"nobody on the link answers %s for the address of --target: give --dst-mac",
		command->target.family == 4 ? "ARP" : "neighbour discovery");
}

unsigned int
link_close(struct link *link)
{
	unsigned int missing = 0;

	port_close(&link->port);
	for (unsigned int i = 0; i < ENGINE_QUEUES_MAX && link->pool[i] != NULL; i++) {
		missing += rte_mempool_in_use_count(link->pool[i]);
		rte_mempool_free(link->pool[i]);
	}
	if (link->settings.profile.retains_buffers != 0)
		missing = 0;
	profile_free(&link->settings.profile);
	if (link->eal)
		eal_stop();
	return missing;
}
