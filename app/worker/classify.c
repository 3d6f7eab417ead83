/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/classify.h"

#include <string.h>

#include "base/bytes.h"
#include "net/find.h"

static bool
is_denied(const struct classify_table *table, const uint8_t *source_port)
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

static int
find_ipv4(const struct classify_binds *binds, const uint8_t *tuple)
{
	uint64_t key = classify_key_ipv4(tuple + 4, tuple + 10), bind;
	uint32_t place = classify_place_ipv4(binds, key);

	while ((bind = binds->place.ipv4[place]) != 0) {
		if ((bind ^ key) <= UINT16_MAX)
			return (uint16_t)bind;
		place = (place + 1) & binds->mask;
	}
	return -1;
}

static int
find_ipv6(const struct classify_binds *binds, const uint8_t *tuple)
{
	const struct classify_place *place;
	uint64_t address[2];
	uint32_t number;
	uint16_t port;

	memcpy(address, tuple + 16, sizeof(address));
	memcpy(&port, tuple + 34, sizeof(port));
	number = classify_place_ipv6(binds, address, port);
	while ((place = &binds->place.ipv6[number])->is_taken) {
		if (((place->address[0] ^ address[0]) | (place->address[1] ^ address[1])) == 0 &&
			place->port == port)
			return place->listener;
		number = (number + 1) & binds->mask;
	}
	return -1;
}

int
classify_find(const struct classify_table *table, const uint8_t *tuple, uint8_t family)
{
	return family == 4 ? find_ipv4(&table->ipv4, tuple) : find_ipv6(&table->ipv6, tuple);
}

enum hg_verdict
classify(const struct classify_table *table, uint8_t *frame, size_t len, unsigned int flags,
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
	listener = classify_find(table, hg_net_tuple(&ret->packet), ret->packet.family);
	if (listener < 0)
		return HG_DROP_NO_LISTENER;
	ret->listener = (uint16_t)listener;
	verdict = hg_hello_parse(hg_net_payload(&ret->packet), hg_net_payload_len(&ret->packet),
		&is_hello, &ret->hello);
	ret->kind = is_hello ? CLASSIFY_HELLO : CLASSIFY_RECORD;
	return verdict;
}

bool
classify_is_foreign(const struct classify_table *table, const uint8_t *frame, size_t len,
	enum hg_verdict verdict)
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
		return classify_find(table, tuple, family) < 0;
	case HG_NET_FOUND_NO_UDP:
		return true;
	default:
		return false;
	}
}
