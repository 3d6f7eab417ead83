/* SPDX-License-Identifier: BSD-3-Clause */
/* What main keeps for itself of a gateway. No lcore, nor whoever shows something, looks at it. */
#pragma once

#include "main/interrupts.h"
#include "main/notify.h"
#include "port/nodes.h"

struct interfaces;
struct retired;
struct rte_mempool;
struct spent;
struct watch;

/* Of a queue. */
struct private_queue {
	struct rte_mempool *pool; /* receive buffers; NULL: its worker's */
	uint64_t sent;            /* what has been seen of its counters */
	uint64_t full;
};

struct main_private {
	struct notify notify;
	struct interrupts interrupts;
	struct nodes nodes;            /* where memory is wanted */
	struct interfaces *interfaces; /* NULL: the kernel does not tell */
	struct watch *watch;           /* one for each port */
	struct private_queue *queue;   /* one for each of the gateway's */
	struct spent *spent;
	unsigned int n_pools;    /* made since the start */
	struct retired *retired; /* former generations */
};
