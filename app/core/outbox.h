/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets from a handshake core to clients, by way of the workers. */
#pragma once

#include "core/core.h"

/*
 * An hg_tls_send_fn: arg is the struct session. A packet that cannot go is dropped and counted; false if that
 * is known before it is the worker's.
 */
bool outbox_send(void *arg, const uint8_t *datagram, size_t len);

/* Bytes of UDP payload that a packet to the client may have by the MTU of the port that it leaves by. */
size_t outbox_room(const struct session *session);

/*
 * Hands what has gathered to the workers. With wait, as long as a worker's ring is full (when
 * draining); otherwise what does not fit is dropped and counted.
 */
void outbox_flush(struct core *core, bool wait);
