/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD: a packet socket that sends while the file of HG_STUCK is there has no room for anything
 * from then on, until it is closed. The next one is a new one.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STUCK_MAX 16u

int
sendmmsg(int fd, struct mmsghdr *message, unsigned int n, int flags)
{
	static _Atomic uint64_t stuck[STUCK_MAX];
	const char *path = getenv("HG_STUCK");
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);
	unsigned int i = 0;

	getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len);
	while (i < STUCK_MAX && stuck[i] != 0 && stuck[i] != cookie)
		i++;
	if (i < STUCK_MAX && stuck[i] == 0 && path != NULL && access(path, F_OK) == 0)
		stuck[i] = cookie;
	if (i < STUCK_MAX && stuck[i] == cookie) {
		errno = EAGAIN;
		return -1;
	}
	return (int)syscall(SYS_sendmmsg, fd, message, n, flags);
}
