/* SPDX-License-Identifier: BSD-3-Clause */
/* The arguments that DPDK's environment is started with: ours, those of profiles, the user's. */
#pragma once

#include <sched.h>
#include <stdbool.h>

#include "config/config.h"
#include "config/error.h"
#include "config/options.h"

struct eal_args {
	int n;
	char **arg; /* n of them, and NULL */
};

/*
 * All arguments for main, n_workers and then the handshake cores as lcores, unless the user's EAL options
 * say otherwise. Returns 0 with *ret_args to be freed with eal_args_free(), or -EINVAL: the profiles of two
 * ports want an option differently, or there is no memory.
 */
int eal_args_make(struct eal_args *ret_args, const struct config *config,
	const struct options *options, unsigned int n_workers, struct error *error);
void eal_args_free(struct eal_args *args);

#define EAL_ARGS_LCORES "-l -c --lcores -s -S "

/* Is one of these options among the arguments? Each name is followed by a blank. */
bool eal_args_have(const struct eal_args *args, const char *names);

/* The value of the first option of that name, or NULL. */
const char *eal_args_value(const struct eal_args *args, const char *name);

/* The CPUs that this process may use, in ascending order; cpu has room for CPU_SETSIZE. */
unsigned int eal_args_cpus(unsigned int *cpu);

/* Of lcores, the workers' and then the cores'. */
#define EAL_ARGS_LCORES_MAX (CONFIG_WORKERS_MAX + CONFIG_CORES_MAX)

/* Their CPUs without options, of the n_cpus that this process may use: ret_cpu[n_workers + n_cores]. */
void eal_args_spread(const unsigned int *cpu, unsigned int n_cpus, unsigned int n_workers,
	unsigned int n_cores, unsigned int *ret_cpu);

/*
 * A list like "0@4,2-3,7": the CPU of each lcore, and -1 of those that are none. Without an @, lcore and CPU have one
 * number, as in the kernel's lists of CPUs. Returns false if there is more to the text; what it begins with counts.
 */
bool eal_args_list(const char *text, int ret_cpu_of[CPU_SETSIZE]);

/*
 * Their CPUs by the options, where these are plain: -l or --lcores with numbers and ranges, and an @ with a number.
 * ret_cpu has room for EAL_ARGS_LCORES_MAX. Returns how many, without main's; 0: the options say it otherwise, or
 * nothing.
 */
unsigned int eal_args_lcores(const struct eal_args *args, unsigned int *ret_cpu);

/* Workers for so many CPUs. */
unsigned int eal_args_workers(const struct config_gateway *settings, unsigned int n_cpus);

/* Is there a CPU for each worker, and each core; and one besides if workers never rest? */
bool eal_args_fit_cpus(
	const struct config_gateway *settings, unsigned int n_workers, unsigned int n_cpus);
