/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/process.h"

#include <cap-ng.h>

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "port/device.h"
#include "port/log.h"
#include "tls/secret.h"

LOG_TYPE(process);

int
process_begin(struct error *error)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return error_set(error, "cannot turn core dumps off: %m");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return error_set(error, "cannot give up privileges by exec: %m");
	/* Threads inherit the bounding set, and only who has CAP_SETPCAP can make it smaller. */
	if (geteuid() == 0 && capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) != 0) {
		capng_clear(CAPNG_SELECT_BOUNDS);
		if (capng_apply(CAPNG_SELECT_BOUNDS) != 0)
			return error_set(error, "cannot empty the capability bounding set: %m");
	}
	switch (hg_tls_secret_init()) {
	case 0:
		return 0;
	case -EPERM:
		LOG(WARNING, "secrets may be swapped out: RLIMIT_MEMLOCK allows too little\n");
		return 0;
	default:
		return error_set(error, "no memory for secrets");
	}
}

/* What drivers need later, as far as it is there: without it a port may not come back, but can start. */
static uint64_t
kept_capabilities(const struct config *config)
{
	uint64_t wanted = 0, kept = 0;

	for (unsigned int i = 0; i < config->n_ports; i++)
		wanted |= config->port[i].profile.capabilities;
	for (unsigned int i = 0; i <= CAP_LAST_CAP; i++) {
		if ((wanted >> i & 1) == 0)
			continue;
		if (capng_have_capability(CAPNG_PERMITTED, i) != 0)
			kept |= UINT64_C(1) << i;
		else
			LOG(WARNING, "no capability %s to keep: a port may not come back\n",
				capng_capability_to_name(i));
	}
	return kept;
}

/*
 * glibc makes every thread change its user, and the kernel takes a thread's capabilities when it
 * ceases to be root. PR_SET_KEEPCAPS is of one thread, so main is the only one to keep some.
 */
static int
become(uid_t uid, gid_t gid, uint64_t kept)
{
	int signal = 0; /* of the parent's death: whoever asked for it would lose it now */

	prctl(PR_GET_PDEATHSIG, &signal, 0, 0, 0);
	if (kept != 0 && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0)
		return -errno;
	if (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
		setresuid(uid, uid, uid) != 0)
		return -errno;
	if (kept != 0) {
		capng_clear(CAPNG_SELECT_CAPS);
		for (unsigned int i = 0; i <= CAP_LAST_CAP; i++)
			if ((kept >> i & 1) != 0)
				capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, i);
		if (capng_apply(CAPNG_SELECT_CAPS) != 0)
			return -EPERM;
	}
	prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0);
	/* The kernel has made the process dumpable as fs.suid_dumpable says. */
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : -errno;
}

/* Does a line of /proc/PID/status say more than is allowed? */
static bool
exceeds(const char *line, const struct config_gateway *settings, uint64_t allowed)
{
	static const char *const sets[] = { "CapInh:\t", "CapPrm:\t", "CapEff:\t", "CapAmb:\t" };
	unsigned int id[4], own;

	if (sscanf(line, "Uid: %u %u %u %u", &id[0], &id[1], &id[2], &id[3]) == 4 ||
		sscanf(line, "Gid: %u %u %u %u", &id[0], &id[1], &id[2], &id[3]) == 4) {
		own = line[0] == 'U' ? settings->uid : settings->gid;
		return id[0] != own || id[1] != own || id[2] != own || id[3] != own;
	}
	if (strncmp(line, "Groups:", 7) == 0)
		return strspn(line + 7, " \t\n") != strlen(line + 7);
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		if (strncmp(line, sets[i], strlen(sets[i])) == 0)
			return (strtoull(line + strlen(sets[i]), NULL, 16) & ~allowed) != 0;
	return false;
}

static int
check_thread(const char *name, const struct config_gateway *settings, uint64_t allowed,
	struct error *error)
{
	char path[sizeof("/proc/self/task//status") + sizeof(((struct dirent *)0)->d_name)];
	char line[4096];
	FILE *file;
	int err = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%s/status", name);
	file = fopen(path, "re");
	if (file == NULL && errno == ENOENT)
		return 0; /* it has ended */
	if (file == NULL)
		return error_set(error, "cannot read %s: %m", path);
	while (err == 0 && fgets(line, sizeof(line), file) != NULL)
		if (exceeds(line, settings, allowed)) {
			line[strcspn(line, "\n")] = '\0';
			err = error_set(
				error, "thread %s has kept privileges of root: %s", name, line);
		}
	fclose(file);
	return err;
}

static int
check_threads(const struct config_gateway *settings, uint64_t kept, struct error *error)
{
	DIR *threads = opendir("/proc/self/task");
	const struct dirent *thread;
	int err = 0;

	if (threads == NULL)
		return error_set(error, "cannot read /proc/self/task: %m");
	while (err == 0 && (thread = readdir(threads)) != NULL)
		if (thread->d_name[0] != '.')
			err = check_thread(thread->d_name, settings,
				atoi(thread->d_name) == getpid() ? kept : 0, error);
	closedir(threads);
	return err;
}

/*
 * libxdp makes the folder of its lock when it first needs it: without a BPF file system that is when a
 * port is closed, and who is not root any more cannot. The program would stay on the interface.
 */
static void
make_lock_folder(const struct config *config)
{
	for (unsigned int i = 0; i < config->n_ports; i++)
		if (device_has_driver(config->port[i].device, "net_af_xdp"))
			(void)mkdir("/run/xdp", 0700);
}

int
process_drop(const struct config *config, struct error *error)
{
	const struct config_gateway *settings = &config->gateway;
	uint64_t kept;
	int err;

	if (geteuid() != 0 || settings->uid == 0)
		return 0;
	kept = kept_capabilities(config);
	make_lock_folder(config);
	err = become(settings->uid, settings->gid, kept);
	if (err != 0)
		return error_set(
			error, "cannot become user %s: %s", settings->user, strerror(-err));
	return check_threads(settings, kept, error);
}
