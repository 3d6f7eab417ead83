/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define BINDS_AT_ONCE 64u

int
port_table_add(struct port_table *table, uint8_t family, const uint8_t *address, uint16_t port,
	uint16_t listener)
{
	struct port_table_binds *binds = family == 4 ? &table->ipv4 : &table->ipv6;
	size_t len = family == 4 ? 4 : 16;
	struct port_table_bind *bind;

	if (binds->n % BINDS_AT_ONCE == 0) {
		bind = realloc(binds->bind, (binds->n + BINDS_AT_ONCE) * sizeof(*bind));
		if (bind == NULL)
			return -ENOMEM;
		binds->bind = bind;
	}
	bind = &binds->bind[binds->n++];
	memset(bind, 0, sizeof(*bind));
	memcpy(bind->key, address, len);
	hg_store_be16(bind->key + len, port);
	bind->listener = listener;
	return 0;
}

/* Makes places of that size, twice as many as binds at least. */
static void *
make_places(struct port_table_binds *binds, size_t size)
{
	unsigned int bits = 1;

	while ((UINT64_C(1) << bits) < 2 * (uint64_t)binds->n)
		bits++;
	binds->mask = (UINT32_C(1) << bits) - 1;
	binds->shift = (uint8_t)(64 - bits);
	return calloc(UINT32_C(1) << bits, size);
}

static int
index_ipv4(struct port_table_binds *binds)
{
	free(binds->place.ipv4);
	binds->place.ipv4 = make_places(binds, sizeof(*binds->place.ipv4));
	if (binds->place.ipv4 == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < binds->n; i++) {
		const struct port_table_bind *bind = &binds->bind[i];
		uint64_t key = port_table_key_ipv4(bind->key, bind->key + 4);
		uint32_t place = port_table_place_ipv4(binds, key);

		while (binds->place.ipv4[place] != 0)
			place = (place + 1) & binds->mask;
		binds->place.ipv4[place] = key | bind->listener;
	}
	return 0;
}

static int
index_ipv6(struct port_table_binds *binds)
{
	free(binds->place.ipv6);
	binds->place.ipv6 = make_places(binds, sizeof(*binds->place.ipv6));
	if (binds->place.ipv6 == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < binds->n; i++) {
		const struct port_table_bind *bind = &binds->bind[i];
		struct port_table_place held = { .listener = bind->listener, .is_taken = 1 };
		uint32_t place;

		memcpy(held.address, bind->key, sizeof(held.address));
		memcpy(&held.port, bind->key + 16, sizeof(held.port));
		place = port_table_place_ipv6(binds, held.address, held.port);
		while (binds->place.ipv6[place].is_taken)
			place = (place + 1) & binds->mask;
		binds->place.ipv6[place] = held;
	}
	return 0;
}

int
port_table_index(struct port_table *table)
{
	int err = index_ipv4(&table->ipv4);

	hg_net_host_index(&table->host);
	return err == 0 ? index_ipv6(&table->ipv6) : err;
}

/* Adds those of a listener's addresses that are the port's. */
static int
add_listener(struct port_table *table, const struct config_listener *listener, uint16_t place)
{
	const struct hg_net_host *host = &table->host;
	static const uint8_t any[16];
	int err = 0;

	for (unsigned int b = 0; err == 0 && b < listener->n_binds; b++) {
		const struct address *bind = &listener->bind[b];
		size_t len = bind->family == 4 ? 4 : 16;
		unsigned int n = bind->family == 4 ? host->n_ipv4 : host->n_ipv6;

		for (unsigned int i = 0; err == 0 && i < n; i++) {
			const uint8_t *own =
				bind->family == 4 ? host->ipv4[i].address : host->ipv6[i];

			if (memcmp(bind->bytes, any, len) == 0 ||
				memcmp(bind->bytes, own, len) == 0)
				err = port_table_add(table, bind->family, own, bind->port, place);
		}
	}
	return err;
}

static void
add_guarded_address(struct hg_net_host *host, const struct address *address)
{
	if (address->family == 6) {
		for (unsigned int i = 0; i < host->n_ipv6; i++)
			if (memcmp(host->ipv6[i], address->bytes, 16) == 0)
				return;
		if (host->n_ipv6 < HG_NET_ADDRS_MAX)
			memcpy(host->ipv6[host->n_ipv6++], address->bytes, 16);
		return;
	}
	for (unsigned int i = 0; i < host->n_ipv4; i++)
		if (memcmp(host->ipv4[i].address, address->bytes, 4) == 0)
			return;
	if (host->n_ipv4 == HG_NET_ADDRS_MAX)
		return;
	/* Of its subnet nothing is known. */
	memcpy(host->ipv4[host->n_ipv4].address, address->bytes, 4);
	memcpy(host->ipv4[host->n_ipv4].broadcast, address->bytes, 4);
	memcpy(host->ipv4[host->n_ipv4].network, address->bytes, 4);
	host->n_ipv4++;
}

/* The addresses of servers behind a bridge, whatever their MAC addresses are. */
static int
add_guard(struct port_table *table, const struct config_listener *listener, uint16_t place)
{
	int err = 0;

	table->host.any_mac = 1;
	for (unsigned int b = 0; err == 0 && b < listener->n_binds; b++) {
		const struct address *bind = &listener->bind[b];

		add_guarded_address(&table->host, bind);
		err = port_table_add(table, bind->family, bind->bytes, bind->port, place);
	}
	return err;
}

static void
deny_source_ports(struct port_table *table, const struct config_gateway *settings)
{
	table->denied_low = 1; /* port 0 */
	for (unsigned int i = 0; i < settings->n_denied; i++) {
		if (settings->denied[i] < 64)
			table->denied_low |= UINT64_C(1) << settings->denied[i];
		else
			hg_store_be16(
				(uint8_t *)&table->denied[table->n_denied++], settings->denied[i]);
	}
}

int
port_table_fill(struct port_table *table, const struct hg_net_host *host, bool guards,
	const struct config *config, const uint16_t *place)
{
	int err = 0;

	table->host = *host;
	deny_source_ports(table, &config->gateway);
	for (unsigned int i = 0; err == 0 && i < config->n_listeners; i++)
		if (!config->listener[i].guard)
			err = add_listener(table, &config->listener[i], place[i]);
		else if (guards)
			err = add_guard(table, &config->listener[i], place[i]);
	return err == 0 ? port_table_index(table) : err;
}

void
port_table_free(struct port_table *table)
{
	free(table->ipv4.bind);
	free(table->ipv4.place.ipv4);
	free(table->ipv6.bind);
	free(table->ipv6.place.ipv6);
}
