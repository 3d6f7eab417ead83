/* SPDX-License-Identifier: BSD-3-Clause */
#include "guard_model.h"

#include <string.h>

#include "worker_bed.h"

static bool
is_guarded(const uint8_t *address, unsigned int family)
{
	const struct hg_net_host *host = &lab_host[0];

	if (family == 6)
		return memcmp(address, host->ipv6[0], 16) == 0;
	return memcmp(address, host->ipv4[0].address, 4) == 0 ||
	       memcmp(address, host->ipv4[1].address, 4) == 0;
}

/* What comes behind the IP headers: ports, if as much is there. */
static bool
is_port_guarded(const uint8_t *ip, size_t at, size_t end)
{
	unsigned int port;

	if (end < at + 4)
		return true; /* nobody knows */
	port = model_be16(ip + at + 2);
	return port == LAB_LISTENER_PORT || port == BED_OTHER_LISTENER_PORT;
}

static bool
is_ipv4_for_guard(const uint8_t *ip, size_t len)
{
	size_t header = ip[0] % 16 * 4u, total = model_be16(ip + 2);
	size_t end = total < len ? total : len;

	if (header < 20 || header > end)
		return true;
	if (ip[9] != 17 || model_be16(ip + 6) % 0x2000 != 0)
		return false;
	return is_port_guarded(ip, header, end);
}

static bool
is_ipv6_for_guard(const uint8_t *ip, size_t len)
{
	size_t at = 40, end = 40 + model_be16(ip + 4);
	unsigned int next = ip[6], n = 0;

	if (end > len)
		end = len;
	for (; next != 17; n++) {
		unsigned int this = next;

		if (this != 0 && this != 43 && this != 44 && this != 51 && this != 60)
			return false;
		if (n == 6 || end < at + 8)
			return true;
		if (this == 44 && model_be16(ip + at + 2) / 8 != 0)
			return false;
		next = ip[at];
		at += this == 44 ? 8 : this == 51 ? ip[at + 1] * 4u + 8 : ip[at + 1] * 8u + 8;
		if (end < at)
			return true;
	}
	return is_port_guarded(ip, at, end);
}

static bool
is_for_guard(const uint8_t *frame, size_t len)
{
	unsigned int family = 0;
	size_t l3 = model_ip(frame, len, &family);

	if (l3 == 0 || !is_guarded(frame + l3 + (family == 4 ? 16 : 24), family))
		return false;
	return family == 4 ? is_ipv4_for_guard(frame + l3, len - l3)
			   : is_ipv6_for_guard(frame + l3, len - l3);
}

/* The addresses of servers, of whose subnets and MAC addresses nothing is known. */
static struct hg_net_host
servers(const uint8_t *frame)
{
	struct hg_net_host host = lab_host[0];

	memcpy(host.ipv4[0].broadcast, host.ipv4[0].address, 4);
	memcpy(host.ipv4[0].network, host.ipv4[0].address, 4);
	memcpy(host.mac, frame, 6);
	host.mac[0] &= 0xfe; /* a group is no server */
	return host;
}

static bool
cannot_be_judged(enum hg_verdict drop)
{
	return drop == HG_DROP_FRAME_CHAINED || drop == HG_DROP_VLAN_DEPTH ||
	       drop == HG_DROP_IPV4_OPTIONS || drop == HG_DROP_IPV4_FRAGMENT ||
	       drop == HG_DROP_IPV6_EXTENSION;
}

/* Of what no gateway takes: is it a datagram that a server may take, or nothing to it? */
static bool
may_be_datagram(const struct packet *packet, const uint8_t *payload)
{
	if (packet->drop == HG_DROP_RECORD_VERSION || packet->drop == HG_DROP_RECORD_LENGTH)
		return payload[0] != 22;
	return packet->drop == HG_DROP_RECORD_SHORT || packet->drop == HG_DROP_RECORD_DTLS13 ||
	       packet->drop == HG_DROP_RECORD_TYPE;
}

enum guard_sight
guard_model(struct packet *packet, const struct lab_clock *clock)
{
	static const struct history nothing;
	struct hg_net_host host = servers(packet->frame);
	const uint8_t *payload;
	unsigned int found;
	bool record;

	packet->fate = FORWARDED;
	/* Of a frame in two buffers the first one is looked at. */
	if ((!packet->cut || packet->chained) &&
		!is_for_guard(packet->frame, packet->len - packet->chained))
		return SIGHT_ELSEWHERE;
	record = worker_judge(packet, &host, clock, &nothing);
	if (!record && packet->fate == DROPPED && cannot_be_judged(packet->drop)) {
		packet->fate = FORWARDED;
		return SIGHT_UNJUDGED;
	}
	payload = packet->frame + packet->model.l4 + 8;
	if (!record && (packet->fate != DROPPED || !may_be_datagram(packet, payload)))
		return SIGHT_HELLO;
	packet->fate = FORWARDED;
	found = model_find(payload, packet->model.l4_len - 8);
	if (found == 2) {
		packet->fate = DROPPED;
		packet->drop = HG_DROP_GUARD_HIDDEN;
	}
	return found == 1 ? SIGHT_REST : SIGHT_DATAGRAM;
}
