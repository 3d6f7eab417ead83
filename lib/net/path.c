/* SPDX-License-Identifier: BSD-3-Clause */
#include "net/path.h"

#include <string.h>

#include "base/bytes.h"
#include "net/sum.h"

void
hg_net_path_init(struct hg_net_path *path, const struct hg_net_packet *packet)
{
	const uint8_t *ip = packet->l3, *udp = packet->l4;
	uint8_t *to_ip, *to_udp;

	path->family = packet->family;
	path->l3_offset = (uint8_t)(packet->l3 - packet->frame);
	path->header_len = (uint8_t)(hg_net_payload(packet) - packet->frame);
	memset(path->header, 0, sizeof(path->header));
	to_ip = path->header + path->l3_offset;
	to_udp = path->header + path->header_len - HG_NET_UDP_LEN;

	memcpy(path->header, packet->frame, path->l3_offset);
	memcpy(path->header, packet->frame + 6, 6);
	memcpy(path->header + 6, packet->frame, 6);
	if (packet->family == 4) {
		to_ip[0] = 0x45;
		to_ip[6] = 0x40; /* DF */
		to_ip[8] = 64;
		to_ip[9] = 17;
		memcpy(to_ip + 12, ip + 16, 4);
		memcpy(to_ip + 16, ip + 12, 4);
	} else {
		to_ip[0] = 0x60;
		to_ip[6] = 17;
		to_ip[7] = 64;
		memcpy(to_ip + 8, ip + 24, 16);
		memcpy(to_ip + 24, ip + 8, 16);
	}
	memcpy(to_udp, udp + 2, 2);
	memcpy(to_udp + 2, udp, 2);
}

size_t
hg_net_path_write(
	const struct hg_net_path *path, uint8_t *frame, uint16_t payload_len, bool device_sums)
{
	uint8_t *ip = frame + path->l3_offset;
	uint8_t *udp = frame + path->header_len - HG_NET_UDP_LEN;
	uint16_t l4_len = (uint16_t)(HG_NET_UDP_LEN + payload_len);

	memcpy(frame, path->header, path->header_len);
	if (path->family == 4)
		hg_store_be16(ip + 2, (uint16_t)(HG_NET_IPV4_LEN + l4_len));
	else
		hg_store_be16(ip + 4, l4_len);
	hg_store_be16(udp + 4, l4_len);
	if (device_sums)
		hg_net_sum_prepare(ip, udp, path->family, l4_len);
	else
		hg_net_sum_write(ip, udp, path->family, l4_len);
	return (size_t)path->header_len + payload_len;
}
