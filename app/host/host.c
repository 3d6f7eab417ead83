/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/host.h"

#include <cap-ng.h>

#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/listener.h"
#include "host/device.h"
#include "host/node.h"
#include "host/pages.h"
#include "port/device.h"

#define MB (1024u * 1024u)
#define SECRETS_KB 8192u /* of locked memory, see tls/secret.c */

/* --- CPUs --------------------------------------------------------------------------------------- */

/* "0-3,7" */
static void
parse_cpus(const char *text, cpu_set_t *set)
{
	int cpu_of[CPU_SETSIZE];

	CPU_ZERO(set);
	eal_args_list(text, cpu_of);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (cpu_of[i] >= 0)
			CPU_SET(i, set);
}

/* Workers with poll = busy want CPUs that nobody else is put on; they have the highest ones. */
static void
report_isolated(const struct host *host)
{
	unsigned int left = host->n_workers, n = 0;
	char text[VIEW_TEXT] = "";
	cpu_set_t isolated, both;

	if (!view_line(&host->view, text, "sys/devices/system/cpu/isolated"))
		text[0] = '\0';
	parse_cpus(text, &isolated);
	CPU_AND(&both, &isolated, &host->cpus);
	if (CPU_COUNT(&isolated) != 0 && CPU_COUNT(&both) == 0) {
		view_lacks(&host->view,
			"isolated CPUs: %s are, but this process may not use them: see taskset(1), or CPUAffinity= of the unit",
			text);
		return;
	}
	for (int i = CPU_SETSIZE - 1; i >= 0 && left > 0; i--)
		if (CPU_ISSET(i, &host->cpus)) {
			n += CPU_ISSET(i, &isolated) != 0;
			left--;
		}
	if (host->config->gateway.poll_busy != 0 && n < host->n_workers)
		view_lacks(&host->view,
			"isolated CPUs: poll = busy wants them for %u workers, %u have one: see host-setup.sh cpus",
			host->n_workers, n);
	else if (n > 0)
		view_has(&host->view, "isolated CPUs for %u of %u workers", n, host->n_workers);
}

/* Of the CPUs that this process may use. */
static void
read_cpus(const struct host *host, char text[VIEW_TEXT])
{
	if (!view_field(&host->view, text, "proc/self/status", "Cpus_allowed_list:"))
		strcpy(text, "0");
}

static void
report_cpus(const struct host *host)
{
	const struct config_gateway *gateway = &host->config->gateway;
	unsigned int cores = gateway->handshake_cores, n = (unsigned int)CPU_COUNT(&host->cpus);
	char text[VIEW_TEXT];

	read_cpus(host, text);
	if (eal_args_have(&host->given, EAL_ARGS_LCORES)) {
		view_has(&host->view, "CPUs as the EAL options say: not looked at");
		return;
	}
	if (!eal_args_fit_cpus(gateway, host->n_workers, n))
		view_lacks(&host->view,
			"CPUs: %u workers%s and %u handshake cores do not start on %u (%s)",
			host->n_workers, gateway->poll_busy != 0 ? " with poll = busy" : "", cores,
			n, text);
	else if (host->n_workers + cores > n)
		view_lacks(&host->view,
			"CPUs of their own: %u workers and %u handshake cores share %u (%s)",
			host->n_workers, cores, n, text);
	else
		view_has(&host->view, "CPUs %s for %u workers and %u handshake cores", text,
			host->n_workers, cores);
	report_isolated(host);
}

/* --- memory ------------------------------------------------------------------------------------- */

static bool
has_mount(const struct view *view)
{
	char path[VIEW_TEXT], text[VIEW_TEXT];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "%s/proc/mounts", view->root);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	while (!found && fgets(text, sizeof(text), file) != NULL)
		found = strstr(text, " hugetlbfs ") != NULL;
	fclose(file);
	return found;
}

/* MB of DPDK's memory in all. */
static unsigned int
needed_mb(const struct host *host, const struct host_needs *needs)
{
	uint64_t bytes = needs->cores + needs->other;

	bytes += host->config->gateway.handshake_cores * needs->core;
	for (unsigned int i = 0; i < host->n_workers; i++)
		bytes += needs->worker[i];
	return (unsigned int)((bytes + MB - 1) / MB);
}

static void
report_memory(const struct host *host, const struct host_needs *needs)
{
	const char *asked = eal_args_value(&host->args, "-m");
	unsigned int given = asked != NULL ? (unsigned int)atoi(asked) : 0;
	uint64_t free_mb, all_mb;
	unsigned int needed = needed_mb(host, needs);

	if (asked != NULL && given < needed)
		view_lacks(&host->view,
			"memory: -m %u gives less than the %u MB that are needed, about", given,
			needed);
	if (given > needed)
		needed = given;
	if (host->page != 0) {
		/* EAL takes 64 MB if it is not told. */
		if (asked == NULL && needed > 64)
			view_lacks(&host->view,
				"memory: --no-huge without -m gives 64 MB, about %u are needed",
				needed);
		else if (asked == NULL || given >= needed)
			view_has(&host->view, "memory without hugepages, %u MB", needed);
		host_node_report_memory(host, needs);
		return;
	}
	free_mb = pages_mb(&host->view, "sys/kernel/mm/hugepages", "free_hugepages");
	all_mb = pages_mb(&host->view, "sys/kernel/mm/hugepages", "nr_hugepages");
	if (free_mb < needed)
		view_lacks(&host->view,
			"hugepages: %" PRIu64 " MB free of %" PRIu64
			" MB, about %u needed: see host-setup.sh hugepages %u, or pass -- --no-huge -m %u",
			free_mb, all_mb, needed, (needed + 1) / 2, 2 * needed);
	else
		view_has(&host->view, "hugepages: %" PRIu64 " MB free, about %u needed", free_mb,
			needed);
	host_node_report_memory(host, needs);
	if (all_mb != 0 && !eal_args_have(&host->args, "--in-memory --huge-dir ") &&
		!has_mount(&host->view))
		view_lacks(&host->view, "a mount of hugetlbfs: see host-setup.sh hugepages");
}

/* --- limits and privileges ------------------------------------------------------------------------ */

/* The hard limit, or UINT64_MAX. */
static uint64_t
hard_limit(const struct host *host, const char *name)
{
	char text[VIEW_TEXT], soft[32], hard[32];

	if (!view_field(&host->view, text, "proc/self/limits", name) ||
		sscanf(text, "%31s %31s", soft, hard) != 2 || strcmp(hard, "unlimited") == 0)
		return UINT64_MAX;
	return strtoull(hard, NULL, 10);
}

static uint64_t
capabilities(const struct host *host)
{
	char text[VIEW_TEXT];

	if (!view_field(&host->view, text, "proc/self/status", "CapEff:"))
		return 0;
	return strtoull(text, NULL, 16);
}

static bool
is_root(const struct host *host)
{
	unsigned int real, effective;
	char text[VIEW_TEXT];

	return view_field(&host->view, text, "proc/self/status", "Uid:") &&
	       sscanf(text, "%u %u", &real, &effective) == 2 && effective == 0;
}

static bool
may(const struct host *host, unsigned int capability)
{
	return (capabilities(host) >> capability & 1) != 0;
}

static void
report_files(const struct host *host, uint64_t needed)
{
	uint64_t most;
	bool sockets = false;

	for (unsigned int i = 0; i < host->config->n_listeners; i++)
		sockets |= !host->config->listener[i].echo;
	if (!sockets)
		return;
	most = hard_limit(host, "Max open files");
	if (is_root(host) && may(host, CAP_SYS_RESOURCE)) {
		int64_t kernel = view_number(&host->view, "proc/sys/fs/nr_open");

		/* It raises its own limit, as far as the kernel lets anybody. */
		most = kernel > 0 ? (uint64_t)kernel : UINT64_MAX;
	}
	if (most < needed)
		view_lacks(&host->view,
			"open files: %" PRIu64 " allowed, %" PRIu64
			" needed for max-sessions: see ulimit -n, LimitNOFILE= of the unit, fs.nr_open",
			most, needed);
	else
		view_has(
			&host->view, "open files: as many as max-sessions needs, %" PRIu64, needed);
}

static void
report_locked(const struct host *host)
{
	uint64_t kb = hard_limit(host, "Max locked memory") / 1024;

	if (may(host, CAP_IPC_LOCK) || kb >= SECRETS_KB)
		view_has(&host->view, "locked memory for secrets");
	else
		view_lacks(&host->view,
			"locked memory: %" PRIu64
			" KB allowed, %u wanted, or secrets may be swapped out: see ulimit -l",
			kb, SECRETS_KB);
}

/* What setting up wants of root, and is missing in some containers. */
static uint64_t
needed_capabilities(const struct config *config)
{
	uint64_t needed = 0;

	if (config->gateway.uid != 0)
		needed |= UINT64_C(1) << CAP_SETUID | UINT64_C(1) << CAP_SETGID;
	for (unsigned int i = 0; i < config->n_ports; i++) {
		const struct config_port *port = &config->port[i];

		needed |= port->profile.capabilities;
		if (device_has_driver(port->device, "net_af_packet"))
			needed |= UINT64_C(1) << CAP_NET_RAW;
		if (device_has_driver(port->device, "net_af_xdp"))
			needed |= UINT64_C(1) << CAP_NET_RAW | UINT64_C(1) << CAP_NET_ADMIN;
		if (device_has_driver(port->device, "net_tap"))
			needed |= UINT64_C(1) << CAP_NET_ADMIN;
	}
	return needed;
}

static void
report_privileges(const struct host *host)
{
	uint64_t missing = needed_capabilities(host->config) & ~capabilities(host);
	char text[VIEW_TEXT] = "";
	size_t len = 0;

	if (!is_root(host)) {
		view_lacks(&host->view, "root: it is needed to set up");
		return;
	}
	for (unsigned int i = 0; i <= CAP_LAST_CAP && len < sizeof(text) - 32; i++)
		if ((missing >> i & 1) != 0)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
				len != 0 ? ", " : "", capng_capability_to_name(i));
	if (missing != 0)
		view_lacks(&host->view, "capabilities: root is without %s", text);
	else
		view_has(&host->view, "root, with what these devices need");
}

/* What is taken all the same, but does not work for each client. */
static void
report_listeners(const struct host *host)
{
	for (unsigned int i = 0; i < host->config->n_listeners; i++) {
		const struct config_listener *listener = &host->config->listener[i];
		const char *warning = config_listener_warning(listener);

		if (warning != NULL)
			view_lacks(&host->view, "what listener %s should have: %s", listener->name,
				warning);
	}
}

void
host_find(struct host *host)
{
	bool huge = !eal_args_have(&host->args, "--no-huge ");
	char text[VIEW_TEXT];

	read_cpus(host, text);
	parse_cpus(text, &host->cpus);
	host->page = huge ? 0 : (uint32_t)sysconf(_SC_PAGESIZE);
	host->n_workers =
		eal_args_workers(&host->config->gateway, (unsigned int)CPU_COUNT(&host->cpus));
	host_node_find(host);
}

void
host_report(const struct host *host, const struct host_needs *needs)
{
	fputc('\n', host->view.to);
	report_cpus(host);
	report_memory(host, needs);
	report_files(host, needs->files);
	report_locked(host);
	report_privileges(host);
	report_listeners(host);
	for (unsigned int i = 0; i < host->config->n_ports; i++) {
		host_port_report(host, &host->config->port[i]);
		host_node_report_port(host, i);
	}
}

void
host_open(struct host *ret_host, const struct config *config, const struct options *options,
	const struct eal_args *args)
{
	*ret_host = (struct host){
		.view = { .root = "", .to = stdout },
		.config = config,
		.given = { .n = options->n_eal, .arg = options->eal },
		.args = *args,
	};
	if (getifaddrs(&ret_host->addresses) != 0)
		ret_host->addresses = NULL;
	host_find(ret_host);
}

void
host_close(struct host *host)
{
	freeifaddrs(host->addresses);
}
