/* SPDX-License-Identifier: BSD-3-Clause */
/* What main keeps for itself of a gateway. No lcore, nor whoever shows something, looks at it. */
#pragma once

#include "main/interrupts.h"
#include "main/notify.h"
#include "port/nodes.h"

struct interfaces;
struct retired;
struct spent;
struct watch;

struct own {
	struct notify notify;
	struct interrupts interrupts;
	struct nodes nodes;            /* where memory is wanted */
	struct interfaces *interfaces; /* NULL: the kernel does not tell */
	struct watch *watch;           /* one for each port */
	struct spent *spent;
	unsigned int n_pools;    /* made since the start */
	struct retired *retired; /* former generations */
};
