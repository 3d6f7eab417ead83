/* SPDX-License-Identifier: BSD-3-Clause */
/* An Ethernet interface of this host's kernel whose other end is a file descriptor (tun(4)'s TAP). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/error.h"

/*
 * Makes the interface, which is down and has no address, with a MAC address of the kernel's choice if mac is
 * all zeroes, and which is gone when the descriptor is
 * closed. A read() or write() is one frame, and never waits. Returns 0 with *ret_fd, or -EINVAL with
 * the reason in error.
 */
int tap_open(
	int *ret_fd, const char *name, const uint8_t mac[6], unsigned int mtu, struct error *error);

/* Another MAC address, not all zeroes, than it was made with. Needs no privilege. Returns 0 or a negative errno. */
int tap_set_mac(int fd, const char *name, const uint8_t mac[6]);

/* Bytes of the longest IP packet. Takes CAP_NET_ADMIN. Returns 0 or a negative errno. */
int tap_set_mtu(const char *name, unsigned int mtu);

/* Whether it has a link, as ip-link(8) shows it. Needs no privilege. */
void tap_set_carrier(int fd, bool up);
