/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/wait.h"

#include <time.h>

#include "gateway/clock.h"
#include "gateway/gateway.h"
#include "main/notify.h"

#define GRACE_REST_NS 50000
#define CLEAR_REST_NS 1000000

void
wait_alive(struct gateway *gateway)
{
	atomic_store_explicit(&gateway->now, clock_seconds(), memory_order_relaxed);
	notify_alive(gateway, clock_microseconds());
}

/* Not by rte_rcu_qsbr_synchronize(): of what is inline, ThreadSanitizer sees the order that it makes. */
void
wait_for_grace(struct gateway *gateway)
{
	const struct timespec moment = { .tv_nsec = GRACE_REST_NS };
	uint64_t token = rte_rcu_qsbr_start(gateway->qsbr);

	while (!rte_rcu_qsbr_check(gateway->qsbr, token, false)) {
		nanosleep(&moment, NULL);
		wait_alive(gateway);
	}
}

void
wait_for_clear(struct gateway *gateway, const atomic_bool *flag)
{
	const struct timespec moment = { .tv_nsec = CLEAR_REST_NS };

	while (atomic_load_explicit(flag, memory_order_acquire)) {
		nanosleep(&moment, NULL);
		wait_alive(gateway);
	}
}
