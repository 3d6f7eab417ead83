/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD: the time of day is off by as many seconds as the file HG_MOVED_CLOCK says, which
 * is one 64-bit integer and may change at any time. Other clocks are what they are.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static _Atomic int64_t *moved_by;

__attribute__((constructor)) static void
moved_clock_init(void)
{
	const char *path = getenv("HG_MOVED_CLOCK");
	int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map;

	if (fd < 0)
		abort();
	map = mmap(NULL, sizeof(*moved_by), PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		abort();
	close(fd);
	moved_by = map;
}

int
clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	int err = (int)syscall(SYS_clock_gettime, clock, ret_time);

	if (err == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) &&
		moved_by != NULL)
		ret_time->tv_sec += atomic_load(moved_by);
	return err;
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
