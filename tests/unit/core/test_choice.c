/* SPDX-License-Identifier: BSD-3-Clause */
/* Which upstream a client has: even shares, few moves, the same on every gateway. */
#include <stdio.h>

#include "core/choice.h"
#include "core/listener.h"
#include "core/upstream.h"
#include "gateway/gateway.h"
#include "unit.h"

#define CLIENTS 20000u
#define MAX CONFIG_UPSTREAMS_MAX
#define SECOND UINT64_C(1000000000)

static struct gateway gateway = { .config_lock = PTHREAD_MUTEX_INITIALIZER };

/* Clients as there are: neighbours in one network, or prefixes that differ in few bits. */
static uint64_t
client(unsigned int kind, unsigned int number)
{
	switch (kind) {
	case 0: /* 10.0.0.0/8, as clients_id() has it */
		return UINT64_C(0xffffffff00000000) | 0x0a000000u | number;
	case 1: /* one host in each /24 */
		return UINT64_C(0xffffffff00000000) | (0x0a000001u + (number << 8));
	default: /* 2001:db8::/32, one /64 in each /48 */
		return UINT64_C(0x20010db800000000) | (uint64_t)number << 16;
	}
}

/* n of them, of IPv4 and IPv6, on one host and on several; backwards if step is -1. */
static struct listener
upstreams(unsigned int n, int step)
{
	struct listener listener = { .n_upstreams = n, .health.retry = SECOND };
	struct address address;
	char text[64];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "%s%u%s:%u",
			i % 2 == 0 ? "10.1.0." : "[2001:db8::", 1 + i % 4, i % 2 == 0 ? "" : "]",
			5683 + i / 4);
		assert_int_equal(address_parse_port(&address, text), 0);
		listener.upstream[step > 0 ? i : n - 1 - i] = upstream_hold(&gateway, &address);
	}
	return listener;
}

static void
release(struct listener *listener)
{
	while (listener->n_upstreams > 0)
		upstream_release(&gateway, listener->upstream[--listener->n_upstreams]);
}

static void
test_shares_are_even(void **state)
{
	(void)state;
	for (unsigned int kind = 0; kind < 3; kind++)
		for (unsigned int n = 1; n <= MAX; n++) {
			struct listener listener = upstreams(n, 1);
			unsigned int share[MAX] = { 0 };

			for (unsigned int c = 0; c < CLIENTS; c++) {
				struct upstream *upstream =
					upstream_choose(&listener, client(kind, c), 0);

				for (unsigned int i = 0; i < n; i++)
					share[i] += listener.upstream[i] == upstream;
			}
			/* Of a fair choice, the standard deviation is below 3 % of the share. */
			for (unsigned int i = 0; i < n; i++)
				assert_uint_in_range(
					share[i] * n, CLIENTS * 9 / 10, CLIENTS * 11 / 10);
			release(&listener);
		}
	assert_null(gateway.upstreams);
}

static void
test_one_that_goes_moves_only_its_own(void **state)
{
	struct listener listener = upstreams(8, 1);
	unsigned int moved[8] = { 0 };
	struct upstream *before[CLIENTS];

	(void)state;
	for (unsigned int c = 0; c < CLIENTS; c++)
		before[c] = upstream_choose(&listener, client(0, c), 0);
	for (unsigned int gone = 0; gone < 8; gone++) {
		struct upstream *dead = listener.upstream[gone];
		struct listener without = listener;

		health_fail(&dead->health, &listener.health, HEALTH_REFUSED, 1);
		without.upstream[gone] = without.upstream[--without.n_upstreams];
		for (unsigned int c = 0; c < CLIENTS; c++) {
			struct upstream *now = upstream_choose(&listener, client(0, c), 2);

			assert_ptr_equal(upstream_prefer(&listener, client(0, c)), before[c]);
			/* Down or not in the list comes to the same. */
			assert_ptr_equal(now, upstream_choose(&without, client(0, c), 2));
			if (before[c] != dead)
				assert_ptr_equal(now, before[c]);
			else
				for (unsigned int i = 0; i < 8; i++)
					moved[i] += listener.upstream[i] == now;
		}
		health_heard(&dead->health, 3);
		for (unsigned int c = 0; c < CLIENTS; c++)
			assert_ptr_equal(upstream_choose(&listener, client(0, c), 4), before[c]);
	}
	/* And those are spread over the others. */
	for (unsigned int i = 0; i < 8; i++)
		assert_uint_in_range(moved[i], CLIENTS / 8 * 9 / 10, CLIENTS / 8 * 11 / 10);
	release(&listener);
}

static void
test_all_down(void **state)
{
	struct listener listener = upstreams(3, 1);

	(void)state;
	for (unsigned int i = 0; i < 3; i++)
		health_fail(
			&listener.upstream[i]->health, &listener.health, HEALTH_REFUSED, SECOND);
	for (unsigned int c = 0; c < 100; c++)
		assert_null(upstream_choose(&listener, client(0, c), SECOND + 1));
	/* Then each is tried by one client. */
	for (unsigned int c = 0; c < 3; c++)
		assert_non_null(upstream_choose(&listener, client(0, c), 2 * SECOND + 1));
	assert_null(upstream_choose(&listener, client(0, 3), 2 * SECOND + 1));
	release(&listener);
}

static void
test_order_does_not_count(void **state)
{
	struct listener forth = upstreams(MAX, 1), back = upstreams(MAX, -1);

	(void)state;
	for (unsigned int c = 0; c < CLIENTS; c++)
		assert_ptr_equal(upstream_choose(&forth, client(2, c), 0),
			upstream_choose(&back, client(2, c), 0));
	release(&forth);
	assert_ptr_equal(
		upstream_prefer(&back, client(0, 0)), upstream_choose(&back, client(0, 0), 0));
	release(&back);
	assert_null(gateway.upstreams);
}

/* Gateways of other versions have to agree: these never change. */
static void
test_weights_are_what_they_were(void **state)
{
	struct address v4, v6;

	(void)state;
	assert_int_equal(address_parse_port(&v4, "192.0.2.10:5683"), 0);
	assert_int_equal(address_parse_port(&v6, "[2001:db8::a]:5683"), 0);
	assert_int_equal(choice_upstream(&v4), UINT64_C(0xea8bc214c44b190a));
	assert_int_equal(choice_upstream(&v6), UINT64_C(0x3447a49f6872c457));
	assert_int_equal(
		choice_weight(client(0, 1), choice_upstream(&v4)), UINT64_C(0xe6cf61c532c3fae4));
	assert_int_equal(
		choice_weight(client(2, 1), choice_upstream(&v6)), UINT64_C(0x9dc66419b999a5f9));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares_are_even),
		cmocka_unit_test(test_one_that_goes_moves_only_its_own),
		cmocka_unit_test(test_all_down),
		cmocka_unit_test(test_order_does_not_count),
		cmocka_unit_test(test_weights_are_what_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
