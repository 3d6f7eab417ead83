/* SPDX-License-Identifier: BSD-3-Clause */
#include "show/http.h"

#include <microhttpd.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/clock.h"
#include "gateway/thread.h"
#include "show/answer.h"
#include "show/listen.h"

#define CONNECTIONS_MAX 64u
#define CONNECTIONS_KEPT 56u /* beyond, the oldest goes: nobody waits for those who do not read */
#define CONNECTIONS_PER_ADDRESS 16u
#define LIFE_USEC 60000000u
#define CONNECTION_MEMORY 16384u /* bytes; longer headers are refused */
#define SILENCE_SECONDS 10u
#define NICENESS 10 /* the handshake core may share its CPU */

struct connection {
	int fd;         /* -1: none */
	uint64_t group; /* of its address: an IPv4 address, an IPv6 /64, 0 for others */
	uint64_t since; /* clock_microseconds() */
};

struct http {
	struct answers answers;
	int listener;
	int wake; /* eventfd: the thread is to end */
	struct MHD_Daemon *daemon;
	struct connection connection[CONNECTIONS_MAX]; /* the thread's own */
	struct thread thread;
};

static uint64_t
group_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *address = info != NULL ? info->client_addr : NULL;
	uint64_t group = 0;

	if (address != NULL && address->sa_family == AF_INET)
		memcpy(&group, (const uint8_t *)address + offsetof(struct sockaddr_in, sin_addr),
			4);
	else if (address != NULL && address->sa_family == AF_INET6)
		memcpy(&group, (const uint8_t *)address + offsetof(struct sockaddr_in6, sin6_addr),
			8);
	return group;
}

/* Ends a connection: the library sees it closed by its peer. */
static void
end(struct connection *connection)
{
	shutdown(connection->fd, SHUT_RDWR);
	connection->fd = -1;
}

/* The oldest of all connections, or of those of one group; *ret_n: how many there are. */
static struct connection *
oldest(struct http *http, const uint64_t *group, unsigned int *ret_n)
{
	struct connection *found = NULL;

	*ret_n = 0;
	for (unsigned int i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *one = &http->connection[i];

		if (one->fd < 0 || (group != NULL && one->group != *group))
			continue;
		++*ret_n;
		if (found == NULL || one->since < found->since)
			found = one;
	}
	return found;
}

/* A connection has begun, or is about to end. Who comes last is served: it has not been slow yet. */
static void
on_connection(void *arg, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct connection *mine = NULL, *old;
	struct http *http = arg;
	uint64_t group = group_of(connection);
	unsigned int n;

	(void)context;
	for (unsigned int i = 0; i < CONNECTIONS_MAX; i++)
		if (http->connection[i].fd ==
			(code == MHD_CONNECTION_NOTIFY_STARTED ? -1 : info->connect_fd))
			mine = &http->connection[i];
	if (code != MHD_CONNECTION_NOTIFY_STARTED) {
		if (mine != NULL)
			mine->fd = -1;
		return;
	}
	old = oldest(http, &group, &n);
	if (n >= CONNECTIONS_PER_ADDRESS)
		end(old);
	old = oldest(http, NULL, &n);
	if (n >= CONNECTIONS_KEPT)
		end(old);
	if (mine != NULL) /* and so it is: fewer than there is room for are kept */
		*mine = (struct connection){
			.fd = info->connect_fd,
			.group = group,
			.since = clock_microseconds(),
		};
}

/* Ends connections that have had their time. Returns milliseconds until the next may have, or -1. */
static int
end_old(struct http *http)
{
	uint64_t now = clock_microseconds();
	struct connection *one;
	unsigned int n;

	while ((one = oldest(http, NULL, &n)) != NULL && now - one->since >= LIFE_USEC)
		end(one);
	return one != NULL ? (int)((LIFE_USEC - (now - one->since) + 999) / 1000) : -1;
}

static void
serve(void *arg)
{
	struct http *http = arg;
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	struct pollfd wait[] = {
		{ .fd = http->wake, .events = POLLIN },
		{ .fd = info->epoll_fd, .events = POLLIN },
	};

	while (!thread_should_stop(&http->thread)) {
		MHD_UNSIGNED_LONG_LONG left;
		int timeout = end_old(http);

		if (MHD_get_timeout(http->daemon, &left) == MHD_YES)
			timeout = (int)RTE_MIN(left, SILENCE_SECONDS * 1000ull);
		poll(wait, 2, timeout);
		if (wait[0].revents != 0)
			eventfd_read(http->wake, &(eventfd_t){ 0 });
		MHD_run(http->daemon);
	}
}

static int
start_daemon(struct http *http)
{
	/* Without a thread of its own: ours does not begin before privileges are gone. */
	http->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer_request,
		&http->answers, MHD_OPTION_LISTEN_SOCKET, http->listener,
		MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, http, MHD_OPTION_UNESCAPE_CALLBACK, answer_unescape, NULL,
		MHD_OPTION_URI_LOG_CALLBACK, answer_look_at_target, &http->answers,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_CONNECTION_TIMEOUT, SILENCE_SECONDS, MHD_OPTION_END);
	return http->daemon != NULL ? 0 : -ENOMEM;
}

int
http_open(struct http **ret_http, struct gateway *gateway, struct error *error)
{
	struct http *http;

	*ret_http = NULL;
	if (gateway->config->gateway.metrics == NULL)
		return 0;
	http = calloc(1, sizeof(*http));
	if (http == NULL)
		return error_set(error, "metrics: no memory");
	http->listener = -1;
	for (unsigned int i = 0; i < CONNECTIONS_MAX; i++)
		http->connection[i].fd = -1;
	http->wake = eventfd(0, EFD_CLOEXEC);
	if (listen_open(&http->listener, &gateway->config->gateway, error) != 0)
		goto fail;
	if (http->wake < 0 || answer_open(&http->answers, gateway, clock_seconds()) != 0 ||
		start_daemon(http) != 0 ||
		thread_start(&http->thread, "http", NICENESS, serve, http) != 0) {
		error_set(error, "metrics: the server does not start: too little memory or too few "
				 "open files");
		goto fail;
	}
	*ret_http = http;
	return 0;
fail:
	http_close(http);
	return -EINVAL;
}

void
http_serve(struct http *http)
{
	if (http != NULL)
		thread_go(&http->thread);
}

void
http_close(struct http *http)
{
	if (http == NULL)
		return;
	if (http->thread.started) {
		const char *path = http->answers.gateway->config->gateway.metrics_path;

		thread_stop(&http->thread);
		eventfd_write(http->wake, 1);
		thread_join(&http->thread);
		if (path != NULL)
			unlink(path); /* or the next start does */
	}
	if (http->daemon != NULL)
		MHD_stop_daemon(http->daemon); /* closes the listener */
	else if (http->listener >= 0)
		close(http->listener);
	if (http->wake >= 0)
		close(http->wake);
	answer_close(&http->answers);
	free(http);
}
