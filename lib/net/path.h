/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way back to a peer, kept by a session: the headers of every packet to it but for lengths and
 * checksums.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/packet.h"

#define HG_NET_PATH_MAX \
	(HG_NET_ETHER_LEN + HG_NET_VLAN_MAX * HG_NET_VLAN_LEN + HG_NET_IPV6_LEN + HG_NET_UDP_LEN)

struct hg_net_path {
	uint8_t header[HG_NET_PATH_MAX];
	uint8_t header_len; /* bytes before the UDP payload */
	uint8_t l3_offset;
	uint8_t family; /* 4 or 6 */
};

/* The way back to the sender of a received UDP packet, which is left as it is. */
void hg_net_path_init(struct hg_net_path *path, const struct hg_net_packet *packet);

/*
 * Writes the headers to the start of frame; the payload_len bytes of payload are already at
 * frame + path->header_len. Returns the frame's length. With device_sums as in hg_net_answer_udp().
 */
size_t hg_net_path_write(
	const struct hg_net_path *path, uint8_t *frame, uint16_t payload_len, bool device_sums);
