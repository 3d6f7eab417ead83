/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of the parser share: frames are parsed where nothing behind them can be read. */
#pragma once

#include "frames.h"
#include "net/packet.h"

extern const uint8_t parsing_families[2]; /* 4 and 6 */

/* Places len bytes of a frame so that they end at a page that cannot be read. */
uint8_t *parsing_place(const struct frame *frame, size_t len);

/* Parses them there; what the device has checked is not checked. Fails the test if a byte changes. */
enum hg_verdict parsing_run(
	const struct frame *frame, size_t len, unsigned int checked, struct hg_net_packet *packet);

/* The verdict on a whole frame of which the device has checked nothing. */
enum hg_verdict parsing_verdict(const struct frame *frame);

void parsing_fill(uint8_t *p, size_t len);

/* A datagram of 61 bytes to the host. */
void parsing_build(struct frame *frame, uint8_t family);
