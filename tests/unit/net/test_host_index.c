/* SPDX-License-Identifier: BSD-3-Clause */
/* The index of a port's addresses says what a walk through them says. */
#include <stdlib.h>
#include <string.h>

#include "net/host.h"
#include "unit.h"

static struct hg_net_host walked, indexed;
static uint64_t state = 88172645463325252u;

static uint32_t
next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

/* Subnets of every size, so that networks and broadcasts of one are addresses of another. */
static void
fill(unsigned int n_ipv4, unsigned int n_ipv6)
{
	memset(&walked, 0, sizeof(walked));
	for (unsigned int i = 0; i < n_ipv4; i++) {
		uint32_t mask = next() % 4 == 0 ? 0 : (UINT32_C(1) << next() % 9) - 1;
		uint8_t last = (uint8_t)next();

		memcpy(walked.ipv4[i].address, (uint8_t[]){ 198, 18, 0, last }, 4);
		memcpy(walked.ipv4[i].network, (uint8_t[]){ 198, 18, 0, last & (uint8_t)~mask }, 4);
		memcpy(walked.ipv4[i].broadcast, (uint8_t[]){ 198, 18, 0, last | (uint8_t)mask },
			4);
	}
	for (unsigned int i = 0; i < n_ipv6; i++) {
		const uint8_t address[16] = { 0x20, 0x01, 0, 2, [7] = (uint8_t)(next() % 2),
			[14] = (uint8_t)(next() % 2), [15] = (uint8_t)next() };

		memcpy(walked.ipv6[i], address, 16);
	}
	walked.n_ipv4 = (uint16_t)n_ipv4;
	walked.n_ipv6 = (uint16_t)n_ipv6;
	indexed = walked;
	hg_net_host_index(&indexed);
	assert_true(indexed.indexed);
}

static void
compare_ipv4(const uint8_t bytes[4])
{
	uint32_t address;

	memcpy(&address, bytes, sizeof(address));
	assert_int_equal(
		hg_net_host_is_ipv4(&indexed, address), hg_net_host_is_ipv4(&walked, address));
}

static void
compare_ipv6(const uint8_t bytes[16])
{
	assert_int_equal(
		hg_net_host_has_ipv6(&indexed, bytes), hg_net_host_has_ipv6(&walked, bytes));
}

static void
test_same_as_a_walk(void **unused)
{
	(void)unused;
	for (unsigned int n = 0; n <= HG_NET_ADDRS_MAX; n++)
		for (unsigned int round = 0; round < 10; round++) {
			fill(n, HG_NET_ADDRS_MAX - n);
			for (unsigned int last = 0; last < 256; last++)
				compare_ipv4((uint8_t[]){ 198, 18, 0, (uint8_t)last });
			for (unsigned int i = 0; i < 1024; i++)
				compare_ipv6((uint8_t[16]){ 0x20, 0x01, 0, 2, [7] = i >> 9 & 1,
					[14] = i >> 8 & 1, [15] = (uint8_t)i });
			for (unsigned int i = 0; i < 200; i++) {
				uint32_t words[4] = { next(), next(), next(), next() };

				compare_ipv4((const uint8_t *)words);
				compare_ipv6((const uint8_t *)words);
			}
			compare_ipv4((const uint8_t[4]){ 0 });
			compare_ipv6((const uint8_t[16]){ 0 });
		}
}

/* Made again, it has nothing of the addresses before. */
static void
test_again(void **unused)
{
	(void)unused;
	fill(HG_NET_ADDRS_MAX, HG_NET_ADDRS_MAX);
	indexed.n_ipv4 = indexed.n_ipv6 = 1;
	hg_net_host_index(&indexed);
	walked = indexed;
	walked.indexed = false;
	for (unsigned int i = 0; i < HG_NET_ADDRS_MAX; i++) {
		compare_ipv4(indexed.ipv4[i].address);
		compare_ipv4(indexed.ipv4[i].network);
		compare_ipv6(indexed.ipv6[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_as_a_walk),
		cmocka_unit_test(test_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
