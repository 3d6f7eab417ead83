/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD: a device on the PCI bus, as far as its drivers do what those of software devices do not. It
 * takes multicast groups, and forgets them when it is started; what it has at the end is told on stderr. It
 * fills in checksums, of what it was given to prepare. With HG_NIC_MOST=BYTES it refuses those of longer
 * frames. When it is closed, its configuration space is read and written, and EAL's directory and the policy for
 * memory looked at.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_ip.h>
#include <rte_udp.h>

#define SUMS ((uint64_t)RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM)
#define COMMAND 4 /* place of the command register */

static int space = -1;
static struct rte_ether_addr group[16];
static uint32_t n_groups;

static void
require(int good)
{
	if (!good)
		abort();
}

static void
fill(struct rte_mbuf *mbuf)
{
	void *l3 = rte_pktmbuf_mtod_offset(mbuf, void *, mbuf->l2_len);
	struct rte_udp_hdr *udp =
		rte_pktmbuf_mtod_offset(mbuf, struct rte_udp_hdr *, mbuf->l2_len + mbuf->l3_len);
	struct rte_ipv4_hdr *ip = l3;

	udp->dgram_cksum = 0;
	if ((mbuf->ol_flags & RTE_MBUF_F_TX_IPV6) != 0) {
		udp->dgram_cksum = rte_ipv6_udptcp_cksum(l3, udp);
		return;
	}
	udp->dgram_cksum = rte_ipv4_udptcp_cksum(ip, udp);
	ip->hdr_checksum = 0;
	ip->hdr_checksum = rte_ipv4_cksum(ip);
}

/* What the card does besides, is done here already. */
static uint16_t
prepare(void *queue, struct rte_mbuf **mbuf, uint16_t n)
{
	const char *most = getenv("HG_NIC_MOST");

	(void)queue;
	for (uint16_t i = 0; i < n; i++) {
		if ((mbuf[i]->ol_flags & RTE_MBUF_F_TX_UDP_CKSUM) == 0)
			continue;
		if (most != NULL && mbuf[i]->pkt_len > (uint32_t)atoi(most))
			return i;
		fill(mbuf[i]);
	}
	return n;
}

int
rte_eth_dev_info_get(uint16_t port, struct rte_eth_dev_info *info)
{
	int (*next)(uint16_t, struct rte_eth_dev_info *), err;

	*(void **)&next = dlsym(RTLD_NEXT, "rte_eth_dev_info_get");
	err = next(port, info);
	info->tx_offload_capa |= SUMS;
	return err;
}

int
rte_eth_dev_configure(
	uint16_t port, uint16_t rx_queues, uint16_t tx_queues, const struct rte_eth_conf *conf)
{
	int (*next)(uint16_t, uint16_t, uint16_t, const struct rte_eth_conf *);
	struct rte_eth_conf without = *conf;

	*(void **)&next = dlsym(RTLD_NEXT, "rte_eth_dev_configure");
	without.txmode.offloads &= ~SUMS;
	return next(port, rx_queues, tx_queues, &without);
}

int
rte_eth_dev_start(uint16_t port)
{
	int (*next)(uint16_t);

	*(void **)&next = dlsym(RTLD_NEXT, "rte_eth_dev_start");
	space = memfd_create("configuration space", 0);
	require(space >= 0 && ftruncate(space, 4096) == 0);
	n_groups = 0;
	if (next(port) != 0)
		return -1;
	rte_eth_fp_ops[port].tx_pkt_prepare = prepare;
	return 0;
}

int
rte_eth_dev_set_mc_addr_list(uint16_t port, struct rte_ether_addr *list, uint32_t n)
{
	(void)port;
	require(n <= RTE_DIM(group));
	memcpy(group, list, n * sizeof(*list));
	n_groups = n;
	return 0;
}

/*
 * pci_vfio_set_bus_master(), uio_intx_intr_disable(), rte_pci_read_config(); rte_mp_request_sync() and
 * alloc_seg(), when memory of hugepages is given back or taken.
 */
int
rte_eth_dev_close(uint16_t port)
{
	int (*next)(uint16_t), policy = 0;
	uint16_t command = 0;
	DIR *directory;

	*(void **)&next = dlsym(RTLD_NEXT, "rte_eth_dev_close");
	fprintf(stderr, "nic: groups");
	for (uint32_t i = 0; i < n_groups; i++)
		fprintf(stderr, " " RTE_ETHER_ADDR_PRT_FMT, RTE_ETHER_ADDR_BYTES(&group[i]));
	fprintf(stderr, "\n");
	require(pread(space, &command, sizeof(command), COMMAND) == sizeof(command));
	command &= (uint16_t)~4u;
	require(pwrite(space, &command, sizeof(command), COMMAND) == sizeof(command));
	directory = opendir("/");
	require(directory != NULL && readdir(directory) != NULL);
	closedir(directory);
	/* A kernel without NUMA has neither. */
	syscall(SYS_get_mempolicy, &policy, NULL, 0, NULL, 0);
	syscall(SYS_set_mempolicy, 0, NULL, 0);
	return next(port);
}
