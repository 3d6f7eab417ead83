/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/port.h"

#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_alarm.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>

#include <errno.h>
#include <stdio.h>
#include <semaphore.h>
#include <string.h>

#include "config/placement.h"
#include "port/device.h"
#include "port/log.h"
#include "port/output.h"
#include "port/steering.h"

_Static_assert(CONFIG_MTU_MAX + PORT_ETHER_MAX == RTE_MBUF_DEFAULT_DATAROOM,
	"a packet of ours fits into a buffer");

LOG_TYPE(port);

static int
create_device(struct port *port, const char *name, struct error *error)
{
	const char *device = port->config->device, *reason;
	struct output output;
	int err = 0;

	output_begin(&output);
	/* A PCI device that is on EAL's allow list is there already. */
	if (rte_eth_dev_get_port_by_name(name, &port->id) != 0)
		err = rte_dev_probe(device);
	if (err == 0)
		err = rte_eth_dev_get_port_by_name(name, &port->id);
	output_end(&output, err == 0);
	if (err != 0) {
		reason = output_reason(&output);
		return error_set(error, "port %s: DPDK cannot create device %s%s%s",
			port->config->name, device, reason[0] != '\0' ? ": " : "", reason);
	}
	port->probed = true;
	return 0;
}

/* For a vdev, DPDK gives the node of the thread that created it, which is main. */
static int
find_node(const struct port *port, const struct rte_eth_dev_info *info)
{
	const struct view here = { .root = "" };

	if (strcmp(rte_bus_name(rte_dev_bus(info->device)), "vdev") == 0)
		return device_node(&here, port->config->device);
	return rte_eth_dev_socket_id(port->id);
}

/* What is known of a port without its device. */
static void
expect(struct port *port, const struct config_port *settings, unsigned int number,
	unsigned int queues)
{
	const struct profile *profile = &settings->profile;

	port->config = settings;
	port->number = number;
	port->n_queues = (uint16_t)queues;
	port->rx_descriptors = (uint16_t)profile->rx_descriptors;
	port->tx_descriptors = (uint16_t)profile->tx_descriptors;
	port->node = PLACEMENT_ANY;
	port->host = settings->host;
	port->is_memif = device_has_driver(settings->device, "net_memif");
	port->diverts = settings->tap != NULL;
	port->partial_sums = profile->partial_checksum == PROFILE_PARTIAL_ACCEPT;
}

int
port_probe(struct port *port, const struct config *config, unsigned int number,
	unsigned int queues_max, struct error *error)
{
	const struct config_port *settings = &config->port[number];
	const struct profile *profile = &settings->profile;
	struct rte_eth_dev_info info;
	char name[RTE_ETH_NAME_MAX_LEN];
	unsigned int queues;
	int err;

	/* For a port that comes back it has been done, and other threads read it. */
	if (port->config == NULL)
		expect(port, settings, number, 0);
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(settings->device, ","), settings->device);
	err = create_device(port, name, error);
	if (err != 0)
		return err;
	if (rte_eth_dev_info_get(port->id, &info) != 0)
		return error_set(
			error, "port %s: device %s does not say what it is", settings->name, name);
	if (profile->driver != NULL && strcmp(profile->driver, info.driver_name) != 0)
		return error_set(error, "port %s: profile %s is for driver %s, device %s has %s",
			settings->name, profile->ini->path, profile->driver, name,
			info.driver_name);
	queues = RTE_MIN(info.max_rx_queues, info.max_tx_queues);
	queues = RTE_MIN(queues, queues_max);
	if (profile->queues != 0)
		queues = RTE_MIN(queues, profile->queues);
	if (queues == 0)
		return error_set(error, "port %s: device %s has no %s queue", settings->name, name,
			info.max_rx_queues == 0 ? "receive" : "transmit");
	if (profile->ini == NULL)
		LOG(WARNING, "port %s: no profile for driver %s: built-in defaults\n",
			settings->name, info.driver_name);
	port->n_queues = (uint16_t)queues;
	port->node = find_node(port, &info);
	port->device = info.device;
	return 0;
}

void
port_expect(
	struct port *port, const struct config *config, unsigned int number, unsigned int queues)
{
	expect(port, &config->port[number], number, queues);
	port_set_mtu(port, RTE_ETHER_MTU);
	atomic_store_explicit(&port->state, PORT_ABSENT, memory_order_relaxed);
}

void
port_join(struct port *clients, struct port *servers)
{
	clients->n_queues = servers->n_queues = RTE_MIN(clients->n_queues, servers->n_queues);
	clients->peer = servers;
	servers->peer = clients;
	clients->guards = true;
}

/* The MTU that a port asks its device for, as far as the device says it can. */
static uint32_t
choose_mtu(const struct port *port, const struct rte_eth_dev_info *info)
{
	uint32_t mtu = port->config->mtu, most = info->max_mtu;

	if (mtu == 0)
		return 0;
	/* A driver that gives no MTU gives the longest frame: that is with its header and checksum. */
	if (most == UINT16_MAX)
		most = RTE_MIN(most, info->max_rx_pktlen - RTE_ETHER_HDR_LEN - RTE_ETHER_CRC_LEN);
	if (mtu <= most)
		return mtu;
	LOG(WARNING, "port %s: the device says it takes no packet longer than %u bytes\n",
		port->config->name, most);
	return most;
}

/* By which fields and with which key the profile and the device spread packets over several queues. */
static void
choose_rss(struct port *port, const struct rte_eth_dev_info *info)
{
	const struct profile *profile = &port->config->profile;
	uint64_t hash = RTE_ETH_RSS_IP;

	if (port->n_queues < 2 || profile->rss_hash == PROFILE_RSS_NONE)
		return;
	if (profile->rss_hash == PROFILE_RSS_UDP)
		hash |= RTE_ETH_RSS_UDP;
	port->rss_types = hash & info->flow_type_rss_offloads;
	if (port->rss_types == 0) {
		LOG(WARNING, "port %s: the device spreads nothing over its queues\n",
			port->config->name);
		return;
	}
	if (profile->rss_symmetric) {
		/* 6d5a repeated: both directions of a flow hash alike (Woo and Park, 2012). */
		for (unsigned int i = 0; i < info->hash_key_size; i++)
			port->rss_key[i] = i % 2 == 0 ? 0x6d : 0x5a;
		port->rss_key_len = info->hash_key_size;
	} else if (profile->rss_key_len != 0) {
		memcpy(port->rss_key, profile->rss_key, profile->rss_key_len);
		port->rss_key_len = profile->rss_key_len;
	}
}

void
port_set_mtu(struct port *port, uint32_t mtu)
{
	if (port->config->mtu != 0)
		mtu = RTE_MIN(mtu, port->config->mtu);
	/* What we send ourselves has buffers of the common size. */
	if (port->peer == NULL)
		mtu = RTE_MIN(mtu, CONFIG_MTU_MAX);
	atomic_store_explicit(&port->mtu, (uint16_t)RTE_MIN(mtu, UINT16_MAX), memory_order_relaxed);
}

/* For all that the device receives. In isolated mode that is what flow rules match, and they spread it. */
static void
set_rss(struct port *port, struct rte_eth_conf *conf)
{
	if (port->rss_types == 0 || port->config->profile.isolate != 0)
		return;
	conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	conf->rx_adv_conf.rss_conf.rss_hf = port->rss_types;
	if (port->rss_key_len == 0)
		return;
	conf->rx_adv_conf.rss_conf.rss_key = port->rss_key;
	conf->rx_adv_conf.rss_conf.rss_key_len = port->rss_key_len;
}

static int
configure(struct port *port, struct error *error)
{
	const uint64_t tx_sums = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;
	const uint64_t rx_sums = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
	const struct profile *profile = &port->config->profile;
	struct rte_eth_conf conf = { 0 };
	struct rte_eth_dev_info info;
	bool device_sums;

	if (rte_eth_dev_info_get(port->id, &info) != 0)
		return error_set(error, "port %s: the device is gone", port->config->name);
	device_sums = profile->tx_checksum == PROFILE_TX_DEVICE &&
		      (info.tx_offload_capa & tx_sums) == tx_sums;
	atomic_store_explicit(&port->device_sums, device_sums, memory_order_relaxed);
	if (device_sums)
		conf.txmode.offloads |= tx_sums;
	/*
	 * The kernel checks what is diverted to it. A neighbour on the same host may leave checksums out
	 * if the device says that it checks them, and then they would be missing there.
	 */
	port->trusted_sums = profile->rx_checksum == PROFILE_RX_TRUST && !port->diverts;
	/* On a bridge nothing is asked of the device that could change a frame. */
	port->trusted_sums &= port->peer == NULL;
	if (port->trusted_sums)
		conf.rxmode.offloads |= info.rx_offload_capa & rx_sums;
	choose_rss(port, &info);
	set_rss(port, &conf);
	conf.rxmode.mtu = choose_mtu(port, &info);
	if (rte_eth_dev_configure(port->id, port->n_queues, port->n_queues, &conf) != 0)
		return error_set(error, "port %s: the device refuses %u queues with this profile",
			port->config->name, port->n_queues);
	if (rte_eth_dev_adjust_nb_rx_tx_desc(
		    port->id, &port->rx_descriptors, &port->tx_descriptors) != 0)
		return error_set(error, "port %s: the device takes no number of descriptors",
			port->config->name);
	return 0;
}

/* A port of a bridge takes everything. */
static void
set_no_filters(const struct port *port)
{
	if (rte_eth_promiscuous_enable(port->id) != 0)
		LOG(INFO, "port %s: the device cannot be told to take all frames\n",
			port->config->name);
	rte_eth_allmulticast_enable(port->id);
}

/* The MAC address that is answered to. Returns false if the device cannot be given that. */
static bool
set_mac(struct port *port)
{
	struct hg_net_host *host = &port->host;
	struct rte_ether_addr mac;

	if (port->config->has_mac) {
		memcpy(mac.addr_bytes, host->mac, RTE_ETHER_ADDR_LEN);
		return rte_eth_dev_default_mac_addr_set(port->id, &mac) == 0;
	}
	if (rte_eth_macaddr_get(port->id, &mac) == 0)
		memcpy(host->mac, mac.addr_bytes, RTE_ETHER_ADDR_LEN);
	return true;
}

/* Makes the device hand over what comes for our MAC address, and neighbour solicitations. */
static void
set_filters(const struct port *port, bool promiscuous)
{
	const struct profile *profile = &port->config->profile;
	const struct hg_net_host *host = &port->host;
	struct rte_ether_addr group[HG_NET_ADDRS_MAX];

	/* In isolated mode no filter has an effect, and all but listeners' datagrams are the kernel's. */
	if (profile->isolate != 0)
		return;
	if (promiscuous && rte_eth_promiscuous_enable(port->id) != 0)
		LOG(INFO,
			"port %s: the device can neither change its MAC address nor take all "
			"frames\n",
			port->config->name);

	if (port->diverts) {
		rte_eth_allmulticast_enable(port->id); /* the kernel has groups of its own */
		return;
	}
	if (host->n_ipv6 == 0)
		return;
	for (unsigned int i = 0; i < host->n_ipv6; i++) /* RFC 2464 7, RFC 4291 2.7.1 */
		group[i] = (struct rte_ether_addr){ .addr_bytes = { 0x33, 0x33, 0xff,
							    host->ipv6[i][13], host->ipv6[i][14],
							    host->ipv6[i][15] } };
	if (profile->all_multicast != 0 ||
		rte_eth_dev_set_mc_addr_list(port->id, group, host->n_ipv6) != 0)
		rte_eth_allmulticast_enable(port->id);
}

static int
set_queue(const struct port *port, uint16_t number, struct rte_mempool *pool, int node)
{
	int err = rte_eth_rx_queue_setup(
		port->id, number, port->rx_descriptors, (unsigned int)node, NULL, pool);

	if (err != 0)
		return err;
	return rte_eth_tx_queue_setup(
		port->id, number, port->tx_descriptors, (unsigned int)node, NULL);
}

/* Descriptors on the device's node, or where there is memory. */
static int
set_queues(const struct port *port, struct rte_mempool *const *pool, struct error *error)
{
	int node = rte_eth_dev_socket_id(port->id), err;

	for (uint16_t i = 0; i < port->n_queues; i++) {
		err = set_queue(port, i, pool[i], node);
		if (err == -ENOMEM && node != SOCKET_ID_ANY && rte_socket_count() > 1) {
			LOG(WARNING,
				"port %s: too little DPDK memory on NUMA node %d for its queues: it is taken of another\n",
				port->config->name, node);
			node = SOCKET_ID_ANY;
			err = set_queue(port, i, pool[i], node);
		}
		if (err != 0)
			return error_set(error, "port %s: the device refuses queue %u",
				port->config->name, i);
	}
	return 0;
}

/*
 * A bridge passes on what its devices take. For a device that is software ethdev makes an MTU up; if the device
 * stands on an interface, main follows the MTU of the interface.
 */
static bool
is_boundless(const struct port *port)
{
	return port->peer != NULL && strncmp(port->config->device, "net_", 4) == 0;
}

int
port_start(struct port *port, struct rte_mempool *const *pool, struct error *error)
{
	int err = steering_isolate(port, error);
	bool promiscuous;
	uint16_t mtu;

	if (err == 0)
		err = configure(port, error);
	if (err != 0)
		return err;
	err = set_queues(port, pool, error);
	if (err != 0)
		return err;
	/*
	 * Some devices take a MAC address only when their queues are set up. To those that forget it when they
	 * start, ethdev gives it again, but no multicast addresses: e1000, igc and ixgbe forget all that are set
	 * before the start.
	 */
	promiscuous = port->config->profile.promiscuous != 0;
	promiscuous |= !set_mac(port);
	if (rte_eth_dev_get_mtu(port->id, &mtu) != 0)
		mtu = RTE_ETHER_MTU;
	if (is_boundless(port))
		atomic_store_explicit(&port->mtu, UINT16_MAX, memory_order_relaxed);
	else
		port_set_mtu(port, mtu);
	if (rte_eth_dev_start(port->id) != 0)
		return error_set(error, "port %s: the device does not start", port->config->name);
	port->started = true;
	if (port->peer != NULL)
		set_no_filters(port);
	else
		set_filters(port, promiscuous);
	port_check_link(port);
	return 0;
}

void
port_stop(struct port *port)
{
	steering_keep(port, NULL);
	if (port->started && rte_eth_dev_stop(port->id) != 0)
		LOG(WARNING, "port %s: the device does not stop\n", port->config->name);
	port->started = false;
}

static void
on_alarm(void *arg)
{
	sem_post(arg);
}

void
port_settle(const struct port *port)
{
	sem_t done;

	if (!port->is_memif || sem_init(&done, 0, 0) != 0)
		return;
	/* The second alarm is handled after everything that was pending when the first one was. */
	for (unsigned int i = 0; i < 2; i++)
		if (rte_eal_alarm_set(1, on_alarm, &done) == 0)
			while (sem_wait(&done) != 0)
				; /* interrupted */
	sem_destroy(&done);
}

void
port_close(struct port *port)
{
	port_stop(port);
	if (port->probed && rte_eth_dev_close(port->id) != 0)
		LOG(WARNING, "port %s: the device does not close\n", port->config->name);
	port->probed = false;
}

void
port_remove(struct port *port)
{
	struct rte_device *device = port->device;
	struct output output;

	/* Often the port is removed because its interface is gone, and of that drivers complain. */
	output_begin(&output);
	port_close(port);
	if (device != NULL)
		rte_dev_remove(device);
	output_end(&output, false);
	port->device = NULL;
}

void
port_check_link(struct port *port)
{
	struct rte_eth_link link = { 0 };

	if (!port->on_interface && rte_eth_link_get_nowait(port->id, &link) == 0)
		port_set_link(port, link.link_status == RTE_ETH_LINK_UP);
}

void
port_set_link(struct port *port, bool up)
{
	if (up == atomic_load_explicit(&port->link_up, memory_order_relaxed))
		return;
	atomic_store_explicit(&port->link_up, up, memory_order_relaxed);
	LOG(NOTICE, "port %s: link %s\n", port->config->name, up ? "up" : "down");
}

static bool
has_stopped(const struct port *port)
{
	return atomic_load_explicit(&port->stopped, memory_order_relaxed);
}

bool
port_in_service(const struct port *port)
{
	enum port_state state = atomic_load_explicit(&port->state, memory_order_relaxed);

	return (state == PORT_SERVES || state == PORT_PAUSES) && !has_stopped(port);
}

const char *
port_service(const struct port *port)
{
	switch (atomic_load_explicit(&port->state, memory_order_relaxed)) {
	case PORT_ABSENT:
		return "no interface";
	case PORT_FAILED:
		return "failed";
	default:
		return has_stopped(port) ? "stopped" : "in service";
	}
}
