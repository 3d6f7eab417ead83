/* SPDX-License-Identifier: BSD-3-Clause */
/* An Ethernet interface of this host's kernel whose other end is a file descriptor (tun(4)'s TAP). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

/*
 * Makes the interface, which is down and has no address, and which is gone when the descriptor is
 * closed. A read() or write() is one frame, and never waits. Returns 0 with *ret_fd, or -EINVAL with
 * the reason in error.
 */
int tap_open(
	int *ret_fd, const char *name, const uint8_t mac[6], unsigned int mtu, struct error *error);

/* Whether it has a link, as ip-link(8) shows it. Needs no privilege. */
void tap_set_carrier(int fd, bool up);
