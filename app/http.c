/* SPDX-License-Identifier: BSD-3-Clause */
#include "http.h"

#include <microhttpd.h>
#include <rte_lcore.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "metrics.h"
#include "status_page.h"

#define CONNECTIONS_MAX 64u
#define CONNECTIONS_PER_ADDRESS 16u
#define CONNECTION_MEMORY 16384u /* bytes; longer headers are refused */
#define SILENCE_SECONDS 10u
#define BACKLOG 32
#define NICENESS 10 /* the handshake core may share its CPU */

enum order { ORDER_WAIT, ORDER_SERVE, ORDER_STOP };

struct http {
	struct gateway *gateway;
	uint64_t started; /* seconds since 1970 */
	int listener;
	int wake; /* eventfd: the order has changed */
	_Atomic(enum order) order;
	struct MHD_Daemon *daemon;
	struct MHD_Response *page, *not_found, *not_allowed;
	sem_t ready; /* the thread needs nothing more that the filter forbids */
	pthread_t thread;
	bool has_thread;
};

static struct MHD_Response *
fixed(const char *text, size_t len, const char *type)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		len, (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);

	if (response != NULL) {
		MHD_add_response_header(response, "Content-Type", type);
		MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
		MHD_add_response_header(response, "Cache-Control", "no-cache");
	}
	return response;
}

static int
make_responses(struct http *http)
{
	static const char not_found[] = "There are / and /metrics.\n";
	static const char not_allowed[] = "GET and HEAD alone.\n";

	http->page = fixed(status_page, status_page_len, "text/html; charset=utf-8");
	http->not_found = fixed(not_found, sizeof(not_found) - 1, "text/plain");
	http->not_allowed = fixed(not_allowed, sizeof(not_allowed) - 1, "text/plain");
	if (http->page == NULL || http->not_found == NULL || http->not_allowed == NULL)
		return -ENOMEM;
	MHD_add_response_header(http->not_allowed, "Allow", "GET, HEAD");
	/* The page brings all that it needs, and asks this server alone. */
	MHD_add_response_header(http->page, "Content-Security-Policy",
		"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
		"connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
	return 0;
}

static enum MHD_Result
answer_metrics(const struct http *http, struct MHD_Connection *connection)
{
	const char *accepted = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept");
	bool open = accepted != NULL && strstr(accepted, "application/openmetrics-text") != NULL;
	struct MHD_Response *response;
	enum MHD_Result result;
	char *text;
	size_t len;

	pthread_mutex_lock(&http->gateway->config_lock);
	text = metrics_write(http->gateway, http->started, open, &len);
	pthread_mutex_unlock(&http->gateway->config_lock);
	if (text == NULL)
		return MHD_NO; /* closes the connection */
	response = MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
	if (response == NULL) {
		free(text);
		return MHD_NO;
	}
	MHD_add_response_header(response, "Content-Type",
		open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
		     : "text/plain; version=0.0.4; charset=utf-8");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	result = MHD_queue_response(connection, MHD_HTTP_OK, response);
	MHD_destroy_response(response);
	return result;
}

/* Called when the headers are there. A body is not waited for: the answer ends the connection then. */
static enum MHD_Result
answer(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *data, size_t *data_len, void **state)
{
	const struct http *http = arg;

	(void)version;
	(void)data;
	(void)data_len;
	(void)state;
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return MHD_queue_response(
			connection, MHD_HTTP_METHOD_NOT_ALLOWED, http->not_allowed);
	if (strcmp(url, "/metrics") == 0)
		return answer_metrics(http, connection);
	if (strcmp(url, "/") == 0)
		return MHD_queue_response(connection, MHD_HTTP_OK, http->page);
	return MHD_queue_response(connection, MHD_HTTP_NOT_FOUND, http->not_found);
}

static void
serve(struct http *http)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	struct pollfd wait[] = {
		{ .fd = http->wake, .events = POLLIN },
		{ .fd = info->epoll_fd, .events = POLLIN },
	};

	while (atomic_load_explicit(&http->order, memory_order_acquire) != ORDER_STOP) {
		MHD_UNSIGNED_LONG_LONG left;
		int timeout = -1;

		if (MHD_get_timeout(http->daemon, &left) == MHD_YES)
			timeout = (int)RTE_MIN(left, SILENCE_SECONDS * 1000ull);
		poll(wait, 2, timeout);
		if (wait[0].revents != 0)
			eventfd_read(http->wake, &(eventfd_t){ 0 });
		MHD_run(http->daemon);
	}
}

static void *
run(void *arg)
{
	struct http *http = arg;
	sigset_t signals;

	/* A client that hangs up is no reason to die; all other signals are main's. */
	sigfillset(&signals);
	sigdelset(&signals, SIGSYS);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	setpriority(PRIO_PROCESS, 0, NICENESS); /* 0: of this thread */
	sem_post(&http->ready);
	while (atomic_load_explicit(&http->order, memory_order_acquire) == ORDER_WAIT)
		eventfd_read(http->wake, &(eventfd_t){ 0 });
	serve(http);
	return NULL;
}

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

static int
open_listener(struct http *http, struct error *error)
{
	const struct config_gateway *settings = &http->gateway->config->gateway;
	int family = settings->metrics_path != NULL          ? AF_UNIX
		     : settings->metrics_address.family == 4 ? AF_INET
							     : AF_INET6;
	int err;

	http->listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (http->listener < 0)
		err = -errno;
	else if (settings->metrics_path != NULL)
		err = listen_unix(http->listener, settings->metrics_path);
	else
		err = listen_tcp(http->listener, &settings->metrics_address);
	if (err == 0)
		return 0;
	return error_set(
		error, "metrics: cannot listen on %s: %s", settings->metrics, strerror(-err));
}

static int
start_daemon(struct http *http)
{
	/* Without a thread of its own: ours does not begin before privileges are gone. */
	http->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer, http,
		MHD_OPTION_LISTEN_SOCKET, http->listener, MHD_OPTION_CONNECTION_LIMIT,
		CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT, CONNECTIONS_PER_ADDRESS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_CONNECTION_TIMEOUT, SILENCE_SECONDS, MHD_OPTION_END);
	return http->daemon != NULL ? 0 : -ENOMEM;
}

static int
start_thread(struct http *http)
{
	/* Not on the CPUs of lcores, but for main's if all have one. */
	http->has_thread = rte_ctrl_thread_create(&http->thread, "http", NULL, run, http) == 0;
	if (!http->has_thread)
		return -EAGAIN;
	while (sem_wait(&http->ready) != 0)
		; /* interrupted */
	return 0;
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
	http->gateway = gateway;
	http->started = (uint64_t)time(NULL);
	http->listener = -1;
	sem_init(&http->ready, 0, 0);
	http->wake = eventfd(0, EFD_CLOEXEC);
	if (open_listener(http, error) != 0)
		goto fail;
	if (http->wake < 0 || make_responses(http) != 0 || start_daemon(http) != 0 ||
		start_thread(http) != 0) {
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

static void
give_order(struct http *http, enum order order)
{
	atomic_store_explicit(&http->order, order, memory_order_release);
	eventfd_write(http->wake, 1);
}

void
http_serve(struct http *http)
{
	if (http != NULL)
		give_order(http, ORDER_SERVE);
}

void
http_close(struct http *http)
{
	const char *path;

	if (http == NULL)
		return;
	path = http->gateway->config->gateway.metrics_path;
	if (http->has_thread) {
		give_order(http, ORDER_STOP);
		pthread_join(http->thread, NULL);
		if (path != NULL)
			unlink(path); /* or the next start does */
	}
	if (http->daemon != NULL)
		MHD_stop_daemon(http->daemon); /* closes the listener */
	else if (http->listener >= 0)
		close(http->listener);
	if (http->wake >= 0)
		close(http->wake);
	if (http->page != NULL)
		MHD_destroy_response(http->page);
	if (http->not_found != NULL)
		MHD_destroy_response(http->not_found);
	if (http->not_allowed != NULL)
		MHD_destroy_response(http->not_allowed);
	sem_destroy(&http->ready);
	free(http);
}
