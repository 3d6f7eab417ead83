/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The other side of a session: one connected, non-blocking UDP socket for each, so that the
 * upstream server tells clients apart by address and port, or the built-in echo.
 */
#pragma once

#include "core/core.h"

/* Opens the socket of an established session that has none. Returns 0 or -errno. */
int socket_open(struct session *session);
void socket_close(struct session *session);

/*
 * Passes one decrypted datagram on; what the upstream does not take is lost and counted. A session
 * without a socket tries to open one.
 */
void socket_send(struct session *session, const uint8_t *data, size_t len);

/*
 * Takes datagrams from every upstream that has some, and encrypts them to their clients; waits up
 * to microseconds for the first one. Returns the number of datagrams.
 */
unsigned int socket_poll(struct core *core, uint32_t microseconds);
