/* SPDX-License-Identifier: BSD-3-Clause */
/* The limit for HelloVerifyRequests to one network. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "unit.h"
#include "worker/hvr_cap.h"

#define HZ 1000000u
#define NOW UINT64_C(987654321987)

static struct pace pace;

static struct hvr_cap
make(uint32_t rate)
{
	struct hvr_cap cap = { .due = calloc(HVR_CAP_PLACES, sizeof(*cap.due)), .seed = 4711 };

	assert_non_null(cap.due);
	pace_init(&pace, HZ, rate, rate);
	return cap;
}

/* How many of n hellos of that IPv4 address are answered? */
static unsigned int
ask_ipv4(struct hvr_cap *cap, uint32_t source, unsigned int n, uint64_t now)
{
	uint8_t ip[28] = { 0 };
	struct hg_net_packet packet = { .l3 = ip, .family = 4 };
	unsigned int answered = 0;

	hg_store_be16(ip + 12, (uint16_t)(source >> 16));
	hg_store_be16(ip + 14, (uint16_t)source);
	for (unsigned int i = 0; i < n; i++)
		answered += hvr_cap_take(cap, &pace, &packet, now);
	return answered;
}

static unsigned int
ask_ipv6(struct hvr_cap *cap, const uint8_t source[16], unsigned int n, uint64_t now)
{
	uint8_t ip[48] = { 0 };
	struct hg_net_packet packet = { .l3 = ip, .family = 6 };
	unsigned int answered = 0;

	memcpy(ip + 8, source, 16);
	for (unsigned int i = 0; i < n; i++)
		answered += hvr_cap_take(cap, &pace, &packet, now);
	return answered;
}

static void
test_edge(void **state)
{
	struct hvr_cap cap = make(10);

	(void)state;
	assert_int_equal(ask_ipv4(&cap, 0xc6120001, 10, NOW), 10);
	assert_int_equal(ask_ipv4(&cap, 0xc6120001, 10, NOW), 0);
	assert_int_equal(ask_ipv4(&cap, 0xc6120001, 10, NOW + HZ / 10 - 1), 0);
	assert_int_equal(ask_ipv4(&cap, 0xc6120001, 10, NOW + HZ / 10), 1);
	assert_int_equal(ask_ipv4(&cap, 0xc6120001, 20, NOW + 10 * HZ), 10);
	free(cap.due);
}

static void
test_networks(void **state)
{
	struct hvr_cap cap = make(10);
	uint8_t source[16] = { 0x20, 0x01, 0x0d, 0xb8, 0x12, 0x34, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };

	(void)state;
	assert_int_equal(ask_ipv4(&cap, 0xc6120001, 4, NOW), 4);
	assert_int_equal(ask_ipv4(&cap, 0xc61200ff, 10, NOW), 6); /* of the same /24 */
	for (unsigned int bit = 8; bit < 32; bit++)
		assert_int_equal(ask_ipv4(&cap, 0xc6120001 ^ 1u << bit, 20, NOW), 10);
	assert_int_equal(ask_ipv6(&cap, source, 4, NOW), 4);
	for (unsigned int bit = 127; bit < 128; bit--) {
		uint8_t other[16];

		memcpy(other, source, 16);
		other[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		assert_int_equal(
			ask_ipv6(&cap, other, 20, NOW), bit >= 48 ? bit == 127 ? 6 : 0 : 10);
	}
	free(cap.due);
}

/* Many networks find many buckets, and which ones depends on the seed. */
static void
test_spread(void **state)
{
	struct hvr_cap one = make(1), two = make(1);
	unsigned int answered = 0, same = 0;

	(void)state;
	two.seed++;
	for (uint32_t net = 0; net < HVR_CAP_PLACES; net++)
		answered += ask_ipv4(&one, net << 8, 1, NOW);
	assert_uint_in_range(
		answered, HVR_CAP_PLACES * 6 / 10, HVR_CAP_PLACES * 7 / 10); /* 1 - 1/e */
	memset(one.due, 0, HVR_CAP_PLACES * sizeof(*one.due));
	for (uint32_t net = 0; net < 100; net++) {
		ask_ipv4(&one, net << 8, 1, NOW);
		ask_ipv4(&two, net << 8, 1, NOW);
	}
	for (unsigned int i = 0; i < HVR_CAP_PLACES; i++)
		same += one.due[i] != 0 && two.due[i] != 0;
	assert_true(same < 10);
	free(one.due);
	free(two.due);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edge),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
