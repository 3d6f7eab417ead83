/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "guard_page.h"
#include "net/sum.h"
#include "unit.h"

#define LEN_MAX 65535u /* of a UDP datagram; the first byte that cannot be read follows */

typedef uint64_t sum_function(const uint8_t *p, size_t len, uint64_t sum);

static uint8_t bytes[LEN_MAX];

/* RFC 1071 by the letter, on 16-bit words in memory order. */
static uint16_t
reference(const uint8_t *p, size_t len, uint64_t sum)
{
	uint64_t total = sum;

	for (size_t i = 0; i < len; i++)
		total += (uint64_t)p[i] << (8 * (i % 2));
	while (total > 0xffff)
		total = (total & 0xffff) + (total >> 16);
	return (uint16_t)~total;
}

static void
check(sum_function *sum, size_t len, uint64_t before)
{
	const uint8_t *p = guard_page_place(bytes, len);

	assert_int_equal(hg_net_sum_fold(sum(p, len, before)), reference(p, len, before));
}

static void
check_all(sum_function *sum)
{
	static const size_t large[] = { 1480, 1481, 8972, 65504, 65534, 65535 };

	srand(7);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)rand();
	for (size_t len = 0; len <= 600; len++)
		check(sum, len, len * 0x10001);
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++)
		check(sum, large[i], 1);

	/* Every carry that there can be, and none. */
	for (unsigned int fill = 0; fill <= 0xff; fill += 0xff) {
		memset(bytes, (int)fill, sizeof(bytes));
		for (size_t len = 0; len <= 600; len++)
			check(sum, len, 0);
		for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++)
			check(sum, large[i], UINT32_MAX);
	}
}

static void
test_portable(void **state)
{
	(void)state;
	check_all(hg_net_sum_portable);
}

#ifdef __x86_64__
static void
test_avx512(void **state)
{
	(void)state;
	check_all(hg_net_sum_avx512);
}
#endif

/* What is used. */
static void
test_chosen(void **state)
{
	(void)state;
	check_all(hg_net_sum);
}

/* The sums that 32 bits, and then 16, have no room for. */
static void
test_fold(void **state)
{
	static const uint64_t sums[] = { 0, 1, 0xffff, 0x10000, 0x1fffe, 0xffffffff, 0x100000000,
		0xffff0000ffff, 0xfffffffffffe, 0xffffffff00000000, 0xfffffffeffffffff };

	(void)state;
	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++)
		assert_int_equal(hg_net_sum_fold(sums[i]), reference(NULL, 0, sums[i]));
}

int
main(void)
{
	struct CMUnitTest tests[4] = {
		cmocka_unit_test(test_portable),
		cmocka_unit_test(test_chosen),
		cmocka_unit_test(test_fold),
	};
	size_t n = 3;

#ifdef __x86_64__
	if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("bmi2"))
		tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_avx512);
#endif
	return _cmocka_run_group_tests("sum", tests, n, guard_page_open, guard_page_close);
}
