/* SPDX-License-Identifier: BSD-3-Clause */
/* Local ports: their shares, their order, and how long they rest. */
#include <stdlib.h>

#include "core/source_ports.h"
#include "unit.h"

#define NOW UINT64_C(987654321987)
#define REST 1000u

/* To be given to close_ports(). */
static void
open_ports(struct source_ports *ports, uint16_t first, uint16_t last, unsigned int part,
	unsigned int n_parts)
{
	void *memory = malloc(source_ports_size(first, last, n_parts));

	assert_non_null(memory);
	source_ports_init(ports, memory, first, last, part, n_parts, REST);
}

static void
close_ports(struct source_ports *ports)
{
	free(ports->queue);
}

static void
test_shares(void **state)
{
	(void)state;
	for (unsigned int parts = 1; parts <= 7; parts++) {
		for (unsigned int total = parts; total <= 30; total++) {
			uint16_t first = (uint16_t)(65536 - total);
			uint8_t seen[30] = { 0 };

			for (unsigned int part = 0; part < parts; part++) {
				struct source_ports ports;
				uint16_t port;

				open_ports(&ports, first, 65535, part, parts);
				assert_uint_in_range(ports.size, total / parts, total / parts + 1);
				while (source_ports_take(&ports, 0, &port)) {
					assert_uint_in_range(port, first, 65535);
					seen[port - first]++;
				}
				close_ports(&ports);
			}
			for (unsigned int i = 0; i < total; i++)
				assert_int_equal(seen[i], 1);
		}
	}
}

static void
test_rest(void **state)
{
	struct source_ports ports;
	uint16_t a, b, c;

	(void)state;
	open_ports(&ports, 40000, 40001, 0, 1);
	assert_true(source_ports_take(&ports, NOW, &a));
	assert_true(source_ports_take(&ports, NOW, &b));
	assert_int_not_equal(a, b);
	c = 7;
	assert_false(source_ports_take(&ports, NOW, &c));
	source_ports_give(&ports, NOW, b);
	source_ports_give(&ports, NOW + 10, a);
	assert_false(source_ports_take(&ports, NOW + REST - 1, &c));
	assert_int_equal(c, 7);
	assert_true(source_ports_take(&ports, NOW + REST, &c));
	assert_int_equal(c, b);
	assert_false(source_ports_take(&ports, NOW + REST + 9, &c));
	assert_true(source_ports_take(&ports, NOW + REST + 10, &c));
	assert_int_equal(c, a);
	close_ports(&ports);
}

/* Whatever is taken and given back: a port has one user, and the rest is kept. */
static void
test_many(void **state)
{
	enum { N = 37 };
	uint64_t given[N] = { 0 }, now = NOW;
	uint16_t held[N], port;
	bool busy[N] = { false };
	struct source_ports ports;
	unsigned int n = 0, refused = 0;

	(void)state;
	srandom(1);
	open_ports(&ports, 1024, 1024 + N - 1, 0, 1);
	for (unsigned int i = 0; i < 100000; i++) {
		now += (uint64_t)random() % 50;
		if (n > 0 && random() % 2 == 0) {
			unsigned int at = (unsigned int)random() % n;

			port = held[at];
			held[at] = held[--n];
			busy[port - 1024] = false;
			given[port - 1024] = now;
			source_ports_give(&ports, now, port);
		} else if (source_ports_take(&ports, now, &port)) {
			assert_false(busy[port - 1024]);
			assert_true(given[port - 1024] == 0 || now - given[port - 1024] >= REST);
			busy[port - 1024] = true;
			held[n++] = port;
		} else {
			refused++;
		}
		assert_int_equal(ports.n + n, N);
	}
	assert_int_not_equal(refused, 0);
	close_ports(&ports);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
