/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD. HG_STRAY_THREAD: a thread that glibc does not know, so that it keeps the privileges
 * that all others drop. HG_EMULATOR: there is no epoll_pwait2(), but epoll_pwait() does in its
 * place. HG_FORBIDDEN: a handshake core that rests for the first time, and so is set up, runs another
 * program. HG_STUCK: a file; while it begins with 'w', a worker that rests does not come back, and with
 * 'c' a handshake core.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const volatile char *stuck; /* mapped while it may be opened */

static int
rest(const struct timespec *time, struct timespec *left)
{
	int (*real)(const struct timespec *, struct timespec *);

	*(void **)&real = dlsym(RTLD_NEXT, "nanosleep");
	return real(time, left);
}

static void
stick(char whom)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	while (stuck != NULL && *stuck == whom)
		rest(&moment, NULL);
}

int
nanosleep(const struct timespec *time, struct timespec *left)
{
	if (gettid() != getpid()) /* main waits for others so */
		stick('w');
	return rest(time, left);
}

int
epoll_pwait2(int epoll, struct epoll_event *events, int n, const struct timespec *timeout,
	const sigset_t *signals)
{
	int (*real)(int, struct epoll_event *, int, const struct timespec *, const sigset_t *);

	if (getenv("HG_EMULATOR") != NULL)
		return epoll_pwait(epoll, events, n,
			timeout == NULL         ? -1
			: timeout->tv_nsec != 0 ? 1
						: 0,
			signals);
	if (getenv("HG_FORBIDDEN") != NULL && timeout != NULL && timeout->tv_nsec != 0)
		execl("/bin/echo", "echo", "another program", (char *)NULL);
	stick('c');
	*(void **)&real = dlsym(RTLD_NEXT, "epoll_pwait2");
	return real(epoll, events, n, timeout, signals);
}

static int
linger(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return 0;
}

__attribute__((constructor)) static void
map_stuck(void)
{
	const char *name = getenv("HG_STUCK");
	void *byte;
	int file;

	if (name == NULL)
		return;
	file = open(name, O_RDONLY | O_CLOEXEC);
	byte = mmap(NULL, 1, PROT_READ, MAP_SHARED, file, 0);
	if (byte == MAP_FAILED)
		abort();
	close(file);
	stuck = byte;
}

__attribute__((constructor)) static void
stray(void)
{
	static char stack[16384] __attribute__((aligned(16)));

	if (getenv("HG_STRAY_THREAD") != NULL &&
		clone(linger, stack + sizeof(stack),
			CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
				CLONE_SYSVSEM,
			NULL) < 0)
		abort();
}
