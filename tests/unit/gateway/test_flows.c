/* SPDX-License-Identifier: BSD-3-Clause */
/* What is known of sessions outside the cores: keys, owners, and the data of an entry. */
#include <string.h>

#include "gateway/flows.h"
#include "unit.h"

static void
test_key(void **state)
{
	uint8_t ip[44];
	struct hg_net_packet packet = { .l3 = ip, .family = 4 };
	struct flow_key four, six;

	(void)state;
	for (unsigned int i = 0; i < sizeof(ip); i++)
		ip[i] = (uint8_t)(i + 1);
	memset(&four, 0xee, sizeof(four));
	flow_key_fill(&four, &packet);
	assert_memory_equal(four.tuple, ip + 12, 12);
	for (unsigned int i = 12; i < sizeof(four.tuple); i++)
		assert_int_equal(four.tuple[i], 0);
	assert_int_equal(four.family, 4);
	packet.family = 6;
	memset(&six, 0xee, sizeof(six));
	flow_key_fill(&six, &packet);
	assert_memory_equal(six.tuple, ip + 8, 36);
	assert_memory_equal(six.zero, "\0\0\0", 3);
	assert_memory_not_equal(&four, &six, sizeof(four));
}

static void
test_owner(void **state)
{
	(void)state;
	for (unsigned int n = 1; n <= 128; n++) {
		unsigned int before = 0, seen = 0;

		for (uint64_t hash = 0; hash <= UINT32_MAX; hash += 65535) {
			unsigned int owner = flow_owner((hash_sig_t)hash, n);

			assert_true(owner < n);
			seen += hash == 0 || owner != before;
			before = owner;
		}
		assert_int_equal(seen, n); /* each of them owns something */
		assert_int_equal(flow_owner(0, n), 0);
		assert_int_equal(flow_owner(UINT32_MAX, n), n - 1);
	}
}

/* The bit is the data's alone: it changes nothing about where the session is. */
static void
test_data(void **state)
{
	uint64_t session[2];

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		void *half_open = flow_data(&session[i], false);
		void *established = flow_data(&session[i], true);

		assert_false(flow_is_established(half_open));
		assert_true(flow_is_established(established));
		assert_ptr_not_equal(half_open, established);
		assert_ptr_equal(flow_session(half_open), &session[i]);
		assert_ptr_equal(flow_session(established), &session[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
