/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses as a configuration writes them. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDRESS_TEXT_MAX (INET6_ADDRSTRLEN + 8u)

/* An IP address and, where it belongs to it, a port or a prefix length. */
struct address {
	uint8_t family;    /* 4 or 6 */
	uint8_t prefix;    /* bits */
	uint16_t port;     /* host byte order */
	uint8_t bytes[16]; /* network byte order; the first 4 for IPv4 */
};

/* "198.18.0.1/24" or "2001:2::1/48". All of these return 0, or -EINVAL with *ret untouched. */
int address_parse_prefix(struct address *ret, const char *text);

/* "198.18.0.1:5684" or "[2001:2::1]:5684"; port 1 to 65535. */
int address_parse_port(struct address *ret, const char *text);

/* "02:00:00:00:00:0a", not a group address. */
int address_parse_mac(uint8_t ret_mac[6], const char *text);

/* The reverse of address_parse_port(); size is ADDRESS_TEXT_MAX at least. */
void address_print_port(const struct address *address, char *ret_text, size_t size);

/*
 * Can one server have this address, for a socket that is connected to it? None has the unspecified one, a
 * multicast or broadcast one, and which one has an IPv6 link-local one depends on the link, which is not said.
 */
bool address_is_server(const struct address *address);

bool address_is_same(const struct address *a, const struct address *b);

/* Returns the length of the socket address. */
socklen_t address_to_sockaddr(const struct address *address, struct sockaddr_storage *ret);
