/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD: the first additions to the session table, as many as HG_FULL_TABLE says, find no
 * room, as if entries that were deleted waited for a grace period.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <rte_hash.h>

int
rte_hash_add_key_data(const struct rte_hash *table, const void *key, void *data)
{
	static atomic_int added;
	int (*add)(const struct rte_hash *, const void *, void *);
	const char *refused = getenv("HG_FULL_TABLE");

	if (refused != NULL && atomic_fetch_add(&added, 1) < atoi(refused))
		return -ENOSPC;
	*(void **)&add = dlsym(RTLD_NEXT, "rte_hash_add_key_data");
	return add(table, key, data);
}
