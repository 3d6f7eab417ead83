/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The far end of hellogate's net_memif port: a DPDK port that was given with --vdev, and frames of
 * UDP over IPv4 for it. Shared by the load on handshakes and by the latency probe.
 */
#pragma once

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include <stddef.h>
#include <stdint.h>

#define LINK_HEADERS (RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv4_hdr) + sizeof(struct rte_udp_hdr))
#define LINK_CLIENTS_PER_ADDRESS 32768u
#define LINK_FIRST_PORT 20000u

struct memif_link {
	uint16_t port;
	struct rte_mempool *pool;
	struct rte_ether_addr gateway; /* MAC address */
	struct rte_ether_addr own;
	uint32_t target; /* host order, as all below */
	uint16_t target_port;
	uint32_t source; /* address of the first clients; those that follow have the next ones */
};

/* Starts the port and waits until the gateway has connected. Ends the program if that fails. */
void memif_link_start(struct memif_link *link, unsigned int buffers);
void memif_link_stop(struct memif_link *link);

/*
 * Sets what the command line says: the target's ADDRESS:PORT ('t'), its MAC address ('m'), the
 * first client's address ('s'). Returns 0 or another value if it says nothing of the kind.
 */
int memif_link_set(struct memif_link *link, int option, const char *value);

/* Makes a frame with a payload for the gateway; the client's number gives its address and port. */
void memif_link_write(const struct memif_link *link, struct rte_mbuf *mbuf, uint32_t client,
	const uint8_t *payload, size_t len);

/*
 * The payload of a frame that is UDP from the gateway, and which client it is for. Returns NULL for
 * any other frame.
 */
const uint8_t *memif_link_read(const struct memif_link *link, struct rte_mbuf *mbuf,
	uint32_t *ret_client, size_t *ret_len);
