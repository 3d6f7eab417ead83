/* SPDX-License-Identifier: BSD-3-Clause */
/* Which worker has which queue, on machines of one node and of several. */
#include <string.h>

#include "config/placement.h"
#include "unit.h"

#define ANY PLACEMENT_ANY
#define WORKERS 8
#define PORTS 4

/* The nodes of workers, each a digit, or '?' for one that nobody knows. */
static unsigned int
read_nodes(const char *text, int *ret_node)
{
	for (unsigned int i = 0; text[i] != '\0'; i++)
		ret_node[i] = text[i] == '?' ? ANY : text[i] - '0';
	return (unsigned int)strlen(text);
}

static struct placement_port
alone(int node, unsigned int n_queues)
{
	return (struct placement_port){
		.node = node,
		.n_queues = n_queues,
		.peer = PLACEMENT_ALONE,
	};
}

/*
 * Deals the queues of n ports out to these workers. wanted has the worker of each queue, a digit, and a blank
 * between ports; crossing the queues of each whose worker is on another node.
 */
static void
check(const char *workers, struct placement_port *port, unsigned int n, const char *wanted,
	const char *crossing)
{
	char got[PORTS * (WORKERS + 1) + 1] = "", crossed[PORTS + 1] = "";
	int node[WORKERS];
	unsigned int n_workers = read_nodes(workers, node);
	size_t len = 0;

	placement_deal(port, n, node, n_workers);
	for (unsigned int p = 0; p < n; p++) {
		if (p != 0)
			got[len++] = ' ';
		for (unsigned int q = 0; q < port[p].n_queues; q++)
			got[len++] = (char)('0' + port[p].worker[q]);
		crossed[p] = (char)('0' + placement_crossing(&port[p], node));
	}
	assert_string_equal(got, wanted);
	assert_string_equal(crossed, crossing);
}

#define CHECK(workers, wanted, crossing, ...)                                              \
	do {                                                                               \
		struct placement_port ports[] = { __VA_ARGS__ };                           \
                                                                                           \
		check(workers, ports, sizeof(ports) / sizeof(ports[0]), wanted, crossing); \
	} while (0)

static void
join(struct placement_port *port, unsigned int clients, unsigned int servers)
{
	port[clients].peer = servers;
	port[servers].peer = clients;
	port[clients].guards = true;
}

/* Every number of queues of three ports, the last two of them a bridge or not: in turn. */
static void
check_turns(const char *workers, int node, bool bridge)
{
	unsigned int n = (unsigned int)strlen(workers);
	int nodes[WORKERS];

	read_nodes(workers, nodes);
	for (unsigned int a = 1; a <= n; a++) {
		for (unsigned int b = 1; b <= n; b++) {
			struct placement_port port[] = { alone(node, a), alone(node, b),
				alone(node, b), alone(node, n) };
			unsigned int next = 0;

			if (bridge)
				join(port, 2, 1);
			placement_deal(port, 4, nodes, n);
			for (unsigned int p = 0; p < 4; p++)
				for (unsigned int q = 0; q < port[p].n_queues; q++)
					if (bridge && p == 2)
						assert_int_equal(
							port[p].worker[q], port[1].worker[q]);
					else
						assert_int_equal(port[p].worker[q], next++ % n);
		}
	}
}

/* A machine of one node deals as it would without nodes, whatever of them is known. */
static void
test_one_node(void **state)
{
	(void)state;
	for (unsigned int bridge = 0; bridge < 2; bridge++) {
		check_turns("00000", 0, bridge != 0);
		check_turns("????", ANY, bridge != 0);
		check_turns("???????", 0, bridge != 0);
		check_turns("000", ANY, bridge != 0);
		check_turns("0", 0, bridge != 0);
		check_turns("1111", 1, bridge != 0);
	}
	CHECK("0000", "0 1 230", "000", alone(0, 1), alone(ANY, 1), alone(0, 3));
}

/* Ports on both nodes: nothing crosses, however the CPUs are numbered. */
static void
test_each_its_own(void **state)
{
	(void)state;
	CHECK("0011", "01 23", "00", alone(0, 2), alone(1, 2));
	CHECK("1010", "13 02", "00", alone(0, 2), alone(1, 2));
	CHECK("0101", "0202 1313", "00", alone(0, 4), alone(1, 4));
	/* Each node's workers in turn, also over several ports. */
	CHECK("0011", "0 2 1 3", "0000", alone(0, 1), alone(1, 1), alone(0, 1), alone(1, 1));
	CHECK("00011", "0 3 12 4", "0000", alone(0, 1), alone(1, 1), alone(0, 2), alone(1, 1));
}

/* A node without ports would have nothing to do: its workers come after those of the device's. */
static void
test_spare(void **state)
{
	(void)state;
	CHECK("0011", "23", "0", alone(1, 2));
	CHECK("0011", "230", "1", alone(1, 3));
	CHECK("0011", "2301", "2", alone(1, 4));
	CHECK("1100", "2301", "2", alone(0, 4));
	/* Node 2 alone has no port. */
	CHECK("001122", "0145 2345", "22", alone(0, 4), alone(1, 4));
	CHECK("0012", "0130 2323", "12", alone(0, 4), alone(1, 4));
}

static void
test_no_worker_there(void **state)
{
	(void)state;
	CHECK("00", "01", "2", alone(1, 2));
	CHECK("00", "01 01", "02", alone(0, 2), alone(1, 2));
	CHECK("0000", "01 23", "02", alone(0, 2), alone(1, 2));
	CHECK("0", "0 0", "01", alone(0, 1), alone(1, 1));
	/* All nodes have ports, so none is spare. */
	CHECK("01", "0 1 0", "001", alone(0, 1), alone(1, 1), alone(2, 1));
}

static void
test_more_workers_than_queues(void **state)
{
	(void)state;
	CHECK("00001111", "45", "0", alone(1, 2));
	CHECK("00001111", "4 5 67", "000", alone(1, 1), alone(1, 1), alone(1, 2));
	/* Whoever has had fewer is first: a port of no known node does not begin at the first again. */
	CHECK("00001111", "45 0123", "00", alone(1, 2), alone(ANY, 4));
}

static void
test_unknown(void **state)
{
	(void)state;
	CHECK("0011", "0123", "0", alone(ANY, 4));
	CHECK("0011", "01 23", "00", alone(0, 2), alone(ANY, 2));
	CHECK("0011", "0123 23", "00", alone(ANY, 4), alone(1, 2));
	/* A worker of no known node may be anywhere. */
	CHECK("?011", "01 23", "00", alone(0, 2), alone(1, 2));
	CHECK("?1", "0", "0", alone(0, 1));
	CHECK("??", "01", "0", alone(3, 2));
}

static void
test_bridge(void **state)
{
	struct placement_port same[] = { alone(1, 2), alone(1, 2) };
	struct placement_port apart[] = { alone(0, 2), alone(1, 2) };
	struct placement_port back[] = { alone(0, 2), alone(1, 2) };
	struct placement_port half[] = { alone(ANY, 2), alone(1, 2) };
	struct placement_port more[] = { alone(0, 2), alone(1, 2), alone(0, 2), alone(1, 1) };

	(void)state;
	join(same, 0, 1);
	check("0011", same, 2, "23 23", "00");
	/* The clients' port is the first, then the second. */
	join(apart, 0, 1);
	check("0011", apart, 2, "01 01", "02");
	join(back, 1, 0);
	check("0011", back, 2, "23 23", "20");
	/* Of the clients' port nobody knows the node. */
	join(half, 0, 1);
	check("0011", half, 2, "23 23", "00");
	/* A pair is dealt out once. */
	join(more, 0, 2);
	check("0011", more, 4, "01 23 01 2", "0000");
}

static void
test_common(void **state)
{
	const int same[] = { 1, 1, 1 }, apart[] = { 0, 1 }, partly[] = { 1, ANY, 1 };

	(void)state;
	assert_int_equal(placement_common(same, 3), 1);
	assert_int_equal(placement_common(same, 1), 1);
	assert_int_equal(placement_common(apart, 2), ANY);
	assert_int_equal(placement_common(partly, 3), ANY);
	assert_int_equal(placement_common(same, 0), ANY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_node),
		cmocka_unit_test(test_each_its_own),
		cmocka_unit_test(test_spare),
		cmocka_unit_test(test_no_worker_there),
		cmocka_unit_test(test_more_workers_than_queues),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_bridge),
		cmocka_unit_test(test_common),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
