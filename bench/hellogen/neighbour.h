/* SPDX-License-Identifier: BSD-3-Clause */
/* Being found on the link, and finding: ARP (RFC 826) and neighbour discovery (RFC 4861). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/address.h"
#include "source.h"

#define NEIGHBOUR_FRAME_MAX 128u

struct neighbour {
	uint8_t mac[6];
	struct source_range range; /* these addresses are all ours */
	struct address own;        /* and this one; family 0: none */
};

/*
 * Turns a request for one of our addresses into the answer, in a buffer with room bytes. Returns its
 * length, or 0 if the frame is anything else.
 */
size_t neighbour_answer(const struct neighbour *neighbour, uint8_t *frame, size_t len, size_t room);

/* Writes a request for the target's MAC address, from the own or else the first address. */
size_t neighbour_request(const struct neighbour *neighbour, const struct address *target,
	uint8_t ret_frame[NEIGHBOUR_FRAME_MAX]);

/* Does the frame tell the target's MAC address? */
bool neighbour_learn(
	const uint8_t *frame, size_t len, const struct address *target, uint8_t ret_mac[6]);
