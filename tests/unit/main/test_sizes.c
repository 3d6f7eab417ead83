/* SPDX-License-Identifier: BSD-3-Clause */
/* What configurations need of a host about which nothing is known. */
#include "config_texts.h"
#include "host/host.h"
#include "main/sizes.h"
#include "unit.h"

#define MB (1024u * 1024u)

static const struct config_text plain = { .gateway = "workers = 1\n" };

/* The needs, and MB of DPDK's memory in all. */
static unsigned int
find_needs(const struct config_text *text, bool huge, struct host_needs *ret_needs)
{
	static char option[] = "--no-huge", *arg[] = { option };
	struct config *config = config_load_sections(text);
	struct host host = { .view = { .root = "/nowhere" },
		.config = config,
		.args = { .n = huge ? 0 : 1, .arg = arg } };
	uint64_t bytes;

	host_find(&host);
	sizes_needs(&host, ret_needs);
	bytes = ret_needs->cores + ret_needs->other;
	bytes += config->gateway.handshake_cores * ret_needs->core;
	for (unsigned int i = 0; i < host.n_workers; i++)
		bytes += ret_needs->worker[i];
	config_free(config);
	return (unsigned int)((bytes + MB - 1) / MB);
}

static unsigned int
needed(const struct config_text *text)
{
	struct host_needs needs;

	return find_needs(text, true, &needs);
}

/* What is configured counts, with the sizes that setting up has: e2e config starts with that much. */
static void
test_memory(void **state)
{
	const struct config_text sessions = { .gateway = "workers = 1\nmax-sessions = 1048576\n" };
	const struct config_text hellos = { .gateway = "workers = 1\nused-hellos = 4194304\n" };
	const struct config_text tap = { .gateway = "workers = 1\n",
		.port = CONFIG_PORT "exception = tap:hg0\n" };
	const struct config_text workers = { .gateway = "workers = 2\nhandshake-cores = 2\n" };
#define BRIDGE(settings, lines)                                                                \
	{                                                                                      \
		.gateway = "workers = 1\nbridge = wan, lan\n" settings,                        \
		.port = "device = net_null0\n" lines "[port lan]\ndevice = net_null1\n" lines, \
		.listener = "mode = guard\nbind = 198.18.0.1:5684\n"                           \
	}
	const struct config_text bridge = BRIDGE("", ""), jumbo = BRIDGE("", "mtu = 9000\n"),
				 guards = BRIDGE("guard-table = 8388608\n", "");
	struct host_needs needs;
	unsigned int one, pair;

	(void)state;
	one = needed(&plain);
	pair = needed(&bridge);
	assert_uint_in_range(one, 20, 60);
	assert_uint_in_range(pair, 20, 60);
	assert_uint_in_range(needed(&workers), 2 * one - 10, 3 * one);
	assert_uint_in_range(needed(&sessions), one + 125, one + 165);
	assert_uint_in_range(needed(&hellos), one + 29, one + 32);
	assert_uint_in_range(needed(&tap), one + 4, one + 40);
	assert_uint_in_range(needed(&guards), pair + 62, pair + 65);
	/* 4095 buffers of 9 KB in place of 2 KB. */
	assert_uint_in_range(needed(&jumbo), pair + 25, pair + 32);
	/* None of them crosses a page of 4 KB. */
	assert_uint_in_range(find_needs(&plain, false, &needs), one + 8, one + 30);
}

/* Of a core are the tables of its clients, of all together is that of the sessions; other is nobody's. */
static void
test_parts(void **state)
{
	const struct config_text pair = { .gateway = "workers = 2\nhandshake-cores = 2\n" };
	const struct config_text many = {
		.gateway = "workers = 2\nhandshake-cores = 2\nmax-sessions = 1048576\n"
	};
	struct host_needs few, more;

	(void)state;
	find_needs(&pair, true, &few);
	assert_true(few.worker[0] > 0 && few.worker[0] == few.worker[1]);
	assert_int_equal(few.worker[2], 0);
	assert_uint_in_range(few.other, 4 * MB, 8 * MB);
	find_needs(&many, true, &more);
	assert_int_equal(more.worker[0], few.worker[0]);
	assert_int_equal(more.other, few.other);
	assert_uint_in_range(more.cores, few.cores + 100 * MB, few.cores + 165 * MB);
}

/* A socket for each session, and some. */
static void
test_files(void **state)
{
	const struct config_text few = { .gateway = "workers = 1\nmax-sessions = 64\n" };
	struct host_needs needs;

	(void)state;
	find_needs(&plain, true, &needs);
	assert_int_equal(needs.files, 65536 + 256);
	find_needs(&few, true, &needs);
	assert_int_equal(needs.files, 64 + 256);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, config_texts_open, config_texts_close);
}
