/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The first stage of the fast path: what is this frame? A pure function of the frame and of the
 * port's addresses and listeners; it changes nothing and knows no DPDK.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/verdict.h"
#include "net/host.h"
#include "net/packet.h"
#include "wire/hello.h"

/* A destination that somebody listens on. */
struct classify_bind {
	uint8_t key[18]; /* address and port, network byte order: 6 bytes of IPv4, 18 of IPv6 */
	uint16_t listener;
};

/* Where a bind of IPv6 is found. Parts as they lie in memory. */
struct classify_place {
	uint64_t address[2];
	uint16_t port;
	uint16_t listener;
	uint32_t is_taken;
};

/*
 * The binds of one family, and where each is found: the places are a hash table, at most half full. One
 * of IPv4 is a word: address and port as classify_key_ipv4() gives them, and the listener; 0 is free.
 */
struct classify_binds {
	struct classify_bind *bind; /* in the order of the configuration */
	unsigned int n;
	union {
		uint64_t *ipv4;
		struct classify_place *ipv6;
	} place;
	uint32_t mask; /* of the number of a place */
	uint8_t shift; /* of a hash to such a number */
};

/* What one port listens on: port_table.h makes it. Immutable once workers read it. */
struct classify_table {
	struct hg_net_host host;
	uint64_t denied_low; /* source ports 0 to 63, one bit each */
	uint16_t denied[16]; /* the others, network byte order */
	unsigned int n_denied;
	struct classify_binds ipv4;
	struct classify_binds ipv6;
};

/* The upper bits of a place of IPv4, above the listener's 16; parts as they lie in memory. */
static inline uint64_t
classify_key_ipv4(const uint8_t *address, const uint8_t *port)
{
	uint32_t a;
	uint16_t p;

	memcpy(&a, address, sizeof(a));
	memcpy(&p, port, sizeof(p));
	return (uint64_t)a << 32 | (uint64_t)p << 16;
}

/* Where to look for a key first; on to the next place, round and round, until one is free. */
static inline uint32_t
classify_place_ipv4(const struct classify_binds *binds, uint64_t key)
{
	return (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> binds->shift);
}

static inline uint32_t
classify_place_ipv6(const struct classify_binds *binds, const uint64_t address[2], uint16_t port)
{
	uint64_t folded = address[0] ^ (address[1] << 37 | address[1] >> 27);

	folded ^= port * UINT64_C(0xd1342543de82ef95);
	return (uint32_t)(folded * UINT64_C(0x9e3779b97f4a7c15) >> binds->shift);
}

/*
 * The listener on the destination of a 4-tuple as hg_net_tuple() gives it, or -1; family is 4 or 6.
 */
int classify_find(const struct classify_table *table, const uint8_t *tuple, uint8_t family);

enum classify_kind {
	CLASSIFY_HELLO,  /* a ClientHello for a listener; hello is filled */
	CLASSIFY_RECORD, /* another DTLS record for a listener */
	CLASSIFY_ARP,
	CLASSIFY_ICMP, /* ICMP or ICMPv6 */
};

struct classified {
	struct hg_net_packet packet;
	struct hg_hello hello;
	uint8_t kind; /* enum classify_kind */
	uint16_t listener;
};

/*
 * Returns HG_PASS with *ret filled, or the reason to drop the frame. flags as in hg_net_parse().
 */
enum hg_verdict classify(const struct classify_table *table, uint8_t *frame, size_t len,
	unsigned int flags, struct classified *ret);

/*
 * Of a frame that classify() refused with that verdict: may it be for somebody else on the way, this
 * host's kernel for example? Not if it is damaged, for another MAC address, or a datagram to a
 * listener, in whatever form: who has no listener there would tell the sender so.
 */
bool classify_is_foreign(const struct classify_table *table, const uint8_t *frame, size_t len,
	enum hg_verdict verdict);
