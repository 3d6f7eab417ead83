/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/dpdk.h"

int
dpdk_check_release(struct error *error)
{
	unsigned int built = RTE_VER_YEAR * 12 + RTE_VER_MONTH;

	if (rte_version_year() * 12 + rte_version_month() >= built)
		return 0;
	return error_set(error,
		"the DPDK library is %u.%02u.%u, but this was built for %u.%02u and needs that or a later one",
		rte_version_year(), rte_version_month(), rte_version_minor(), RTE_VER_YEAR,
		RTE_VER_MONTH);
}
