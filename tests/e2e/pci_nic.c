/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD: a device on the PCI bus, as far as its drivers do what those of software devices do not. It
 * takes multicast groups, and forgets them when it is started; what it has at the end is told on stderr. When
 * it is closed, its configuration space is read and written, and EAL's directory and the policy for
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

int
rte_eth_dev_start(uint16_t port)
{
	int (*next)(uint16_t);

	*(void **)&next = dlsym(RTLD_NEXT, "rte_eth_dev_start");
	space = memfd_create("configuration space", 0);
	require(space >= 0 && ftruncate(space, 4096) == 0);
	n_groups = 0;
	return next(port);
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
