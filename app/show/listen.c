/* SPDX-License-Identifier: BSD-3-Clause */
#include "show/listen.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 32

/* A socket's file that nobody listens to any more, left by a process that could not remove it. */
static bool
is_stale(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat file;
	bool stale;

	if (fd < 0)
		return false;
	stale = lstat(address->sun_path, &file) == 0 && S_ISSOCK(file.st_mode) &&
		connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
		errno == ECONNREFUSED;
	close(fd);
	return stale;
}

static int
listen_unix(int fd, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(address.sun_path, path); /* fits: the configuration has been checked */
	if (is_stale(&address))
		unlink(path);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
		return -errno;
	/* Who may pass the directories on the way may connect. */
	if (chmod(path, 0666) != 0 || listen(fd, BACKLOG) != 0)
		return -errno;
	return 0;
}

static int
listen_tcp(int fd, const struct address *where)
{
	struct sockaddr_storage address;
	socklen_t len = address_to_sockaddr(where, &address);
	const int yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (where->family == 6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
	if (bind(fd, (const struct sockaddr *)&address, len) != 0 || listen(fd, BACKLOG) != 0)
		return -errno;
	return 0;
}

int
listen_open(int *ret_fd, const struct config_gateway *settings, struct error *error)
{
	int family = settings->metrics_path != NULL          ? AF_UNIX
		     : settings->metrics_address.family == 4 ? AF_INET
							     : AF_INET6;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err;

	if (fd < 0)
		err = -errno;
	else if (settings->metrics_path != NULL)
		err = listen_unix(fd, settings->metrics_path);
	else
		err = listen_tcp(fd, &settings->metrics_address);
	if (err != 0) {
		if (fd >= 0)
			close(fd);
		return error_set(error, "metrics: cannot listen on %s: %s", settings->metrics,
			strerror(-err));
	}
	*ret_fd = fd;
	return 0;
}
