/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The addresses and ports that hellos come from. Every lcore has its own part of them, which it goes
 * through in an order that can be turned back: the destination of an answer says which hello it is
 * for, and nothing has to be looked up.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/address.h"
#include "config/error.h"

#define SOURCE_FLOWS_MAX (1u << 18) /* an lcore's hellos whose answers are waited for */

/* All sources: every address of a prefix with every port of a range. */
struct source_range {
	uint8_t family;    /* 4 or 6 */
	uint8_t bytes[16]; /* the first address, network byte order */
	uint64_t addresses;
	uint32_t first_port; /* host byte order */
	uint32_t ports;
};

/* An lcore's part. */
struct source_part {
	struct source_range range;
	uint64_t first;     /* number of its first source in the range */
	uint64_t size;      /* of all that is its own */
	uint64_t n;         /* sources that it goes through; a multiple of flows */
	uint64_t flows;     /* a power of two */
	uint64_t spare;     /* number in the range of a source for itself, outside the n */
	uint64_t factor[2]; /* odd; both 1 with n as they come */
	uint64_t inverse[2];
	uint64_t mask;
	unsigned int shift;
	bool shuffled;
};

struct source {
	uint8_t address[16]; /* network byte order */
	uint16_t port;       /* likewise */
};

/*
 * Of an IPv4 prefix up to /30 the first and the last address are left out, of an IPv6 prefix up to
 * /126 the first; of a larger prefix than 2^32 addresses, as many are used.
 */
void source_range_init(struct source_range *range, const struct address *prefix,
	uint16_t first_port, uint16_t last_port);

/* Are all its addresses in one of the networks that are nobody's on the Internet? */
bool source_is_private(const struct address *prefix);

/* Does a prefix hold an address? */
bool source_holds(const struct address *prefix, uint8_t family, const uint8_t *bytes);

/* Part number of n_parts. Returns 0, or -EINVAL if there are too few sources. */
int source_part_init(struct source_part *part, const struct source_range *range,
	unsigned int number, unsigned int n_parts, bool shuffled, uint64_t seed,
	struct error *error);

/* The source of an lcore's hello number n: they come again after part->n. */
void source_get(const struct source_part *part, uint64_t n, struct source *ret_source);

/* The spare one. */
void source_get_spare(const struct source_part *part, struct source *ret_source);

/*
 * Which of the range's sources is this? address and port in network byte order. Returns false if
 * none.
 */
bool source_find(const struct source_range *range, const uint8_t *address, uint16_t port,
	uint64_t *ret_number);

/* Undoes source_get(): n modulo part->n; number is of this part. */
uint64_t source_undo(const struct source_part *part, uint64_t number);

static inline bool
source_is_of(const struct source_part *part, uint64_t number)
{
	return number - part->first < part->n;
}
