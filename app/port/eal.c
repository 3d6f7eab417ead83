/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/eal.h"

#include <rte_eal.h>
#include <rte_lcore.h>

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "port/eal_args.h"
#include "port/log.h"
#include "port/output.h"

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

/* What DPDK says while it starts; NULL at any other time. */
static struct output *starting;

/*
 * For atexit(): from 25.11 on DPDK's parser ends the process itself if it does not like an option. That
 * is a refusal like any other, with its first words.
 */
static void
explain_exit(void)
{
	struct error error;

	if (starting == NULL)
		return;
	output_end(starting, false);
	error_set(&error, "DPDK does not start: %s", output_reason(starting));
	log_refusal(error.text);
	fflush(NULL);
	_exit(EAL_REFUSED);
}

static int
initialise(int argc, char **argv, struct output *output)
{
	int err;

	output_begin(output);
	starting = output;
	err = rte_eal_init(argc, argv);
	starting = NULL;
	output_end(output, err >= 0);
	return err;
}

int
eal_start(const struct config *config, const struct options *options, unsigned int n_workers,
	struct error *error)
{
	unsigned int needed = 1 + n_workers + config->gateway.handshake_cores;
	struct output output;
	struct eal_args args;
	char **argv = NULL;
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
	if (atexit(explain_exit) != 0) {
		err = error_set(error, "no memory to start DPDK");
		goto out;
	}
	err = initialise(args.n, argv, &output);
	if (err < 0) {
		err = error_set(error, "DPDK does not start: %s%s", output_reason(&output),
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
	free(argv);
	eal_args_free(&args);
	return err;
}

unsigned int
eal_lcore(unsigned int n)
{
	unsigned int lcore = rte_get_next_lcore(-1, 1, 0);

	while (n-- > 0)
		lcore = rte_get_next_lcore(lcore, 1, 0);
	return lcore;
}

void
eal_stop(void)
{
	rte_eal_cleanup();
}
