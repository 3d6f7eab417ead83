/* SPDX-License-Identifier: BSD-3-Clause */
#include "eal.h"

#include <rte_eal.h>
#include <rte_lcore.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"

#define ARGS_MAX 256
#define TEXT_MAX 16384

/* EAL's argument vector, and the memory of those of its strings that are ours. */
struct args {
	int n;
	char *arg[ARGS_MAX];
	char text[TEXT_MAX];
	size_t used;
};

static void
add(struct args *args, const char *text)
{
	size_t len = strlen(text) + 1;

	if (args->n + 1 >= ARGS_MAX || args->used + len > TEXT_MAX)
		return;
	args->arg[args->n++] = memcpy(args->text + args->used, text, len);
	args->used += len;
}

bool
eal_given(const struct options *options, const char *names)
{
	for (int i = 0; i < options->n_eal; i++) {
		const char *arg = options->eal[i];
		size_t len = strcspn(arg, "=");

		/* A short option may have its value glued to it: -l0-3. */
		if (arg[0] == '-' && arg[1] != '-' && len > 2)
			len = 2;
		for (const char *name = names; *name != '\0'; name += strcspn(name, " ") + 1)
			if (strcspn(name, " ") == len && strncmp(name, arg, len) == 0)
				return true;
	}
	return false;
}

const char *
eal_value(const struct options *options, const char *name)
{
	size_t len = strlen(name);

	for (int i = 0; i < options->n_eal; i++) {
		const char *arg = options->eal[i];

		if (strncmp(arg, name, len) != 0)
			continue;
		if (arg[len] == '\0')
			return i + 1 < options->n_eal ? options->eal[i + 1] : NULL;
		if (arg[len] == '=')
			return arg + len + 1;
		if (name[1] != '-')
			return arg + len;
	}
	return NULL;
}

static bool
places_lcores(const struct options *options)
{
	return eal_given(options, EAL_LCORES);
}

/* The CPUs that this process may use, in ascending order. */
static unsigned int
list_cpus(unsigned int cpu[CPU_SETSIZE])
{
	unsigned int n = 0;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0) {
		cpu[0] = 0;
		return 1;
	}
	for (unsigned int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &set))
			cpu[n++] = i;
	return n;
}

int
eal_count_workers(const struct config *config, const struct options *options,
	unsigned int *ret_workers, struct error *error)
{
	const struct config_gateway *gateway = &config->gateway;
	unsigned int cpu[CPU_SETSIZE], n = list_cpus(cpu), cores = gateway->handshake_cores;
	unsigned int workers = gateway->workers;

	if (workers == CONFIG_AUTO)
		workers = n > cores ? n - cores : 1;
	*ret_workers = workers;
	if (places_lcores(options))
		return 0;
	if (workers > n || cores > n)
		return error_set(error,
			"%s: too few CPUs: workers = %u and handshake-cores = %u, but there are %u "
			"CPUs",
			config->ini->path, workers, cores, n);
	/* A busy worker leaves nothing to those who share its CPU. */
	if (gateway->poll_busy != 0 && workers + 1 > n)
		return error_set(error,
			"%s: too few CPUs: poll = busy needs %u for workers and one more, but "
			"there are %u",
			config->ini->path, workers, n);
	return 0;
}

/*
 * Workers take CPUs from the top; main and the handshake cores share what is left, from the bottom.
 */
static void
add_lcores(struct args *args, const struct config *config, unsigned int n_workers)
{
	unsigned int cpu[CPU_SETSIZE], n = list_cpus(cpu);
	unsigned int shared = n > n_workers ? n - n_workers : 1;
	unsigned int n_cores = config->gateway.handshake_cores;
	char text[8192];
	int len = snprintf(text, sizeof(text), "--lcores=0@%u", cpu[0]);

	for (unsigned int i = 0; i < n_workers; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, ",%u@%u", 1 + i,
			cpu[n - 1 - i % n]);
	for (unsigned int i = 0; i < n_cores; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, ",%u@%u", 1 + n_workers + i,
			cpu[i % shared]);
	add(args, text);
}

/* PCI devices are taken by name only; what the configuration does not name stays untouched. */
static void
add_devices(struct args *args, const struct config *config)
{
	bool pci = false;

	for (unsigned int i = 0; i < config->n_ports; i++) {
		const char *device = config->port[i].device;

		if (strchr(device, ':') == NULL || strncmp(device, "net_", 4) == 0)
			continue;
		add(args, "-a");
		add(args, device);
		pci = true;
	}
	if (!pci)
		add(args, "--no-pci");
}

/*
 * EAL refuses an option that is given twice: two ports may share a profile, and the user's word
 * counts.
 */
static bool
is_new(const struct args *args, const struct options *options, const char *option)
{
	char name[64];

	for (int i = 0; i < args->n; i++)
		if (strcmp(args->arg[i], option) == 0)
			return false;
	snprintf(name, sizeof(name), "%.*s ", (int)strcspn(option, "="), option);
	return !eal_given(options, name);
}

static void
add_profiles(struct args *args, const struct config *config, const struct options *options)
{
	for (unsigned int i = 0; i < config->n_ports; i++) {
		char text[256], *rest = text, *option;

		if (config->port[i].profile.eal_options == NULL)
			continue;
		snprintf(text, sizeof(text), "%s", config->port[i].profile.eal_options);
		while ((option = strsep(&rest, " ")) != NULL)
			if (*option != '\0' && is_new(args, options, option))
				add(args, option);
	}
}

int
eal_start(const struct config *config, const struct options *options, unsigned int n_workers,
	struct error *error)
{
	unsigned int needed = 1 + n_workers + config->gateway.handshake_cores;
	struct args *args = calloc(1, sizeof(*args));
	struct capture capture;
	int err = 0;

	if (args == NULL)
		return error_set(error, "no memory to start DPDK");
	add(args, "hellogate");
	/* Of several that match, the first counts. Telemetry warns that it serves no legacy clients. */
	add(args, "--log-level=lib.telemetry:error");
	add(args, "--log-level=lib.*:warning");
	add(args, "--log-level=pmd.*:warning");
	if (!places_lcores(options))
		add_lcores(args, config, n_workers);
	if (!eal_given(options, "-a --allow -b --block --no-pci "))
		add_devices(args, config);
	add_profiles(args, config, options);
	for (int i = 0; i < options->n_eal; i++)
		add(args, options->eal[i]);
	if (args->n + 1 >= ARGS_MAX || args->used + 64 > TEXT_MAX) {
		err = error_set(error, "too many EAL options");
		goto out;
	}

	capture_begin(&capture);
	err = rte_eal_init(args->n, args->arg);
	capture_end(&capture);
	if (err < 0) {
		err = error_set(error, "DPDK does not start: %s%s", capture_reason(&capture),
			eal_given(options, "--no-huge ")
				? ""
				: " (without hugepages, pass -- --no-huge -m 512)");
		goto out;
	}
	capture_replay(&capture);
	err = 0;
	if (rte_lcore_count() < needed) {
		err = error_set(error,
			"the EAL options give %u lcores, but main, %u workers and %u handshake "
			"cores need %u",
			rte_lcore_count(), n_workers, config->gateway.handshake_cores, needed);
		rte_eal_cleanup();
	}
out:
	free(args);
	return err;
}

void
eal_stop(void)
{
	rte_eal_cleanup();
}
