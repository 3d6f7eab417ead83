/* SPDX-License-Identifier: BSD-3-Clause */
#include "show/answer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "show/accept.h"
#include "show/metrics.h"
#include "show/status_page.h"

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

int
answer_open(struct answers *answers, struct gateway *gateway, uint64_t started)
{
	static const char not_found[] = "There are / and /metrics.\n";
	static const char not_allowed[] = "GET and HEAD alone.\n";
	static const char bad_request[] = "One field Host, one end, and nothing that is no text.\n";

	*answers = (struct answers){ .gateway = gateway, .started = started };
	answers->page = fixed(status_page, status_page_len, "text/html; charset=utf-8");
	answers->not_found = fixed(not_found, sizeof(not_found) - 1, "text/plain");
	answers->not_allowed = fixed(not_allowed, sizeof(not_allowed) - 1, "text/plain");
	answers->bad_request = fixed(bad_request, sizeof(bad_request) - 1, "text/plain");
	if (answers->page == NULL || answers->not_found == NULL || answers->not_allowed == NULL ||
		answers->bad_request == NULL)
		return -ENOMEM;
	MHD_add_response_header(answers->not_allowed, "Allow", "GET, HEAD");
	/* The page brings all that it needs, and asks this server alone. */
	MHD_add_response_header(answers->page, "Content-Security-Policy",
		"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
		"connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
	return 0;
}

void
answer_close(struct answers *answers)
{
	struct MHD_Response *all[] = { answers->page, answers->not_found, answers->not_allowed,
		answers->bad_request };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] != NULL)
			MHD_destroy_response(all[i]);
}

static enum MHD_Result
answer_metrics(const struct answers *answers, struct MHD_Connection *connection)
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

	pthread_mutex_lock(&answers->gateway->config_lock);
	text = metrics_write(answers->gateway, answers->started, open, &len);
	pthread_mutex_unlock(&answers->gateway->config_lock);
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

size_t
answer_unescape(void *arg, struct MHD_Connection *connection, char *text)
{
	size_t len = MHD_http_unescape(text);

	(void)arg;
	(void)connection;
	if (strlen(text) != len)
		len = 0;
	text[len] = '\0';
	return len;
}

void *
answer_look_at_target(void *arg, const char *target, struct MHD_Connection *connection)
{
	(void)connection;
	return strncmp(target + strlen(target) + 1, "HTTP/", 5) == 0 ? NULL : arg;
}

enum MHD_Result
answer_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *data, size_t *data_len, void **state)
{
	const struct answers *answers = arg;

	(void)data;
	(void)data_len;
	if (!has_good_fields(connection, version) || *url == '\0' || *state != NULL)
		return MHD_queue_response(connection, MHD_HTTP_BAD_REQUEST, answers->bad_request);
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return MHD_queue_response(
			connection, MHD_HTTP_METHOD_NOT_ALLOWED, answers->not_allowed);
	url = path_of(url);
	if (strcmp(url, "/metrics") == 0)
		return answer_metrics(answers, connection);
	if (strcmp(url, "/") == 0)
		return MHD_queue_response(connection, MHD_HTTP_OK, answers->page);
	return MHD_queue_response(connection, MHD_HTTP_NOT_FOUND, answers->not_found);
}
