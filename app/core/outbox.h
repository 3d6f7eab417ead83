/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets from a handshake core to clients, by way of the workers. */
#pragma once

#include "core/core.h"

/*
 * An hg_tls_send_fn: arg is the struct session. Returns false if the packet is dropped at once: it is too long,
 * or there is no buffer. It may still be dropped by outbox_flush(). Either is counted.
 */
bool outbox_send(void *arg, const uint8_t *datagram, size_t len);

/* Bytes of UDP payload that a packet to the client may have by the MTU of the port that it leaves by. */
size_t outbox_room(const struct session *session);

/*
 * Hands what has gathered to the workers. What does not fit into a worker's ring is dropped and counted. With
 * wait, which is for draining, the worker has a second to make room, unless it has let one pass before.
 */
void outbox_flush(struct core *core, bool wait);
