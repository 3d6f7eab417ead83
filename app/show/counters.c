/* SPDX-License-Identifier: BSD-3-Clause */
#include "show/counters.h"

#include <inttypes.h>
#include <string.h>

#include "core/core.h"
#include "exception/exception.h"
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

static void
print(void *arg, const char *name, const char *help, uint64_t value)
{
	(void)help;
	fprintf(arg, "%s %" PRIu64 "\n", name, value);
}

void
counters_print(const struct gateway *gateway, FILE *to)
{
	struct stats_handshake handshake;
	struct stats_worker worker;

	counters_sum(gateway, &worker, &handshake);
	stats_each_worker(&worker, print, to);
	stats_each_handshake(&handshake, print, to);
	stats_each_exception(exception_stats(gateway->exception), print, to);
	fflush(to);
}
