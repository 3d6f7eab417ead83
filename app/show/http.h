/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Metrics and the status page over HTTP. One thread of its own, on the CPUs of main, serves a bounded
 * number of connections; it reads what the lcores count and writes nothing of theirs.
 */
#pragma once

#include "config/error.h"
#include "gateway/gateway.h"

struct http;

/*
 * Binds the address of the configuration, and starts the thread, which does nothing yet: it gives its
 * privileges up with all others. Returns 0 with *ret_http NULL if metrics are off, or -EINVAL.
 */
int http_open(struct http **ret_http, struct gateway *gateway, struct error *error);

/* From now on requests are answered. */
void http_serve(struct http *http);

/* Ends the thread, closes every connection and frees all; http may be NULL. */
void http_close(struct http *http);
