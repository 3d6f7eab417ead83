/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/host.h"

static void
add_ipv4(struct hg_net_host *host, const uint8_t *bytes, uint32_t is)
{
	uint32_t address, place;

	memcpy(&address, bytes, sizeof(address));
	place = hg_net_host_place_ipv4(address);
	while (host->place_ipv4[place].is != 0 && host->place_ipv4[place].address != address)
		place = (place + 1) % HG_NET_HOST_PLACES_IPV4;
	host->place_ipv4[place].address = address;
	host->place_ipv4[place].is |= is;
}

void
hg_net_host_index(struct hg_net_host *host)
{
	memset(host->place_ipv4, 0, sizeof(host->place_ipv4));
	memset(host->place_ipv6, 0, sizeof(host->place_ipv6));
	host->indexed = true;
	for (unsigned int i = 0; i < host->n_ipv4; i++) {
		add_ipv4(host, host->ipv4[i].address, HG_NET_HOST_OWN);
		add_ipv4(host, host->ipv4[i].broadcast, HG_NET_HOST_SUBNET);
		add_ipv4(host, host->ipv4[i].network, HG_NET_HOST_SUBNET);
	}
	for (unsigned int i = 0; i < host->n_ipv6; i++) {
		uint64_t address[2];
		uint32_t place;

		memcpy(address, host->ipv6[i], sizeof(address));
		place = hg_net_host_place_ipv6(address);
		while (host->place_ipv6[place] != 0)
			place = (place + 1) % HG_NET_HOST_PLACES_IPV6;
		host->place_ipv6[place] = (uint8_t)(i + 1);
	}
}
