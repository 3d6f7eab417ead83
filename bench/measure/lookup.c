/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Times what a worker looks up for every datagram: the listener of its destination, by the number of
 * binds, and whether its addresses are the port's, by their number. Beside each stands a walk through
 * all of them. Prints one JSON object.
 *
 * The ways take turns, slice by slice, so that a disturbance falls on both; of a way's slices the least
 * counts. Destinations come in no order, so that nobody can foretell them.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "clock.h"
#include "net/find.h"
#include "net/packet.h"
#include "port/table.h"

#define ASKED 1024u /* destinations in a slice */
#define SLICES 400u
#define ADDRESSES_MAX 64u
#define LEN_IPV6 (HG_NET_ETHER_LEN + HG_NET_IPV6_LEN + HG_NET_UDP_LEN)

static const unsigned int binds[] = { 1, 4, 16, 64, 1024 };
static const unsigned int addresses[] = { 1, 2, 3, 16, 64 };
static struct port_table table;
static uint8_t tuple[ASKED][HG_NET_TUPLE_MAX];
static uint8_t frame[ASKED][LEN_IPV6];
static size_t frame_len;
static uint32_t found; /* so that nothing is left out */

static void
address_of(uint8_t family, unsigned int number, uint8_t ret[16])
{
	static const uint8_t four[4] = { 198, 18, 0, 1 }, six[16] = { 0x20, 0x01, 0, 2, [15] = 1 };

	memcpy(ret, family == 4 ? four : six, family == 4 ? 4 : 16);
	ret[family == 4 ? 3 : 15] = (uint8_t)(1 + number);
}

static int
walk(const struct port_table_binds *all, const uint8_t *key, size_t len)
{
	for (unsigned int i = 0; i < all->n; i++)
		if (memcmp(all->bind[i].key, key, len - 2) == 0 &&
			memcmp(all->bind[i].key + len - 2, key + len - 2, 2) == 0)
			return all->bind[i].listener;
	return -1;
}

static void
walk_binds(uint8_t family)
{
	for (unsigned int i = 0; i < ASKED; i++) {
		uint8_t key[18];

		if (family == 4) {
			memcpy(key, tuple[i] + 4, 4);
			memcpy(key + 4, tuple[i] + 10, 2);
			found += (uint32_t)walk(&table.ipv4, key, 6);
		} else {
			memcpy(key, tuple[i] + 16, 16);
			memcpy(key + 16, tuple[i] + 34, 2);
			found += (uint32_t)walk(&table.ipv6, key, 18);
		}
	}
}

static void
find_binds(uint8_t family)
{
	for (unsigned int i = 0; i < ASKED; i++)
		found += (uint32_t)port_table_find(&table, tuple[i], family);
}

static void
parse_frames(uint8_t family)
{
	struct hg_net_packet packet;

	(void)family;
	for (unsigned int i = 0; i < ASKED; i++)
		found += hg_net_parse(frame[i], frame_len, &table.host,
				 HG_NET_IP_CHECKED | HG_NET_L4_CHECKED, &packet) == HG_PASS;
}

static void
walk_frames(uint8_t family)
{
	table.host.indexed = false;
	parse_frames(family);
	table.host.indexed = true;
}

static void
print_cell(const char *what, uint8_t family, unsigned int n, void (*run)(uint8_t),
	void (*beside)(uint8_t), bool is_last)
{
	void (*const way[])(uint8_t) = { run, beside };
	uint64_t least[2] = { UINT64_MAX, UINT64_MAX };

	for (unsigned int s = 0; s < 2 * SLICES; s++) {
		uint64_t begun = clock_ns(CLOCK_MONOTONIC), took;

		way[s % 2](family);
		took = clock_ns(CLOCK_MONOTONIC) - begun;
		least[s % 2] = took < least[s % 2] ? took : least[s % 2];
	}
	printf("  {\"what\": \"%s\", \"family\": %u, \"number\": %u, \"ns\": %.1f, "
	       "\"walk_ns\": %.1f}%s\n",
		what, family, n, (double)least[0] / ASKED, (double)least[1] / ASKED,
		is_last ? "" : ",");
}

static void
clear(void)
{
	port_table_free(&table);
	memset(&table, 0, sizeof(table));
}

static void
time_binds(uint8_t family, unsigned int n)
{
	uint8_t address[16];

	clear();
	for (unsigned int i = 0; i < n; i++) {
		address_of(family, i % ADDRESSES_MAX, address);
		if (port_table_add(&table, family, address, (uint16_t)(5684 + i / ADDRESSES_MAX),
			    (uint16_t)i) != 0)
			abort();
	}
	if (port_table_index(&table) != 0)
		abort();
	for (unsigned int i = 0; i < ASKED; i++) {
		unsigned int asked = (unsigned int)rand() % n;

		address_of(family, asked % ADDRESSES_MAX, tuple[i] + (family == 4 ? 4 : 16));
		hg_store_be16(tuple[i] + (family == 4 ? 10 : 34),
			(uint16_t)(5684 + asked / ADDRESSES_MAX));
	}
	print_cell("binds", family, n, find_binds, walk_binds, false);
}

/* A datagram without payload to one of the addresses, from a client's. */
static void
fill_frame(uint8_t *ret, uint8_t family, unsigned int number)
{
	uint8_t *ip = ret + HG_NET_ETHER_LEN, *udp;

	memset(ret, 0, LEN_IPV6);
	ret[0] = ret[6] = 2;
	hg_store_be16(ret + 12, family == 4 ? 0x0800 : 0x86dd);
	ip[0] = family == 4 ? 0x45 : 0x60;
	if (family == 4) {
		hg_store_be16(ip + 2, HG_NET_IPV4_LEN + HG_NET_UDP_LEN);
		ip[9] = 17;
		memcpy(ip + 12, (uint8_t[]){ 192, 0, 2, (uint8_t)rand() }, 4);
		address_of(4, number, ip + 16);
		udp = ip + HG_NET_IPV4_LEN;
	} else {
		hg_store_be16(ip + 4, HG_NET_UDP_LEN);
		ip[6] = 17;
		memcpy(ip + 8, (uint8_t[]){ 0x20, 0x01, 0x0d, 0xb8, (uint8_t)rand() }, 5);
		address_of(6, number, ip + 24);
		udp = ip + HG_NET_IPV6_LEN;
	}
	hg_store_be16(udp + 4, HG_NET_UDP_LEN);
	hg_store_be16(udp + 6, 1);
}

static void
time_addresses(uint8_t family, unsigned int n, bool is_last)
{
	struct hg_net_host *host = &table.host;

	clear();
	host->mac[0] = 2;
	for (unsigned int i = 0; i < n; i++) {
		uint8_t address[16];

		address_of(family, i, address);
		if (family == 6) {
			memcpy(host->ipv6[host->n_ipv6++], address, 16);
			continue;
		}
		memcpy(host->ipv4[i].address, address, 4);
		memcpy(host->ipv4[i].broadcast, (uint8_t[]){ 198, 18, 0, 255 }, 4);
		memcpy(host->ipv4[i].network, (uint8_t[]){ 198, 18, 0, 0 }, 4);
		host->n_ipv4++;
	}
	hg_net_host_index(host);
	frame_len = family == 4 ? HG_NET_ETHER_LEN + HG_NET_IPV4_LEN + HG_NET_UDP_LEN : LEN_IPV6;
	for (unsigned int i = 0; i < ASKED; i++)
		fill_frame(frame[i], family, (unsigned int)rand() % n);
	found = 0;
	parse_frames(family);
	if (found != ASKED)
		abort();
	print_cell("addresses", family, n, parse_frames, walk_frames, is_last);
}

int
main(void)
{
	printf("{\"cells\": [\n");
	for (unsigned int family = 4; family <= 6; family += 2)
		for (size_t i = 0; i < sizeof(binds) / sizeof(binds[0]); i++)
			time_binds((uint8_t)family, binds[i]);
	for (unsigned int family = 4; family <= 6; family += 2)
		for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
			time_addresses((uint8_t)family, addresses[i],
				family == 6 && i + 1 == sizeof(addresses) / sizeof(addresses[0]));
	printf("]}\n");
	port_table_free(&table);
	return EXIT_SUCCESS;
}
