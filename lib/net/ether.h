/* SPDX-License-Identifier: BSD-3-Clause */
/* What comes next: EtherTypes (IANA, IEEE 802 Numbers) and protocols in IP headers (IANA, Protocol Numbers). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ETHER_IPV4 0x0800u
#define ETHER_ARP 0x0806u
#define ETHER_VLAN 0x8100u /* IEEE 802.1Q */
#define ETHER_QINQ 0x88a8u /* IEEE 802.1ad */
#define ETHER_IPV6 0x86ddu

#define PROTO_HOP_BY_HOP 0u
#define PROTO_ICMP 1u
#define PROTO_TCP 6u
#define PROTO_UDP 17u
#define PROTO_ROUTING 43u
#define PROTO_FRAGMENT 44u
#define PROTO_AUTHENTICATION 51u
#define PROTO_ICMPV6 58u
#define PROTO_OPTIONS 60u

/* Does a VLAN tag come next? */
static inline bool
ether_is_vlan(uint16_t ether_type)
{
	return ether_type == ETHER_VLAN || ether_type == ETHER_QINQ;
}
