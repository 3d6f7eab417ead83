/* SPDX-License-Identifier: BSD-3-Clause */
/* The sending half of an engine. */
#pragma once

#include <rte_mbuf.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine.h"

/* Hands over what waits in engine->out; what the device does not take stays there. */
void send_flush(struct engine *engine);

/* Puts a frame that is whole into engine->out, or frees it if that is full. */
void send_frame(struct engine *engine, struct rte_mbuf *mbuf, size_t len);

/* Starts the next hello, or junk. Returns whether there was room for it. */
bool send_first(struct engine *engine, enum plan_mode mode, uint64_t now);

/* The second hello of a flow, with its cookie. */
void send_second(
	struct engine *engine, const struct flow *flow, const uint8_t *cookie, uint8_t cookie_len);

/* A fatal alert, so that the server gives up the handshake. */
void send_alert(struct engine *engine, const struct flow *flow);

/* Mode replay's turn: a first hello, or a copy, or nothing while an answer is waited for. */
bool send_replay(struct engine *engine, uint64_t now);

/* Makes the copy that is sent from now on. */
void send_prepare_copy(struct engine *engine, const uint8_t *cookie, uint8_t cookie_len);

/* Counts packets to or from somebody who has, or has not, returned a cookie. */
void send_count(struct engine *engine, bool out, bool proven, uint64_t payload, uint64_t ip);
