/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What one port listens on: its addresses and the binds of its listeners. Made of a configuration by main,
 * and searched for every datagram.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "config/config.h"
#include "net/host.h"

/* A destination that somebody listens on. */
struct port_table_bind {
	uint8_t key[18]; /* address and port, network byte order: 6 bytes of IPv4, 18 of IPv6 */
	uint16_t listener;
};

/* Where a bind of IPv6 is found. Parts as they lie in memory. */
struct port_table_place {
	uint64_t address[2];
	uint16_t port;
	uint16_t listener;
	uint32_t is_taken;
};

/*
 * The binds of one family, and where each is found: the places are a hash table, at most half full. One
 * of IPv4 is a word: address and port as port_table_key_ipv4() gives them, and the listener; 0 is free.
 */
struct port_table_binds {
	struct port_table_bind *bind; /* in the order of the configuration */
	unsigned int n;
	union {
		uint64_t *ipv4;
		struct port_table_place *ipv6;
	} place;
	uint32_t mask; /* of the number of a place */
	uint8_t shift; /* of a hash to such a number */
};

/* Immutable once workers read it. */
struct port_table {
	struct hg_net_host host;
	uint64_t denied_low; /* source ports 0 to 63, one bit each */
	uint16_t denied[16]; /* the others, network byte order */
	unsigned int n_denied;
	struct port_table_binds ipv4;
	struct port_table_binds ipv6;
};

/* The upper bits of a place of IPv4, above the listener's 16; parts as they lie in memory. */
static inline uint64_t
port_table_key_ipv4(const uint8_t *address, const uint8_t *port)
{
	uint32_t a;
	uint16_t p;

	memcpy(&a, address, sizeof(a));
	memcpy(&p, port, sizeof(p));
	return (uint64_t)a << 32 | (uint64_t)p << 16;
}

/* Where to look for a key first; on to the next place, round and round, until one is free. */
static inline uint32_t
port_table_place_ipv4(const struct port_table_binds *binds, uint64_t key)
{
	return (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> binds->shift);
}

static inline uint32_t
port_table_place_ipv6(
	const struct port_table_binds *binds, const uint64_t address[2], uint16_t port)
{
	uint64_t folded = address[0] ^ (address[1] << 37 | address[1] >> 27);

	folded ^= port * UINT64_C(0xd1342543de82ef95);
	return (uint32_t)(folded * UINT64_C(0x9e3779b97f4a7c15) >> binds->shift);
}

static inline int
port_table_find_ipv4(const struct port_table_binds *binds, const uint8_t *tuple)
{
	uint64_t key = port_table_key_ipv4(tuple + 4, tuple + 10), bind;
	uint32_t place = port_table_place_ipv4(binds, key);

	while ((bind = binds->place.ipv4[place]) != 0) {
		if ((bind ^ key) <= UINT16_MAX)
			return (uint16_t)bind;
		place = (place + 1) & binds->mask;
	}
	return -1;
}

static inline int
port_table_find_ipv6(const struct port_table_binds *binds, const uint8_t *tuple)
{
	const struct port_table_place *place;
	uint64_t address[2];
	uint32_t number;
	uint16_t port;

	memcpy(address, tuple + 16, sizeof(address));
	memcpy(&port, tuple + 34, sizeof(port));
	number = port_table_place_ipv6(binds, address, port);
	while ((place = &binds->place.ipv6[number])->is_taken) {
		if (((place->address[0] ^ address[0]) | (place->address[1] ^ address[1])) == 0 &&
			place->port == port)
			return place->listener;
		number = (number + 1) & binds->mask;
	}
	return -1;
}

/*
 * The listener on the destination of a 4-tuple as hg_net_tuple() gives it, or -1; family is 4 or 6.
 */
static inline int
port_table_find(const struct port_table *table, const uint8_t *tuple, uint8_t family)
{
	return family == 4 ? port_table_find_ipv4(&table->ipv4, tuple)
			   : port_table_find_ipv6(&table->ipv6, tuple);
}

/*
 * Adds a bind; address has 4 or 16 bytes. None is found before port_table_index(). Returns 0, or
 * -ENOMEM with the table as it was; port_table_free() in either case.
 */
int port_table_add(struct port_table *table, uint8_t family, const uint8_t *address, uint16_t port,
	uint16_t listener);

/*
 * To be called when all addresses and binds have been added, also of a table without any. Of binds that
 * are the same the first is found. Returns 0, or -ENOMEM; port_table_free() in either case.
 */
int port_table_index(struct port_table *table);

/*
 * Fills a table of zeroes with all listeners of config that have something to do at the port of these
 * addresses; place[i] is what stands for the i-th. guards: it is the clients' port of a bridge, at which
 * the addresses of the guarded servers are listened on. Returns 0, or -ENOMEM; port_table_free() in either case.
 */
int port_table_fill(struct port_table *table, const struct hg_net_host *host, bool guards,
	const struct config *config, const uint16_t *place);

void port_table_free(struct port_table *table);
