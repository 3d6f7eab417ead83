/* SPDX-License-Identifier: BSD-3-Clause */
/* What a request over HTTP is worth, and what it gets: metrics, the status page, or a refusal. */
#pragma once

#include <microhttpd.h>

#include <stddef.h>
#include <stdint.h>

#include "gateway/gateway.h"

struct answers {
	struct gateway *gateway;
	uint64_t started; /* seconds since 1970 */
	struct MHD_Response *page, *not_found, *not_allowed, *bad_request;
};

/* Returns 0 or -ENOMEM; answer_close() in either case, and of one of zeroes. */
int answer_open(struct answers *answers, struct gateway *gateway, uint64_t started);
void answer_close(struct answers *answers);

/*
 * These are for MHD_start_daemon(), with struct answers as the argument. The first is called when the headers are
 * there. A body is not waited for: the answer ends the connection then.
 */
enum MHD_Result answer_request(void *arg, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *data, size_t *data_len, void **state);

/* A path ends where its text does: with a zero byte in it, it is none of ours. */
size_t answer_unescape(void *arg, struct MHD_Connection *connection, char *text);

/*
 * The target of a request as it came. The library has put a zero byte in place of the blank before the version;
 * what has one of its own has something else behind it. What is returned is *state of the first answer_request().
 */
void *answer_look_at_target(void *arg, const char *target, struct MHD_Connection *connection);
