/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD: other releases of what the process finds around it, in words alone. HG_OPENSSL, HG_DPDK:
 * what these libraries say that they are, as MAJOR.MINOR.PATCH. HG_LINUX: likewise the kernel, and
 * HG_NO_PWAIT2 is the errno of its epoll_pwait2().
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/utsname.h>

#define PART(function, variable, index)                                                 \
	unsigned int function(void);                                                    \
	unsigned int function(void)                                                     \
	{                                                                               \
		unsigned int part[3] = { 0 };                                           \
		unsigned int (*real)(void);                                             \
                                                                                        \
		if (getenv(variable) != NULL) {                                         \
			sscanf(getenv(variable), "%u.%u.%u", part, part + 1, part + 2); \
			return part[index];                                             \
		}                                                                       \
		*(void **)&real = dlsym(RTLD_NEXT, #function);                          \
		return real();                                                          \
	}

PART(OPENSSL_version_major, "HG_OPENSSL", 0)
PART(OPENSSL_version_minor, "HG_OPENSSL", 1)
PART(rte_version_year, "HG_DPDK", 0)
PART(rte_version_month, "HG_DPDK", 1)
PART(rte_version_minor, "HG_DPDK", 2)

const char *OpenSSL_version(int type);

const char *
OpenSSL_version(int type)
{
	const char *(*real)(int);

	if (getenv("HG_OPENSSL") != NULL)
		return getenv("HG_OPENSSL");
	*(void **)&real = dlsym(RTLD_NEXT, "OpenSSL_version");
	return real(type);
}

int
uname(struct utsname *ret_system)
{
	int (*real)(struct utsname *);
	int err;

	*(void **)&real = dlsym(RTLD_NEXT, "uname");
	err = real(ret_system);
	if (getenv("HG_LINUX") != NULL)
		snprintf(
			ret_system->release, sizeof(ret_system->release), "%s", getenv("HG_LINUX"));
	return err;
}

int
epoll_pwait2(int epoll, struct epoll_event *events, int n, const struct timespec *timeout,
	const sigset_t *signals)
{
	int (*real)(int, struct epoll_event *, int, const struct timespec *, const sigset_t *);

	if (getenv("HG_NO_PWAIT2") != NULL) {
		errno = atoi(getenv("HG_NO_PWAIT2"));
		return -1;
	}
	*(void **)&real = dlsym(RTLD_NEXT, "epoll_pwait2");
	return real(epoll, events, n, timeout, signals);
}
