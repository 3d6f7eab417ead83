/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel says of its network interfaces, asked by rtnetlink(7). Takes no privilege. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Main's way to ask. */
struct interfaces;

struct interface {
	char name[IF_NAMESIZE];
	unsigned int index;
	bool up;      /* IFF_UP: somebody has set it up */
	bool running; /* and it has a carrier */
	uint32_t mtu; /* bytes of the longest IP packet */
	bool has_mac;
	uint8_t mac[6];
	uint64_t sent; /* packets since it was made, with those that it has lost while sending */
};

/* Returns NULL with errno. Its network namespace is the caller's for good. */
struct interfaces *interface_open(void);
void interface_close(struct interfaces *interfaces);

/*
 * Asks for the interface of that name, or of that index if name is NULL. Returns 0, -ENODEV if there is
 * none, or another negative errno.
 */
int interface_find(struct interfaces *interfaces, const char *name, unsigned int index,
	struct interface *ret_interface);

/*
 * Of an answer of the kernel to a request of that number: takes what is said of an interface. Returns 0,
 * -EAGAIN if nothing of that is in it, or the error that it tells.
 */
int interface_read(
	const void *answer, size_t len, unsigned int number, struct interface *ret_interface);
