/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/seccomp.h"

#include <seccomp.h>

#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

/*
 * What threads, drivers and OpenSSL do after the start, by purpose. Nothing that runs another
 * program, looks into another process, loads code, or makes memory executable. docs/operating.md tells
 * the list.
 */
static const int allowed[] = {
	/* memory: mmap() and mprotect() below */
	SCMP_SYS(brk),
	SCMP_SYS(madvise),
	SCMP_SYS(mremap),
	SCMP_SYS(munmap),
	/* and EAL's of hugepages, when it grows or shrinks: NUMA; who else has the process's directory open */
	SCMP_SYS(get_mempolicy),
	SCMP_SYS(getdents64),
	SCMP_SYS(set_mempolicy),
	/* time, rest, order among threads */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(epoll_create),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(futex),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(nanosleep),
	SCMP_SYS(poll),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(sched_yield),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	/* threads: telemetry has one for each client; clone() and prctl() below */
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(rseq),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(sysinfo),
	SCMP_SYS(tgkill),
	/* files and devices that are open; what EAL leaves is unlinked by name */
	SCMP_SYS(close),
	SCMP_SYS(fcntl),
	SCMP_SYS(fallocate),
	SCMP_SYS(flock),
	SCMP_SYS(fstat),
	SCMP_SYS(ftruncate),
	SCMP_SYS(ioctl),
	SCMP_SYS(lseek),
	SCMP_SYS(newfstatat),
	SCMP_SYS(openat),
	SCMP_SYS(read),
	SCMP_SYS(readv),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	/* a port is taken up again: what DPDK says meanwhile goes to a file; libbpf asks for the kernel's release */
	SCMP_SYS(dup2),
	SCMP_SYS(dup3),
	SCMP_SYS(uname),
	/* PCI devices: configuration space, and ports of vfio */
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	/* a configuration that is read again: its profiles, and who the user is */
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(ppoll),
	SCMP_SYS(readlink),
	SCMP_SYS(readlinkat),
	/* sockets: to upstreams, of telemetry and the packet drivers; memif connects again */
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(bind),
	SCMP_SYS(connect),
	SCMP_SYS(eventfd2),
	SCMP_SYS(getsockname),
	SCMP_SYS(getsockopt),
	SCMP_SYS(memfd_create),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(setsockopt),
	SCMP_SYS(shutdown),
	SCMP_SYS(socket),
	/* libxdp: takes its program off the interface when an AF_XDP port is closed */
	SCMP_SYS(bpf),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(statfs),
	/* OpenSSL's random generator */
	SCMP_SYS(getrandom),
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	/* what their runtimes want of threads */
	SCMP_SYS(mincore),
	SCMP_SYS(pipe),
	SCMP_SYS(prlimit64),
	SCMP_SYS(sigaltstack),
#endif
};

static int
add_rules(scmp_filter_ctx filter)
{
	/* No memory that can be executed, threads but no processes, names and slack of threads. */
	const struct scmp_arg_cmp no_exec = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	const struct scmp_arg_cmp thread = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
	const struct scmp_arg_cmp name = SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME);
	const struct scmp_arg_cmp slack = SCMP_A0(SCMP_CMP_EQ, PR_SET_TIMERSLACK);
	int err = 0;

	for (size_t i = 0; err == 0 && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
	if (err == 0)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, no_exec);
	if (err == 0)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, no_exec);
	if (err == 0)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, thread);
	if (err == 0)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, name);
	if (err == 0)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, slack);
	/* Its flags are in memory, out of a filter's reach: glibc takes clone() instead. */
	if (err == 0)
		err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return err;
}

int
seccomp_confine(enum config_seccomp mode, struct error *error)
{
	scmp_filter_ctx filter;
	int err;

	if (mode == CONFIG_SECCOMP_OFF)
		return 0;
	/* The first pthread_cancel() loads it, and EAL ends its threads so: that would be too late. */
	if (dlopen("libgcc_s.so.1", RTLD_NOW) == NULL)
		return error_set(error, "cannot load libgcc_s.so.1: %s", dlerror());
	filter = seccomp_init(mode == CONFIG_SECCOMP_LOG ? SCMP_ACT_LOG : SCMP_ACT_KILL_PROCESS);
	if (filter == NULL)
		return error_set(error, "no memory for the filter of system calls");
	/* TSYNC: on all threads; without it a thread that exists already would have none. */
	err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (err == 0)
		err = add_rules(filter);
	if (err == 0)
		err = seccomp_load(filter);
	seccomp_release(filter);
	if (err != 0)
		return error_set(error,
			"the kernel takes no filter of system calls: %s (seccomp = off does without)",
			strerror(-err));
	return 0;
}
