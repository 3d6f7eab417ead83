/* SPDX-License-Identifier: BSD-3-Clause */
/* What is too long for a port is found, and moved behind what is not. */
#include <string.h>

#include "unit.h"
#include "worker/transmit.h"

static void
set_frame(struct rte_mbuf *mbuf, uint8_t frame[64], unsigned int tags, uint32_t len)
{
	memset(frame, 0, 64);
	for (unsigned int i = 0; i < tags; i++) {
		frame[12 + 4 * i] = i == 0 && tags > 1 ? 0x88 : 0x81;
		frame[13 + 4 * i] = i == 0 && tags > 1 ? 0xa8 : 0x00;
	}
	frame[12 + 4 * tags] = 0x08;
	*mbuf = (struct rte_mbuf){ .buf_addr = frame, .data_len = 64, .pkt_len = len };
}

static void
test_length(void **state)
{
	struct rte_mbuf mbuf;
	uint8_t frame[64];

	(void)state;
	for (unsigned int tags = 0; tags <= 2; tags++) {
		set_frame(&mbuf, frame, tags, 14 + 4 * tags + 1400);
		assert_false(transmit_is_long(&mbuf, 1400));
		mbuf.pkt_len++;
		assert_true(transmit_is_long(&mbuf, 1400));
	}
	/* A third tag is data, as it is to those who parse. */
	set_frame(&mbuf, frame, 3, 14 + 8 + 1400);
	assert_false(transmit_is_long(&mbuf, 1400));
	mbuf.pkt_len++;
	assert_true(transmit_is_long(&mbuf, 1400));
	/* Nothing is read behind the first piece of a frame in several. */
	set_frame(&mbuf, frame, 2, 14 + 8 + 1400);
	mbuf.data_len = 14;
	assert_true(transmit_is_long(&mbuf, 1400));
}

static void
test_order(void **state)
{
	struct rte_mbuf mbuf[6], *order[6];
	uint8_t frame[64];
	struct port port = { .mtu = 1000 };

	(void)state;
	for (unsigned int i = 0; i < 6; i++) {
		set_frame(&mbuf[i], frame, 0, i % 2 == 0 ? 1014 : 1015);
		order[i] = &mbuf[i];
	}
	assert_int_equal(transmit_fit(&port, order, 6), 3);
	for (unsigned int i = 0; i < 3; i++)
		assert_ptr_equal(order[i], &mbuf[2 * i]);
	port.mtu = 2000;
	assert_int_equal(transmit_fit(&port, order, 6), 6);
	port.mtu = 100;
	assert_int_equal(transmit_fit(&port, order, 6), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
