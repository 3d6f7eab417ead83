/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/eal_args.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/device.h"

/* Of EAL's options, those that may be there more than once. */
#define REPEATABLE "-a --allow -b --block -d --log-level --trace --vdev "

/* Adds len characters as an argument. Returns 0 or -ENOMEM. */
static int
add(struct eal_args *args, const char *text, size_t len)
{
	char **grown = realloc(args->arg, ((size_t)args->n + 2) * sizeof(*grown));

	if (grown == NULL)
		return -ENOMEM;
	args->arg = grown;
	args->arg[args->n] = strndup(text, len);
	if (args->arg[args->n] == NULL)
		return -ENOMEM;
	args->arg[++args->n] = NULL;
	return 0;
}

static int
add_text(struct eal_args *args, const char *text)
{
	return add(args, text, strlen(text));
}

/* How long is the name in an argument? A short option may have its value glued to it: -l0-3. */
static size_t
name_length(const char *arg)
{
	if (arg[0] == '-' && arg[1] != '-' && arg[1] != '\0')
		return 2;
	return strcspn(arg, "=");
}

/* Is the argument an option of one of these names, of which each is followed by a blank? */
static bool
is_one_of(const char *arg, const char *names)
{
	size_t len = name_length(arg);

	for (const char *name = names; *name != '\0'; name += strcspn(name, " ") + 1)
		if (strcspn(name, " ") == len && strncmp(name, arg, len) == 0)
			return true;
	return false;
}

bool
eal_args_have(const struct eal_args *args, const char *names)
{
	for (int i = 0; i < args->n; i++)
		if (args->arg[i][0] == '-' && is_one_of(args->arg[i], names))
			return true;
	return false;
}

/* The value of the option that is argument i: the rest of it, or the next argument; NULL if it has none. */
static const char *
value_of(const struct eal_args *args, int i)
{
	const char *behind = args->arg[i] + name_length(args->arg[i]);

	if (*behind != '\0')
		return *behind == '=' ? behind + 1 : behind;
	return i + 1 < args->n && args->arg[i + 1][0] != '-' ? args->arg[i + 1] : NULL;
}

const char *
eal_args_value(const struct eal_args *args, const char *name)
{
	size_t len = strlen(name);

	for (int i = 0; i < args->n; i++)
		if (name_length(args->arg[i]) == len && strncmp(args->arg[i], name, len) == 0)
			return value_of(args, i);
	return NULL;
}

unsigned int
eal_args_cpus(unsigned int *cpu)
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

unsigned int
eal_args_workers(const struct config_gateway *settings, unsigned int n_cpus)
{
	if (settings->workers != CONFIG_AUTO)
		return settings->workers;
	n_cpus = n_cpus > settings->handshake_cores ? n_cpus - settings->handshake_cores : 1;
	return n_cpus < CONFIG_WORKERS_MAX ? n_cpus : CONFIG_WORKERS_MAX;
}

bool
eal_args_fit_cpus(
	const struct config_gateway *settings, unsigned int n_workers, unsigned int n_cpus)
{
	/* A busy worker leaves nothing to those who share its CPU. */
	return n_workers + (settings->poll_busy != 0 ? 1 : 0) <= n_cpus &&
	       settings->handshake_cores <= n_cpus;
}

/*
 * Workers take CPUs from the top; main and the handshake cores share what is left, from the bottom.
 */
void
eal_args_spread(const unsigned int *cpu, unsigned int n_cpus, unsigned int n_workers,
	unsigned int n_cores, unsigned int *ret_cpu)
{
	unsigned int shared = n_cpus > n_workers ? n_cpus - n_workers : 1;

	for (unsigned int i = 0; i < n_workers; i++)
		ret_cpu[i] = cpu[n_cpus - 1 - i % n_cpus];
	for (unsigned int i = 0; i < n_cores; i++)
		ret_cpu[n_workers + i] = cpu[i % shared];
}

static int
add_lcores(struct eal_args *args, const struct config *config, unsigned int n_workers)
{
	unsigned int cpu[CPU_SETSIZE], n = eal_args_cpus(cpu), of_lcore[EAL_ARGS_LCORES_MAX];
	unsigned int n_cores = config->gateway.handshake_cores;
	char text[8192]; /* workers and cores have 128 at most, of 11 characters */
	int len = snprintf(text, sizeof(text), "--lcores=0@%u", cpu[0]);

	eal_args_spread(cpu, n, n_workers, n_cores, of_lcore);
	for (unsigned int i = 0; i < n_workers + n_cores; i++)
		len += snprintf(
			text + len, sizeof(text) - (size_t)len, ",%u@%u", 1 + i, of_lcore[i]);
	return add_text(args, text);
}

bool
eal_args_list(const char *text, int ret_cpu_of[CPU_SETSIZE])
{
	unsigned int first, last, cpu;
	bool has_cpu;
	int n;

	for (unsigned int i = 0; i < CPU_SETSIZE; i++)
		ret_cpu_of[i] = -1;
	while (sscanf(text, "%u%n", &first, &n) == 1) {
		text += n;
		last = first;
		if (sscanf(text, "-%u%n", &last, &n) == 1)
			text += n;
		has_cpu = sscanf(text, "@%u%n", &cpu, &n) == 1;
		if (has_cpu)
			text += n;
		for (unsigned int i = first; i <= last && i < CPU_SETSIZE; i++)
			ret_cpu_of[i] = (int)(has_cpu ? cpu : i);
		if (*text != ',')
			break;
		text++;
	}
	return *text == '\0';
}

unsigned int
eal_args_lcores(const struct eal_args *args, unsigned int *ret_cpu)
{
	const char *list = eal_args_value(args, "--lcores"), *lead;
	int cpu_of[CPU_SETSIZE], first = -1;
	unsigned int n = 0;

	if (list == NULL)
		list = eal_args_value(args, "-l");
	if (list == NULL || !eal_args_list(list, cpu_of))
		return 0;
	lead = eal_args_value(args, "--main-lcore");
	if (lead != NULL)
		first = atoi(lead);
	for (int i = 0; i < CPU_SETSIZE && n < EAL_ARGS_LCORES_MAX; i++) {
		if (cpu_of[i] < 0)
			continue;
		if (first < 0)
			first = i;
		if (i != first)
			ret_cpu[n++] = (unsigned int)cpu_of[i];
	}
	return n;
}

/* PCI devices are taken by name only; what the configuration does not name stays untouched. */
static int
add_devices(struct eal_args *args, const struct config *config)
{
	bool pci = false;

	for (unsigned int i = 0; i < config->n_ports; i++) {
		const char *device = config->port[i].device;

		if (!device_is_pci(device))
			continue;
		if (add_text(args, "-a") != 0 || add_text(args, device) != 0)
			return -ENOMEM;
		pci = true;
	}
	return pci ? 0 : add_text(args, "--no-pci");
}

/* Are two values of an option, NULL for none, the same? */
static bool
same_value(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/*
 * Is option i of a profile to be added? EAL refuses most that are given twice: the user's word counts before
 * a profile's, and two ports may have the same in theirs. Returns 0 or 1, or -EINVAL if they differ.
 */
static int
is_wanted(const struct eal_args *args, const struct eal_args *given, const struct eal_args *words,
	int i)
{
	const char *option = words->arg[i], *value = value_of(words, i);
	size_t len = name_length(option);
	char name[64];

	snprintf(name, sizeof(name), "%.*s ", (int)len, option);
	for (int j = 0; j < args->n; j++) {
		if (name_length(args->arg[j]) != len || strncmp(args->arg[j], option, len) != 0)
			continue;
		if (same_value(value_of(args, j), value))
			return 0;
		if (!is_one_of(option, REPEATABLE))
			return eal_args_have(given, name) ? 0 : -EINVAL;
	}
	return is_one_of(option, REPEATABLE) || !eal_args_have(given, name);
}

/* Cuts the options of a profile into words. */
static int
split(struct eal_args *words, const char *text)
{
	for (text += strspn(text, " \t"); *text != '\0'; text += strspn(text, " \t")) {
		size_t len = strcspn(text, " \t");

		if (add(words, text, len) != 0)
			return -ENOMEM;
		text += len;
	}
	return 0;
}

/* Adds what the profile of a port wants, each option with its value behind it. */
static int
add_profile(struct eal_args *args, const struct eal_args *given, const struct config_port *port,
	struct error *error)
{
	struct eal_args words = { 0 };
	int wanted = 0, err;

	err = port->profile.eal_options != NULL ? split(&words, port->profile.eal_options) : 0;
	for (int i = 0; err == 0 && i < words.n; i++) {
		if (i == 0 || words.arg[i][0] == '-')
			wanted = is_wanted(args, given, &words, i);
		if (wanted > 0)
			err = add_text(args, words.arg[i]);
		if (wanted < 0)
			err = error_set(error,
				"port %s: its profile has the EAL option %s, and that of another port has it differently",
				port->name, words.arg[i]);
	}
	eal_args_free(&words);
	return err;
}

int
eal_args_make(struct eal_args *ret_args, const struct config *config, const struct options *options,
	unsigned int n_workers, struct error *error)
{
	/* EAL goes by the first that matches. Telemetry has one for its warning that it serves no legacy clients. */
	static const char *const first[] = { "hellogate", "--log-level=lib.telemetry:error",
		"--log-level=lib.*:warning", "--log-level=pmd.*:warning" };
	const struct eal_args given = { .n = options->n_eal, .arg = options->eal };
	struct eal_args args = { 0 };
	int err = 0;

	for (size_t i = 0; err == 0 && i < sizeof(first) / sizeof(first[0]); i++)
		err = add_text(&args, first[i]);
	if (err == 0 && !eal_args_have(&given, EAL_ARGS_LCORES))
		err = add_lcores(&args, config, n_workers);
	if (err == 0 && !eal_args_have(&given, "-a --allow -b --block --no-pci "))
		err = add_devices(&args, config);
	for (unsigned int i = 0; err == 0 && i < config->n_ports; i++)
		err = add_profile(&args, &given, &config->port[i], error);
	for (int i = 0; err == 0 && i < given.n; i++)
		err = add_text(&args, given.arg[i]);
	if (err == -ENOMEM)
		err = error_set(error, "no memory for EAL options");
	if (err != 0)
		eal_args_free(&args);
	else
		*ret_args = args;
	return err;
}

void
eal_args_free(struct eal_args *args)
{
	for (int i = 0; i < args->n; i++)
		free(args->arg[i]);
	free(args->arg);
	*args = (struct eal_args){ 0 };
}
