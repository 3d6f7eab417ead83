/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD: clocks that a test moves. The file HG_MOVED_CLOCK holds two 64-bit integers that may
 * change at any time: by how many seconds the time of day is off, and by how many the steady clocks
 * are, which are CLOCK_MONOTONIC and the daemon's TSC.
 *
 * The TSC of the daemon is read by an instruction. With HG_SLOW_TSC the kernel lets it fault
 * (PR_SET_TSC), and what it yields here is nanoseconds. They pass sixteen times slower than real ones, so
 * that no time-out of a test runs out on a busy machine unless the test says so.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define NS_PER_SECOND 1000000000
#define SLOWER 16

uint64_t rte_get_tsc_hz(void);

static _Atomic int64_t *moved_by; /* the time of day, the steady clocks */

#ifdef __x86_64__

/* As the kernel wants it. Past the libraries: those of sanitizers would have a word in it. */
struct kernel_action {
	void (*handler)(int signal, siginfo_t *info, void *context);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

#define KERNEL_RESTORER 0x04000000

static struct kernel_action former;
static bool slow;

void moved_clock_return(void);
__asm__(".text\n"
	".type moved_clock_return, @function\n"
	"moved_clock_return:\n"
	"	mov $15, %rax\n" /* rt_sigreturn() */
	"	syscall\n");

static uint64_t
steady_now(void)
{
	struct timespec now;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return ((uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec) / SLOWER +
	       (uint64_t)atomic_load(&moved_by[1]) * NS_PER_SECOND;
}

static void
on_fault(int signal, siginfo_t *info, void *context)
{
	greg_t *reg = ((ucontext_t *)context)->uc_mcontext.gregs;
	const uint8_t *code = (const uint8_t *)reg[REG_RIP];
	static const uint8_t rdtsc[] = { 0x0f, 0x31 }, rdtscp[] = { 0x0f, 0x01, 0xf9 };
	uint64_t now;

	if (info->si_code == SI_KERNEL && memcmp(code, rdtsc, sizeof(rdtsc)) == 0) {
		reg[REG_RIP] += sizeof(rdtsc);
	} else if (info->si_code == SI_KERNEL && memcmp(code, rdtscp, sizeof(rdtscp)) == 0) {
		reg[REG_RIP] += sizeof(rdtscp);
		reg[REG_RCX] = 0;
	} else { /* it happens again, and whoever was there before is told */
		syscall(SYS_rt_sigaction, signal, &former, NULL, sizeof(former.mask));
		return;
	}
	now = steady_now();
	reg[REG_RAX] = (greg_t)(now & UINT32_MAX);
	reg[REG_RDX] = (greg_t)(now >> 32);
}

/* Of the daemon alone: exec() leaves the kernel's mind as it is, and who comes after has no handler. */
static void
slow_tsc(void)
{
	const struct kernel_action action = {
		.handler = on_fault,
		.flags = SA_SIGINFO | SA_NODEFER | KERNEL_RESTORER,
		.restorer = moved_clock_return,
	};

	if (getenv("HG_SLOW_TSC") == NULL ||
		strcmp(program_invocation_short_name, "hellogate") != 0)
		return;
	slow = true;
	if (syscall(SYS_rt_sigaction, SIGSEGV, &action, &former, sizeof(action.mask)) != 0 ||
		prctl(PR_SET_TSC, PR_TSC_SIGSEGV) != 0)
		abort();
}

uint64_t
rte_get_tsc_hz(void)
{
	static uint64_t (*real)(void);

	if (slow)
		return NS_PER_SECOND;
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "rte_get_tsc_hz");
	return real();
}

/* Threads that leave all signals to others read the TSC, too. */
int
sigfillset(sigset_t *set)
{
	memset(set, 0xff, sizeof(*set));
	return sigdelset(set, SIGSEGV);
}

#else

static void
slow_tsc(void)
{
}

#endif

__attribute__((constructor)) static void
moved_clock_init(void)
{
	const char *path = getenv("HG_MOVED_CLOCK");
	int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map;

	if (fd < 0)
		abort();
	map = mmap(NULL, 2 * sizeof(*moved_by), PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		abort();
	close(fd);
	moved_by = map;
	slow_tsc();
}

int
clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	int err = (int)syscall(SYS_clock_gettime, clock, ret_time);

	if (err != 0 || moved_by == NULL)
		return err;
	if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
		ret_time->tv_sec += atomic_load(&moved_by[0]);
	else if (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE)
		ret_time->tv_sec += atomic_load(&moved_by[1]);
	return 0;
}

int
gettimeofday(struct timeval *restrict ret_time, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	*ret_time = (struct timeval){ .tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000 };
	return 0;
}

time_t
time(time_t *ret_time)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (ret_time != NULL)
		*ret_time = now.tv_sec;
	return now.tv_sec;
}
