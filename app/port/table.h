/* SPDX-License-Identifier: BSD-3-Clause */
/* Makes of a configuration what one port listens on. */
#pragma once

#include <stdint.h>

#include "config/config.h"
#include "worker/classify.h"

struct port;

/*
 * Adds a bind; address has 4 or 16 bytes. None is found before port_table_index(). Returns 0, or
 * -ENOMEM with the table as it was; port_table_free() in either case.
 */
int port_table_add(struct classify_table *table, uint8_t family, const uint8_t *address,
	uint16_t port, uint16_t listener);

/*
 * To be called when all addresses and binds have been added, also of a table without any. Of binds that
 * are the same the first is found. Returns 0, or -ENOMEM; port_table_free() in either case.
 */
int port_table_index(struct classify_table *table);

/*
 * Fills a table of zeroes with all listeners of config that have something to do at the port; place[i]
 * is what stands for the i-th. Returns 0, or -ENOMEM; port_table_free() in either case.
 */
int port_table_fill(struct classify_table *table, const struct port *port,
	const struct config *config, const uint16_t *place);

void port_table_free(struct classify_table *table);
