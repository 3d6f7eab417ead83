/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/classify.h"

#include <string.h>

#include "base/bytes.h"
#include "net/find.h"

static bool
is_denied(const struct port_table *table, const uint8_t *source_port)
{
	uint16_t port = hg_load_be16(source_port), wire;

	if (port < 64)
		return (table->denied_low >> port & 1) != 0;
	memcpy(&wire, source_port, sizeof(wire));
	for (unsigned int i = 0; i < table->n_denied; i++)
		if (table->denied[i] == wire)
			return true;
	return false;
}

enum hg_verdict
classify(const struct port_table *table, uint8_t *frame, size_t len, unsigned int flags,
	struct classified *ret)
{
	enum hg_verdict verdict = hg_net_parse(frame, len, &table->host, flags, &ret->packet);
	bool is_hello = false;
	int listener;

	if (verdict != HG_PASS)
		return verdict;
	if (ret->packet.protocol != HG_NET_UDP) {
		ret->kind = ret->packet.protocol == HG_NET_ARP ? CLASSIFY_ARP : CLASSIFY_ICMP;
		return HG_PASS;
	}
	if (is_denied(table, ret->packet.l4))
		return HG_DROP_SOURCE_PORT;
	listener = port_table_find(table, hg_net_tuple(&ret->packet), ret->packet.family);
	if (listener < 0)
		return HG_DROP_NO_LISTENER;
	ret->listener = (uint16_t)listener;
	verdict = hg_hello_parse(hg_net_payload(&ret->packet), hg_net_payload_len(&ret->packet),
		&is_hello, &ret->hello);
	ret->kind = is_hello ? CLASSIFY_HELLO : CLASSIFY_RECORD;
	return verdict;
}

bool
classify_is_foreign(
	const struct port_table *table, const uint8_t *frame, size_t len, enum hg_verdict verdict)
{
	uint8_t tuple[HG_NET_TUPLE_MAX], family;

	switch (verdict) {
	case HG_DROP_VLAN_DEPTH:
	case HG_DROP_ETHER_TYPE:
	case HG_DROP_DESTINATION:
	case HG_DROP_IP_PROTOCOL:
	case HG_DROP_NO_LISTENER:
		return true;
	case HG_DROP_FRAME_NOT_OURS:
		if ((frame[0] & 1) == 0) /* no group either */
			return false;
		break;
	case HG_DROP_IPV4_OPTIONS:
	case HG_DROP_IPV4_FRAGMENT:
	case HG_DROP_IPV6_EXTENSION:
	case HG_DROP_UDP_CHECKSUM:
	case HG_DROP_SOURCE_PORT:
		break;
	default:
		return false;
	}
	switch (hg_net_find_udp(frame, len, tuple, &family)) {
	case HG_NET_FOUND_UDP:
		return port_table_find(table, tuple, family) < 0;
	case HG_NET_FOUND_NO_UDP:
		return true;
	default:
		return false;
	}
}
