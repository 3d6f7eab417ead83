/* SPDX-License-Identifier: BSD-3-Clause */
/* Starting DPDK's environment: which lcores on which CPUs, which devices. */
#pragma once

#include <stdbool.h>

#include "config/config.h"
#include "config/error.h"
#include "config/options.h"

/* How many workers a configuration means on this machine. Returns 0 or -EINVAL: too few CPUs. */
int eal_count_workers(const struct config *config, const struct options *options,
	unsigned int *ret_workers, struct error *error);

/*
 * Initialises EAL with main, n_workers and then the handshake cores as lcores, unless the user's
 * EAL options say otherwise. Returns 0 or -EINVAL. DPDK may end the process over an option: then there is
 * a sentence, and the exit code is EAL_REFUSED.
 */
#define EAL_REFUSED 2
int eal_start(const struct config *config, const struct options *options, unsigned int n_workers,
	struct error *error);

/*
 * The lcores that EAL has beside main's, in the order in which they were given: the workers' from 0 on, then
 * those of the handshake cores. RTE_MAX_LCORE or more if there is none with that number.
 */
unsigned int eal_lcore(unsigned int n);

void eal_stop(void);
