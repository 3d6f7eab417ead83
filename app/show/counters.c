/* SPDX-License-Identifier: BSD-3-Clause */
#include "show/counters.h"

#include <string.h>

#include "core/core.h"
#include "worker/loop.h"

void
counters_sum(const struct gateway *gateway, struct stats_worker *ret_worker,
	struct stats_handshake *ret_handshake)
{
	memset(ret_worker, 0, sizeof(*ret_worker));
	memset(ret_handshake, 0, sizeof(*ret_handshake));
	for (unsigned int i = 0; i < gateway->n_workers; i++)
		stats_sum_worker(ret_worker, &gateway->worker[i]->stats);
	for (unsigned int i = 0; i < gateway->n_cores; i++)
		stats_sum_handshake(ret_handshake, &gateway->core[i]->stats);
}
