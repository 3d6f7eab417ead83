/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD, with --no-huge: as if there were hugepages, so that memory of a NUMA node is of that node
 * alone. What there is is on node 0.
 */
#include <rte_eal.h>

int
rte_eal_has_hugepages(void)
{
	return 1;
}
