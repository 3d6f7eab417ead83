/* SPDX-License-Identifier: BSD-3-Clause */
#include "show/http.h"

#include <microhttpd.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "gateway/thread.h"
#include "show/accept.h"
#include "show/metrics.h"
#include "show/status_page.h"

#define CONNECTIONS_MAX 64u
#define CONNECTIONS_KEPT 56u /* beyond, the oldest goes: nobody waits for those who do not read */
#define CONNECTIONS_PER_ADDRESS 16u
#define LIFE_SECONDS 60
#define CONNECTION_MEMORY 16384u /* bytes; longer headers are refused */
#define SILENCE_SECONDS 10u
#define BACKLOG 32
#define NICENESS 10 /* the handshake core may share its CPU */

struct connection {
	int fd;         /* -1: none */
	uint64_t group; /* of its address: an IPv4 address, an IPv6 /64, 0 for others */
	time_t since;   /* of the monotonic clock */
};

struct http {
	struct gateway *gateway;
	uint64_t started; /* seconds since 1970 */
	int listener;
	int wake; /* eventfd: the thread is to end */
	struct MHD_Daemon *daemon;
	struct MHD_Response *page, *not_found, *not_allowed, *bad_request;
	struct connection connection[CONNECTIONS_MAX]; /* the thread's own */
	struct thread thread;
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
	static const char bad_request[] = "One field Host, one end, and nothing that is no text.\n";

	http->page = fixed(status_page, status_page_len, "text/html; charset=utf-8");
	http->not_found = fixed(not_found, sizeof(not_found) - 1, "text/plain");
	http->not_allowed = fixed(not_allowed, sizeof(not_allowed) - 1, "text/plain");
	http->bad_request = fixed(bad_request, sizeof(bad_request) - 1, "text/plain");
	if (http->page == NULL || http->not_found == NULL || http->not_allowed == NULL ||
		http->bad_request == NULL)
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
	unsigned int plain = accept_quality(accepted, "text", "plain");
	unsigned int quality = accept_quality(accepted, "application", "openmetrics-text");
	bool open = accepted != NULL && quality != 0 &&
		    (quality > plain || (quality == plain && strcasestr(accepted, "openmetrics")));
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

/* What the fields of a request say of its end and of whom it is for. */
struct fields {
	unsigned int hosts, lengths, codings;
	bool wrong;
};

static bool
is_made_of(const char *text, const char *more)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

	for (; *text != '\0'; text++)
		if (strchr(letters, *text) == NULL && strchr(more, *text) == NULL)
			return false;
	return true;
}

static enum MHD_Result
look_at_field(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct fields *fields = arg;

	(void)kind;
	if (value == NULL)
		value = "";
	/* RFC 9110 5.6.2, 5.5: a name has no blank behind it, and a value no line end within it. */
	if (!is_made_of(name, "!#$%&'*+-.^_`|~") || strpbrk(value, "\r\n") != NULL)
		fields->wrong = true;
	if (strcasecmp(name, "Host") == 0) {
		fields->hosts++;
		/* RFC 3986 3.2.2, 3.2.3 */
		fields->wrong |= !is_made_of(value, "-._~%!$&'()*+,;=:[]");
	} else if (strcasecmp(name, "Content-Length") == 0) {
		fields->lengths++;
		fields->wrong |= *value == '\0' || strspn(value, "0123456789") != strlen(value);
	} else if (strcasecmp(name, "Transfer-Encoding") == 0) {
		fields->codings++;
		fields->wrong |= strcasecmp(value, "chunked") != 0;
	}
	return MHD_YES;
}

/*
 * RFC 9112 3.2: from version 1.1 on a request has one field Host, and never has more; 6.3: where it ends is said
 * once. Somebody in between may have understood it otherwise.
 */
static bool
has_good_fields(struct MHD_Connection *connection, const char *version)
{
	struct fields fields = { 0 };

	MHD_get_connection_values(connection, MHD_HEADER_KIND, look_at_field, &fields);
	return !fields.wrong && fields.lengths + fields.codings <= 1 &&
	       (fields.hosts == 1 || (fields.hosts == 0 && strcmp(version, "HTTP/1.0") == 0));
}

/* RFC 9112 3.2.2: the path in an absolute form, which proxies send, too. */
static const char *
path_of(const char *url)
{
	size_t scheme = strncasecmp(url, "http://", 7) == 0    ? 7
			: strncasecmp(url, "https://", 8) == 0 ? 8
							       : 0;

	if (scheme == 0)
		return url;
	url = strchr(url + scheme, '/');
	return url != NULL ? url : "/";
}

/* A path ends where its text does: with a zero byte in it, it is none of ours. */
static size_t
unescape(void *arg, struct MHD_Connection *connection, char *text)
{
	size_t len = MHD_http_unescape(text);

	(void)arg;
	(void)connection;
	if (strlen(text) != len)
		len = 0;
	text[len] = '\0';
	return len;
}

/*
 * The target of a request as it came. The library has put a zero byte in place of the blank before the version;
 * what has one of its own has something else behind it. What is returned is *state of the first answer().
 */
static void *
look_at_target(void *arg, const char *target, struct MHD_Connection *connection)
{
	struct http *http = arg;

	(void)connection;
	return strncmp(target + strlen(target) + 1, "HTTP/", 5) == 0 ? NULL : http;
}

/* Called when the headers are there. A body is not waited for: the answer ends the connection then. */
static enum MHD_Result
answer(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *data, size_t *data_len, void **state)
{
	const struct http *http = arg;

	(void)data;
	(void)data_len;
	if (!has_good_fields(connection, version) || *url == '\0' || *state != NULL)
		return MHD_queue_response(connection, MHD_HTTP_BAD_REQUEST, http->bad_request);
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return MHD_queue_response(
			connection, MHD_HTTP_METHOD_NOT_ALLOWED, http->not_allowed);
	url = path_of(url);
	if (strcmp(url, "/metrics") == 0)
		return answer_metrics(http, connection);
	if (strcmp(url, "/") == 0)
		return MHD_queue_response(connection, MHD_HTTP_OK, http->page);
	return MHD_queue_response(connection, MHD_HTTP_NOT_FOUND, http->not_found);
}

static time_t
monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

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
			.since = monotonic(),
		};
}

/* Ends connections that have had their time. Returns milliseconds until the next may have, or -1. */
static int
end_old(struct http *http)
{
	time_t now = monotonic();
	struct connection *one;
	unsigned int n;

	while ((one = oldest(http, NULL, &n)) != NULL && now - one->since >= LIFE_SECONDS)
		end(one);
	return one != NULL ? (int)(LIFE_SECONDS - (now - one->since)) * 1000 : -1;
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
		CONNECTIONS_MAX, MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
		MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_URI_LOG_CALLBACK,
		look_at_target, http, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
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
	http->gateway = gateway;
	http->started = (uint64_t)time(NULL);
	http->listener = -1;
	for (unsigned int i = 0; i < CONNECTIONS_MAX; i++)
		http->connection[i].fd = -1;
	http->wake = eventfd(0, EFD_CLOEXEC);
	if (open_listener(http, error) != 0)
		goto fail;
	if (http->wake < 0 || make_responses(http) != 0 || start_daemon(http) != 0 ||
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
	const char *path;

	if (http == NULL)
		return;
	path = http->gateway->config->gateway.metrics_path;
	if (http->thread.started) {
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
	if (http->page != NULL)
		MHD_destroy_response(http->page);
	if (http->not_found != NULL)
		MHD_destroy_response(http->not_found);
	if (http->not_allowed != NULL)
		MHD_destroy_response(http->not_allowed);
	if (http->bad_request != NULL)
		MHD_destroy_response(http->bad_request);
	free(http);
}
