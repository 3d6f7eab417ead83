/* SPDX-License-Identifier: BSD-3-Clause */
#include "load/memif_link.h"

#include <rte_ethdev.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DESCRIPTORS 1024u
#define CONNECT_TRIES 1000u
#define CONNECT_WAIT_US 10000u

static _Noreturn void
fail(const char *what)
{
	fprintf(stderr, "memif: %s\n", what);
	exit(1);
}

void
memif_link_start(struct memif_link *link, unsigned int buffers)
{
	struct rte_eth_conf conf = { 0 };
	struct rte_eth_link state = { 0 };

	link->port = 0;
	link->own = (struct rte_ether_addr){ .addr_bytes = { 2, 0, 0, 0, 0, 0x0b } };
	if (rte_eth_dev_count_avail() != 1)
		fail("give one port with --vdev");
	link->pool = rte_pktmbuf_pool_create(
		"link", buffers, 128, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	if (link->pool == NULL)
		fail("too little DPDK memory for buffers");
	if (rte_eth_dev_configure(link->port, 1, 1, &conf) != 0 ||
		rte_eth_rx_queue_setup(link->port, 0, DESCRIPTORS, 0, NULL, link->pool) != 0 ||
		rte_eth_tx_queue_setup(link->port, 0, DESCRIPTORS, 0, NULL) != 0 ||
		rte_eth_dev_start(link->port) != 0)
		fail("the port does not start");
	for (unsigned int i = 0; i < CONNECT_TRIES && state.link_status != RTE_ETH_LINK_UP; i++) {
		usleep(CONNECT_WAIT_US);
		if (rte_eth_link_get_nowait(link->port, &state) != 0)
			fail("the port has no link");
	}
	if (state.link_status != RTE_ETH_LINK_UP)
		fail("the gateway does not connect");
}

void
memif_link_stop(struct memif_link *link)
{
	rte_eth_dev_stop(link->port);
	rte_eth_dev_close(link->port);
	rte_mempool_free(link->pool);
}

static int
set_target(struct memif_link *link, const char *text)
{
	const char *colon = strchr(text, ':');
	struct in_addr address;
	char host[32];

	if (colon == NULL || (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	if (inet_pton(AF_INET, host, &address) != 1)
		return -EINVAL;
	link->target = ntohl(address.s_addr);
	link->target_port = (uint16_t)strtoul(colon + 1, NULL, 10);
	return 0;
}

int
memif_link_set(struct memif_link *link, int option, const char *value)
{
	struct in_addr source;

	switch (option) {
	case 't':
		return set_target(link, value);
	case 'm':
		return rte_ether_unformat_addr(value, &link->gateway);
	case 's':
		if (inet_pton(AF_INET, value, &source) != 1)
			return -EINVAL;
		link->source = ntohl(source.s_addr);
		return 0;
	default:
		return -EINVAL;
	}
}

void
memif_link_write(const struct memif_link *link, struct rte_mbuf *mbuf, uint32_t client,
	const uint8_t *payload, size_t len)
{
	struct rte_ether_hdr *ethernet = rte_pktmbuf_mtod(mbuf, struct rte_ether_hdr *);
	struct rte_ipv4_hdr *ip = (struct rte_ipv4_hdr *)(ethernet + 1);
	struct rte_udp_hdr *udp = (struct rte_udp_hdr *)(ip + 1);
	uint32_t source = link->source + client / LINK_CLIENTS_PER_ADDRESS;
	uint16_t port = (uint16_t)(LINK_FIRST_PORT + client % LINK_CLIENTS_PER_ADDRESS);

	*ethernet = (struct rte_ether_hdr){
		.dst_addr = link->gateway,
		.src_addr = link->own,
		.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4),
	};
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16((uint16_t)(sizeof(*ip) + sizeof(*udp) + len)),
		.fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_UDP,
		.src_addr = rte_cpu_to_be_32(source),
		.dst_addr = rte_cpu_to_be_32(link->target),
	};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	*udp = (struct rte_udp_hdr){
		.src_port = rte_cpu_to_be_16(port),
		.dst_port = rte_cpu_to_be_16(link->target_port),
		.dgram_len = rte_cpu_to_be_16((uint16_t)(sizeof(*udp) + len)),
	};
	memcpy(udp + 1, payload, len);
	udp->dgram_cksum = rte_ipv4_udptcp_cksum(ip, udp);
	mbuf->data_len = (uint16_t)(LINK_HEADERS + len);
	mbuf->pkt_len = mbuf->data_len;
}

const uint8_t *
memif_link_read(
	const struct memif_link *link, struct rte_mbuf *mbuf, uint32_t *ret_client, size_t *ret_len)
{
	const struct rte_ether_hdr *ethernet = rte_pktmbuf_mtod(mbuf, struct rte_ether_hdr *);
	const struct rte_ipv4_hdr *ip = (const struct rte_ipv4_hdr *)(ethernet + 1);
	const struct rte_udp_hdr *udp = (const struct rte_udp_hdr *)(ip + 1);
	size_t len;

	if (mbuf->data_len < LINK_HEADERS ||
		ethernet->ether_type != rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) ||
		ip->version_ihl != RTE_IPV4_VHL_DEF || ip->next_proto_id != IPPROTO_UDP ||
		ip->src_addr != rte_cpu_to_be_32(link->target) ||
		udp->src_port != rte_cpu_to_be_16(link->target_port))
		return NULL;
	len = rte_be_to_cpu_16(udp->dgram_len);
	if (len < sizeof(*udp) || len > mbuf->data_len - (LINK_HEADERS - sizeof(*udp)))
		return NULL;
	*ret_len = len - sizeof(*udp);
	*ret_client = (rte_be_to_cpu_32(ip->dst_addr) - link->source) * LINK_CLIENTS_PER_ADDRESS +
		      rte_be_to_cpu_16(udp->dst_port) - LINK_FIRST_PORT;
	return (const uint8_t *)(udp + 1);
}
