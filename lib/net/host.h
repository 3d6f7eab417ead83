/* SPDX-License-Identifier: BSD-3-Clause */
/* The addresses that one port answers to. Immutable once workers read it. */
#pragma once

#include <stdint.h>

#define HG_NET_ADDRS_MAX 64u /* per family and port */

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
};
