/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Inputs of the targets worker and guard, as tests/fuzz/seeds.py writes them too: a head, then packets, each with
 * a head of its own. Numbers are little endian.
 *
 *   0    enum worker_option
 *   1    room in the transmit rings, plus 1; 0: as much as there is
 *   2    room in the rings to the cores, likewise
 *   3    packets that the cores have for clients, with the first burst
 *   4-5  seconds from LAB_NOW to the first burst, signed
 *   6    seconds from burst to burst, signed
 *   7    enum worker_limit
 *
 *   0-1  bytes of the frame
 *   2    enum repair, and enum worker_how
 *   3    enum worker_where
 *   4-   the frame
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fuzz.h"

#define WORKER_HEAD 8u
#define WORKER_PACKET_HEAD 4u

enum worker_option {
	OPTION_DEVICE_SUMS = 1,
	OPTION_TRUSTED_SUMS = 2,
	OPTION_BIND_ADDRESS = 4,
	OPTION_KERNEL = 8,            /* and above, up to the next: which one */
	OPTION_BIND_PARAMETERS = 128, /* whatever OPTION_BIND_ADDRESS says */
};

enum worker_limit {
	LIMIT_CORES = 1,     /* the cores begin a handshake for each hello that they admit */
	LIMIT_CLIENTS = 2,   /* clients have limits of their own */
	LIMIT_HALF_OPEN = 4, /* and may have but one handshake in progress */
	LIMIT_HVR = 8,       /* networks have limits */
	GUARD_OPEN = 16,     /* a bridge's: guard-fail = open */
	GUARD_STRICT = 32,   /* and guard-unproved = drop */
	SUMS_PARTIAL = 64,   /* ports accept checksums that are left out */
	SUMS_LEFT_OUT = 128, /* and they are, where the device says that there is none */
};

enum worker_how {
	HOW_COOKIE = 32,   /* a good one, put into the hello */
	HOW_STRIPPED = 64, /* the driver took a VLAN tag off */
	HOW_LAST = 128,    /* of its burst */
};

enum worker_where {
	WHERE_PEER = 7,
	WHERE_PORT = 8,
	WHERE_SUMS = 0x30, /* what the device says of the checksums */
	WHERE_SUMS_GOOD = 0x10,
	WHERE_SUMS_BAD = 0x20,
	WHERE_SUMS_NONE = 0x30,
	WHERE_CHAINED = 0x40, /* the frame is in two buffers */
	WHERE_DAMAGED = 0x80, /* the cookie is not quite right */
};

struct worker_input {
	unsigned int options;
	unsigned int tx_room;
	unsigned int ring_room;
	unsigned int n_out;
	int start;
	int step;
	unsigned int limits;
	struct fuzz_input packets;
};

struct worker_packet {
	const uint8_t *frame;
	size_t len;
	unsigned int how;
	unsigned int where;
};

struct worker_input worker_input(const uint8_t *data, size_t size);

/* The next packet; its length is cut to what is there. Returns false at the end. */
bool worker_input_next(struct fuzz_input *packets, struct worker_packet *ret);
