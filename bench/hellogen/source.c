/* SPDX-License-Identifier: BSD-3-Clause */
#include "source.h"

#include <string.h>

#include "base/bytes.h"

#define ADDRESSES_MAX (UINT64_C(1) << 32)

void
source_range_init(struct source_range *range, const struct address *prefix, uint16_t first_port,
	uint16_t last_port)
{
	unsigned int size = prefix->family == 4 ? 4 : 16;
	unsigned int host_bits = 8 * size - prefix->prefix;
	uint32_t low;

	memset(range, 0, sizeof(*range));
	range->family = prefix->family;
	memcpy(range->bytes, prefix->bytes, size);
	for (unsigned int bit = prefix->prefix; bit < 8 * size; bit++)
		range->bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
	range->addresses = host_bits < 32 ? UINT64_C(1) << host_bits : ADDRESSES_MAX;
	if (host_bits >= 2) {
		/* Network and broadcast address; subnet-router anycast (RFC 4291 2.6.1). */
		low = hg_load_be32(range->bytes + size - 4);
		hg_store_be32(range->bytes + size - 4, low + 1);
		range->addresses -= prefix->family == 4 ? 2 : 1;
	}
	range->first_port = first_port;
	range->ports = (uint32_t)last_port - first_port + 1;
}

static bool
has_bits(const uint8_t *bytes, const uint8_t *network, unsigned int prefix)
{
	unsigned int whole = prefix / 8;

	if (memcmp(bytes, network, whole) != 0)
		return false;
	return prefix % 8 == 0 || (bytes[whole] ^ network[whole]) >> (8 - prefix % 8) == 0;
}

bool
source_holds(const struct address *prefix, uint8_t family, const uint8_t *bytes)
{
	return prefix->family == family && has_bits(bytes, prefix->bytes, prefix->prefix);
}

bool
source_is_private(const struct address *prefix)
{
	static const char *const networks[] = {
		"198.18.0.0/15", /* benchmarks, RFC 2544 */
		"2001:2::/48",   /* RFC 5180 */
		"192.0.2.0/24",  /* documentation, RFC 5737 */
		"198.51.100.0/24",
		"203.0.113.0/24",
		"2001:db8::/32", /* RFC 3849 */
		"10.0.0.0/8",    /* private, RFC 1918 */
		"172.16.0.0/12",
		"192.168.0.0/16",
		"fc00::/7",    /* RFC 4193 */
		"127.0.0.0/8", /* loopback */
		"::1/128",
		"169.254.0.0/16", /* link-local */
		"fe80::/10",
	};

	for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
		struct address network;

		if (address_parse_prefix(&network, networks[i]) == 0 &&
			network.prefix <= prefix->prefix &&
			source_holds(&network, prefix->family, prefix->bytes))
			return true;
	}
	return false;
}

/* Of an odd number modulo 2^64: each step doubles the number of right bits, at first 3. */
static uint64_t
invert(uint64_t odd)
{
	uint64_t inverse = odd;

	for (unsigned int i = 0; i < 5; i++)
		inverse *= 2 - odd * inverse;
	return inverse;
}

int
source_part_init(struct source_part *part, const struct source_range *range, unsigned int number,
	unsigned int n_parts, bool shuffled, uint64_t seed, struct error *error)
{
	uint64_t total = range->addresses * range->ports, mine = total / n_parts;
	unsigned int bits = 1;

	if (mine < 2)
		return error_set(error,
			"--src and --ports give %llu sources, but each of %u queues needs 2",
			(unsigned long long)total, n_parts);
	memset(part, 0, sizeof(*part));
	part->range = *range;
	part->size = mine;
	part->first = mine * number;
	part->spare = part->first + mine - 1;
	part->flows = 1;
	while (part->flows * 2 <= mine - 1 && part->flows < SOURCE_FLOWS_MAX)
		part->flows *= 2;
	part->n = (mine - 1) / part->flows * part->flows;
	part->shuffled = shuffled;
	while (bits < 63 && UINT64_C(1) << bits < part->n)
		bits++;
	part->mask = (UINT64_C(1) << bits) - 1;
	part->shift = (bits + 1) / 2;
	part->factor[0] = (seed ^ UINT64_C(0x9e3779b97f4a7c15)) | 1;
	part->factor[1] = (seed * UINT64_C(0xbf58476d1ce4e5b9)) | 1;
	for (unsigned int i = 0; i < 2; i++)
		part->inverse[i] = invert(part->factor[i]);
	return 0;
}

static void
put(const struct source_range *range, uint64_t number, struct source *source)
{
	uint32_t address = (uint32_t)(number / range->ports);
	uint32_t port = (uint32_t)(number % range->ports) + range->first_port;
	size_t low = range->family == 4 ? 0 : 12;

	memcpy(source->address, range->bytes, sizeof(source->address));
	hg_store_be32(source->address + low, hg_load_be32(range->bytes + low) + address);
	source->port = __builtin_bswap16((uint16_t)port);
}

/*
 * Multiplication by an odd number, and adding the upper half to the lower one without carry, can
 * both be undone modulo a power of two. What comes out too large goes through again.
 */
void
source_get(const struct source_part *part, uint64_t n, struct source *ret_source)
{
	uint64_t x = n % part->n;

	if (part->shuffled)
		do {
			x = x * part->factor[0] & part->mask;
			x ^= x >> part->shift;
			x = x * part->factor[1] & part->mask;
			x ^= x >> part->shift;
		} while (x >= part->n);
	put(&part->range, part->first + x, ret_source);
}

uint64_t
source_undo(const struct source_part *part, uint64_t number)
{
	uint64_t x = number - part->first;

	if (part->shuffled)
		do {
			x ^= x >> part->shift;
			x = x * part->inverse[1] & part->mask;
			x ^= x >> part->shift;
			x = x * part->inverse[0] & part->mask;
		} while (x >= part->n);
	return x;
}

void
source_get_spare(const struct source_part *part, struct source *ret_source)
{
	put(&part->range, part->spare, ret_source);
}

bool
source_find(const struct source_range *range, const uint8_t *address, uint16_t port,
	uint64_t *ret_number)
{
	size_t low = range->family == 4 ? 0 : 12;
	uint32_t host = hg_load_be32(address + low) - hg_load_be32(range->bytes + low);
	uint32_t offset = (uint32_t)__builtin_bswap16(port) - range->first_port;

	if (memcmp(address, range->bytes, low) != 0 || host >= range->addresses ||
		offset >= range->ports)
		return false;
	*ret_number = (uint64_t)host * range->ports + offset;
	return true;
}
