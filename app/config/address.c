/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static int
parse_ip(struct address *ret, const char *text)
{
	if (inet_pton(AF_INET, text, ret->bytes) == 1)
		ret->family = 4;
	else if (inet_pton(AF_INET6, text, ret->bytes) == 1)
		ret->family = 6;
	else
		return -EINVAL;
	return 0;
}

int
address_parse_prefix(struct address *ret, const char *text)
{
	struct address address = { 0 };
	char buffer[INET6_ADDRSTRLEN + 4];
	uint64_t prefix;
	char *slash;

	if (snprintf(buffer, sizeof(buffer), "%s", text) >= (int)sizeof(buffer))
		return -EINVAL;
	slash = strchr(buffer, '/');
	if (slash == NULL)
		return -EINVAL;
	*slash = '\0';
	if (parse_ip(&address, buffer) != 0 ||
		hg_text_number(slash + 1, 0, address.family == 4 ? 32 : 128, &prefix) != 0)
		return -EINVAL;
	address.prefix = (uint8_t)prefix;
	*ret = address;
	return 0;
}

int
address_parse_port(struct address *ret, const char *text)
{
	struct address address = { 0 };
	char buffer[INET6_ADDRSTRLEN + 16];
	char *colon, *host = buffer;
	uint64_t port;

	if (snprintf(buffer, sizeof(buffer), "%s", text) >= (int)sizeof(buffer))
		return -EINVAL;
	colon = strrchr(buffer, ':');
	if (colon == NULL || hg_text_number(colon + 1, 1, UINT16_MAX, &port) != 0)
		return -EINVAL;
	*colon = '\0';
	if (host[0] == '[') {
		if (colon[-1] != ']')
			return -EINVAL;
		colon[-1] = '\0';
		host++;
	}
	/* An IPv6 address needs its brackets, or the port could be part of it. */
	if (parse_ip(&address, host) != 0 || (address.family == 6) != (host != buffer))
		return -EINVAL;
	address.port = (uint16_t)port;
	*ret = address;
	return 0;
}

int
address_parse_mac(uint8_t ret_mac[6], const char *text)
{
	uint8_t mac[6], any = 0;

	if (strlen(text) != 17)
		return -EINVAL;
	for (int i = 0; i < 6; i++) {
		const char *p = text + 3 * i;

		if (hg_text_hex(p, &mac[i], 1) != 0 || (i < 5 && p[2] != ':'))
			return -EINVAL;
		any |= mac[i];
	}
	if (any == 0 || (mac[0] & 1) != 0)
		return -EINVAL;
	memcpy(ret_mac, mac, sizeof(mac));
	return 0;
}

void
address_print_port(const struct address *address, char *ret_text, size_t size)
{
	bool v4 = address->family == 4;
	char host[INET6_ADDRSTRLEN];

	inet_ntop(v4 ? AF_INET : AF_INET6, address->bytes, host, sizeof(host));
	snprintf(ret_text, size, v4 ? "%s:%u" : "[%s]:%u", host, address->port);
}

bool
address_is_server(const struct address *address)
{
	static const uint8_t any[16], broadcast[4] = { 255, 255, 255, 255 };
	const uint8_t *bytes = address->bytes;

	if (address->family == 4)
		return bytes[0] != 0 && (bytes[0] & 0xf0) != 224 &&
		       memcmp(bytes, broadcast, sizeof(broadcast)) != 0;
	return bytes[0] != 0xff && (bytes[0] != 0xfe || (bytes[1] & 0xc0) != 0x80) &&
	       memcmp(bytes, any, sizeof(any)) != 0;
}

bool
address_is_same(const struct address *a, const struct address *b)
{
	return a->family == b->family && a->port == b->port &&
	       memcmp(a->bytes, b->bytes, a->family == 4 ? 4 : 16) == 0;
}

socklen_t
address_to_sockaddr(const struct address *address, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (address->family == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)ret;

		in->sin_family = AF_INET;
		in->sin_port = htons(address->port);
		memcpy(&in->sin_addr, address->bytes, 4);
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(address->port);
	memcpy(&in6->sin6_addr, address->bytes, 16);
	return sizeof(*in6);
}
