/* SPDX-License-Identifier: BSD-3-Clause */
/* The addresses that one port answers to. Immutable once workers read it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define HG_NET_ADDRS_MAX 64u /* per family and port */

/* Places of the index: a power of two, so many that it is half full at most. */
#define HG_NET_HOST_PLACES_IPV4 512u
#define HG_NET_HOST_PLACES_IPV6 128u

/* What an IPv4 address is to a host: bits. */
#define HG_NET_HOST_OWN 1u
#define HG_NET_HOST_SUBNET 2u /* the broadcast address of a subnet of ours, or its first one */

struct hg_net_host {
	uint8_t mac[6];
	uint16_t any_mac; /* not 0: frames to any single MAC address are for it */
	uint16_t n_ipv4;
	uint16_t n_ipv6;
	struct {
		uint8_t address[4];
		uint8_t broadcast[4]; /* of its subnet; equal to the address for /32 and /31 (RFC
					 3021) */
		uint8_t network[4];   /* likewise */
	} ipv4[HG_NET_ADDRS_MAX];
	uint8_t ipv6[HG_NET_ADDRS_MAX][16];

	/* Made by hg_net_host_index(). Without it the addresses are walked through. */
	bool indexed;
	struct {
		uint32_t address; /* as in memory */
		uint32_t is;      /* HG_NET_HOST_*; 0: free */
	} place_ipv4[HG_NET_HOST_PLACES_IPV4];
	uint8_t place_ipv6[HG_NET_HOST_PLACES_IPV6]; /* number of the address from 1 on; 0: free */
};

/*
 * Makes the index, so that looking for an address costs the same however many there are. To be called
 * again when addresses have changed.
 */
void hg_net_host_index(struct hg_net_host *host);

/* Where to look first; on to the next place, and after the last to place 0, until one is free. */
static inline uint32_t
hg_net_host_place_ipv4(uint32_t address)
{
	return (address * UINT32_C(0x9e3779b1)) >> 23;
}

static inline uint32_t
hg_net_host_place_ipv6(const uint64_t address[2])
{
	uint64_t folded = address[0] ^ (address[1] << 37 | address[1] >> 27);

	return (uint32_t)(folded * UINT64_C(0x9e3779b97f4a7c15) >> 57);
}

_Static_assert(HG_NET_HOST_PLACES_IPV4 == UINT32_C(1) << (32 - 23) &&
		       HG_NET_HOST_PLACES_IPV6 == UINT64_C(1) << (64 - 57),
	"a hash is a place");

/* HG_NET_HOST_* of an address as in memory, 0 for that of another host. */
static inline uint32_t
hg_net_host_is_ipv4(const struct hg_net_host *host, uint32_t address)
{
	uint32_t place = hg_net_host_place_ipv4(address), own, broadcast, network, is = 0;

	if (host->indexed) {
		while (host->place_ipv4[place].is != 0 &&
			host->place_ipv4[place].address != address)
			place = (place + 1) % HG_NET_HOST_PLACES_IPV4;
		return host->place_ipv4[place].is;
	}
	for (unsigned int i = 0; i < host->n_ipv4; i++) {
		memcpy(&own, host->ipv4[i].address, sizeof(own));
		memcpy(&broadcast, host->ipv4[i].broadcast, sizeof(broadcast));
		memcpy(&network, host->ipv4[i].network, sizeof(network));
		is |= own == address ? HG_NET_HOST_OWN : 0;
		is |= broadcast == address || network == address ? HG_NET_HOST_SUBNET : 0;
	}
	return is;
}

/* Is the address of 16 bytes the host's? */
static inline bool
hg_net_host_has_ipv6(const struct hg_net_host *host, const uint8_t *bytes)
{
	uint64_t address[2], own[2];
	uint32_t place, number;

	memcpy(address, bytes, sizeof(address));
	if (!host->indexed) {
		for (unsigned int i = 0; i < host->n_ipv6; i++)
			if (memcmp(host->ipv6[i], bytes, 16) == 0)
				return true;
		return false;
	}
	place = hg_net_host_place_ipv6(address);
	while ((number = host->place_ipv6[place]) != 0) {
		memcpy(own, host->ipv6[number - 1], sizeof(own));
		if (((own[0] ^ address[0]) | (own[1] ^ address[1])) == 0)
			return true;
		place = (place + 1) % HG_NET_HOST_PLACES_IPV6;
	}
	return false;
}
