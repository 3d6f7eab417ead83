/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Making frames right again that were changed at random, as far as somebody wants: what fails the
 * first check teaches little about the last.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model.h"

enum repair {
	REPAIR_ETHER = 1,     /* to the MAC address of the port, from nobody's group */
	REPAIR_ADDRESSES = 2, /* from one of the peers to the port's listener */
	REPAIR_LENGTHS =
		4, /* of IP and UDP: up to the end of the frame; IP headers that are accepted */
	REPAIR_HELLO = 8, /* the payload is one record with one ClientHello */
	REPAIR_SUMS = 16,
	REPAIR_ALL = 31,
};

/*
 * Where things are in a frame, or would be if it were right; family is 4 or 6, or 0 if it is neither
 * IPv4 nor IPv6, or too short for its headers.
 */
struct model_packet repair_locate(const uint8_t *frame, size_t len);

/* Repairs what is asked for, a set of enum repair. */
void repair_frame(
	uint8_t *frame, size_t len, unsigned int what, unsigned int peer, unsigned int port);

/* Leaves the checksum of UDP or TCP out, as a kernel does that has a network card for it. */
void repair_partial(uint8_t *frame, size_t len);

/* Makes a datagram one record with one ClientHello, as far as its length allows. */
void repair_hello(uint8_t *datagram, size_t len);

/*
 * Gives the hello in a datagram a cookie of 20 bytes with this content, in place of the one that it has;
 * the datagram may have max bytes. Returns its new length, the old one if it cannot be.
 */
size_t repair_cookie(uint8_t *datagram, size_t len, size_t max, const uint8_t cookie[20]);
