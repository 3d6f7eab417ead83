/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD: DPDK starts as many lcores as HG_LAUNCHES says, and no more.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

#include <rte_launch.h>

int
rte_eal_remote_launch(lcore_function_t *function, void *arg, unsigned int lcore)
{
	static int launched;
	int (*launch)(lcore_function_t *, void *, unsigned int);
	const char *most = getenv("HG_LAUNCHES");

	if (most == NULL || launched++ >= atoi(most))
		return -EBUSY;
	*(void **)&launch = dlsym(RTLD_NEXT, "rte_eal_remote_launch");
	return launch(function, arg, lcore);
}
