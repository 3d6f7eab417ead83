/* SPDX-License-Identifier: BSD-3-Clause */
/* What becomes of frames on their way to a device: too long for its port, or the port out of service. */
#include <string.h>

#include "gateway/rings.h"
#include "gateway/stats.h"
#include "port/port.h"
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

/* Frames as others have them, too: so they go back to no pool. */
struct kept {
	struct rte_mbuf mbuf;
	struct note note;
};

static void
set_kept(struct kept *kept, uint8_t frame[64], uint16_t queue, uint32_t len)
{
	set_frame(&kept->mbuf, frame, 0, len);
	kept->mbuf.nb_segs = 1;
	rte_mbuf_refcnt_set(&kept->mbuf, 2);
	kept->note = (struct note){ .family = 6, .queue = queue, .l3 = 14 };
}

struct told {
	_Atomic uint64_t sent, full, refused, too_long, down;
};

static struct transmit_counters
counters_of(struct told *told)
{
	return (struct transmit_counters){ &told->sent, &told->full, &told->refused,
		&told->too_long, &told->down };
}

static void
assert_all_down(const struct told *told, unsigned int n)
{
	assert_int_equal(stats_get(&told->down), n);
	assert_int_equal(stats_get(&told->sent) + stats_get(&told->full) +
				 stats_get(&told->refused) + stats_get(&told->too_long),
		0);
}

static void
test_port_that_does_not_serve(void **state)
{
	struct port port = { .mtu = 1500, .state = PORT_ABSENT };
	struct queue queue = { .port = &port };
	struct rte_mbuf *mbuf[3];
	struct kept kept[3];
	struct told told = { 0 };
	struct transmit_counters counters = counters_of(&told);
	uint8_t frame[64];

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		set_kept(&kept[i], frame, 0, 100 + i);
		mbuf[i] = &kept[i].mbuf;
	}
	assert_int_equal(transmit(&queue, mbuf, 3, false, &counters), 100 + 101 + 102);
	assert_all_down(&told, 3);
	assert_int_equal(stats_get(&queue.sent) + stats_get(&queue.full), 0);
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(rte_mbuf_refcnt_read(&kept[i].mbuf), 1);
}

/* Each by the queue of its note, whoever comes before and behind it; a device that sums is asked to. */
static void
test_runs(void **state)
{
	static const uint16_t by[] = { 0, 0, 1, 0, 1, 1, 1 };
	struct port port[2] = { { .state = PORT_ABSENT },
		{ .state = PORT_PAUSES, .device_sums = true } };
	struct queue queue[2] = { { .port = &port[0] }, { .port = &port[1] } };
	struct gateway gateway = { .queue = queue, .n_queues = 2 };
	struct rte_mbuf *mbuf[7];
	struct kept kept[7];
	uint8_t frame[64];

	(void)state;
	for (unsigned int n = 0; n <= 7; n++)
		for (unsigned int sums = 0; sums < 2; sums++) {
			struct told told = { 0 };
			struct transmit_counters counters = counters_of(&told);

			for (unsigned int i = 0; i < 7; i++) {
				set_kept(&kept[i], frame, by[i], 100);
				mbuf[i] = &kept[i].mbuf;
			}
			transmit_runs(&gateway, mbuf, n, sums != 0, &counters);
			assert_all_down(&told, n);
			for (unsigned int i = 0; i < 7; i++) {
				bool asked = i < n && sums != 0 && by[i] == 1;

				assert_int_equal(
					rte_mbuf_refcnt_read(&kept[i].mbuf), i < n ? 1 : 2);
				assert_int_equal(kept[i].mbuf.ol_flags,
					asked ? RTE_MBUF_F_TX_UDP_CKSUM | RTE_MBUF_F_TX_IPV6 : 0);
			}
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_port_that_does_not_serve),
		cmocka_unit_test(test_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
