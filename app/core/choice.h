/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which of several upstreams a client has: the one with the highest weight for it (rendezvous hashing).
 * Weights depend on nothing but the two, so gateways agree without a word, the order of a list does
 * not count, and an upstream that goes takes no client but its own away. They are part of what the
 * nodes of a fleet have in common: another hash would move clients while nodes of both kinds run.
 */
#pragma once

#include <stdint.h>

#include "base/bytes.h"
#include "config/address.h"

/* Every bit of the result depends on every bit of value, and no two values have the same. */
static inline uint64_t
choice_mix(uint64_t value)
{
	value += UINT64_C(0x9e3779b97f4a7c15);
	value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
	return value ^ value >> 31;
}

static inline uint64_t
choice_upstream(const struct address *address)
{
	uint64_t value = choice_mix((uint64_t)address->family << 16 | address->port);

	if (address->family == 4)
		return choice_mix(value ^ hg_load_be32(address->bytes));
	value = choice_mix(value ^ hg_load_be64(address->bytes));
	return choice_mix(value ^ hg_load_be64(address->bytes + 8));
}

/* Of a client, as clients_id() calls it, and an upstream, as choice_upstream() does. */
static inline uint64_t
choice_weight(uint64_t client, uint64_t upstream)
{
	return choice_mix(choice_mix(client) ^ upstream);
}
