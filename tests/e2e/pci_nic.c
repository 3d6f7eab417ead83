/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD: a device on the PCI bus, as far as its drivers do what those of software devices do not. When
 * it is closed, its configuration space is read and written, and EAL's directory and the policy for memory looked at.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rte_ethdev.h>

#define COMMAND 4 /* place of the command register */

static int space = -1;

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
	return next(port);
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
