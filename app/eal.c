/* SPDX-License-Identifier: BSD-3-Clause */
#include "eal.h"

#include <rte_eal.h>
#include <rte_lcore.h>

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "eal_args.h"

int
eal_count_workers(const struct config *config, const struct options *options,
	unsigned int *ret_workers, struct error *error)
{
	const struct config_gateway *gateway = &config->gateway;
	const struct eal_args given = { .n = options->n_eal, .arg = options->eal };
	unsigned int cpu[CPU_SETSIZE], n = eal_args_cpus(cpu);
	unsigned int workers = eal_args_workers(gateway, n), cores = gateway->handshake_cores;

	*ret_workers = workers;
	if (eal_args_have(&given, EAL_ARGS_LCORES) || eal_args_fit_cpus(gateway, workers, n))
		return 0;
	if (workers > n || cores > n)
		return error_set(error,
			"%s: too few CPUs: workers = %u and handshake-cores = %u, but there are %u "
			"CPUs",
			config->ini->path, workers, cores, n);
	return error_set(error,
		"%s: too few CPUs: poll = busy needs %u for workers and one more, but there are %u",
		config->ini->path, workers, n);
}

int
eal_start(const struct config *config, const struct options *options, unsigned int n_workers,
	struct error *error)
{
	unsigned int needed = 1 + n_workers + config->gateway.handshake_cores;
	struct capture capture;
	struct eal_args args;
	char **argv;
	int err = eal_args_make(&args, config, options, n_workers, error);

	if (err != 0)
		return err;
	/* EAL writes into the vector that it is given. */
	argv = calloc((size_t)args.n + 1, sizeof(*argv));
	if (argv == NULL) {
		err = error_set(error, "no memory to start DPDK");
		goto out;
	}
	memcpy(argv, args.arg, (size_t)args.n * sizeof(*argv));
	capture_begin(&capture);
	err = rte_eal_init(args.n, argv);
	capture_end(&capture, err >= 0);
	free(argv);
	if (err < 0) {
		err = error_set(error, "DPDK does not start: %s%s", capture_reason(&capture),
			eal_args_have(&args, "--no-huge ")
				? ""
				: " (without hugepages, pass -- --no-huge -m 512)");
		goto out;
	}
	err = 0;
	if (rte_lcore_count() < needed) {
		err = error_set(error,
			"the EAL options give %u lcores, but main, %u workers and %u handshake "
			"cores need %u",
			rte_lcore_count(), n_workers, config->gateway.handshake_cores, needed);
		rte_eal_cleanup();
	}
out:
	eal_args_free(&args);
	return err;
}

void
eal_stop(void)
{
	rte_eal_cleanup();
}
