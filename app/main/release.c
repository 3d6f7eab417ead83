/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/release.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/utsname.h>

#include "port/dpdk.h"
#include "tls/release.h"

/*
 * Of all that is needed of the kernel, epoll_pwait2() is the youngest: a handshake core waits for
 * upstreams with it, for less than a millisecond. glibc has it from 2.35 on, whatever the kernel.
 */
#define KERNEL_MAJOR 5u
#define KERNEL_MINOR 11u

static bool
is_older(const char *release)
{
	unsigned int major, minor;

	return sscanf(release, "%u.%u", &major, &minor) == 2 &&
	       (major < KERNEL_MAJOR || (major == KERNEL_MAJOR && minor < KERNEL_MINOR));
}

/* The call itself is asked, not the number: a distribution may have brought it to an older kernel. */
static int
check_kernel(struct error *error)
{
	const struct timespec no_time = { 0 };
	struct epoll_event event;
	struct utsname system;

	/* There is no such epoll, if there is the call. */
	if (epoll_pwait2(-1, &event, 1, &no_time, NULL) >= 0 || (errno != ENOSYS && errno != EPERM))
		return 0;
	if (uname(&system) == 0 && !is_older(system.release))
		return error_set(error,
			"something around this process, a container's filter perhaps, keeps epoll_pwait2() from it, which this kernel, Linux %s, has",
			system.release);
	return error_set(error,
		"this kernel, Linux %s, is too old: it has no epoll_pwait2(), as Linux has from %u.%u on",
		system.release, KERNEL_MAJOR, KERNEL_MINOR);
}

int
release_check(struct error *error)
{
	char text[256];

	if (hg_tls_release_check(text, sizeof(text)) != 0)
		return error_set(error, "%s", text);
	if (dpdk_check_release(error) != 0)
		return -EINVAL;
	return check_kernel(error);
}
