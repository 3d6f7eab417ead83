/* SPDX-License-Identifier: BSD-3-Clause */
/* Checksums that a neighbour on the same host has left out are filled in, and no others. */
#include <string.h>

#include "frames.h"
#include "gateway/partial.h"
#include "unit.h"

#define PAYLOAD 33u

static uint8_t payload[PAYLOAD];

/* A frame in one buffer, or from cut on in another one. */
struct chain {
	struct rte_mbuf mbuf[2];
	uint8_t rest[FRAME_MAX];
};

static struct rte_mbuf *
chain(struct chain *chain, struct frame *frame, size_t cut)
{
	memset(chain, 0, sizeof(*chain));
	memcpy(chain->rest, frame->bytes + cut, frame->len - cut);
	chain->mbuf[0] = (struct rte_mbuf){ .buf_addr = frame->bytes,
		.data_len = (uint16_t)cut,
		.pkt_len = (uint32_t)frame->len,
		.nb_segs = cut < frame->len ? 2 : 1,
		.next = cut < frame->len ? &chain->mbuf[1] : NULL };
	chain->mbuf[1] = (struct rte_mbuf){
		.buf_addr = chain->rest, .data_len = (uint16_t)(frame->len - cut), .nb_segs = 1
	};
	return &chain->mbuf[0];
}

static void
test_filled(void **state)
{
	struct frame frame, whole;
	struct chain buffers;

	(void)state;
	for (unsigned int i = 0; i < PAYLOAD; i++)
		payload[i] = (uint8_t)(i * 37);
	for (unsigned int tags = 0; tags <= 4; tags++)
		for (uint8_t family = 4; family <= 6; family += 2) {
			frame_udp(&whole, family, tags % 4, payload, PAYLOAD);
			for (size_t cut = whole.l4 + 8; cut <= whole.len; cut++) {
				frame = whole;
				frame_put16(frame.bytes + frame.l4 + 6, frame_pseudo_sum(&frame));
				assert_true(partial_fill(chain(&buffers, &frame, cut)));
				assert_memory_equal(frame.bytes, whole.bytes, cut);
				assert_false(partial_fill(&buffers.mbuf[0]));
			}
		}
}

/* Not of a frame that has its sum, right or wrong, nor of one that the sum's place is cut off. */
static void
test_left_alone(void **state)
{
	struct frame frame, before;
	struct chain buffers;

	(void)state;
	for (uint8_t family = 4; family <= 6; family += 2) {
		frame_udp(&frame, family, 0, payload, PAYLOAD);
		assert_false(partial_fill(chain(&buffers, &frame, frame.len)));
		frame.bytes[frame.l4 + 6] ^= 1;
		before = frame;
		assert_false(partial_fill(chain(&buffers, &frame, frame.len)));
		assert_memory_equal(frame.bytes, before.bytes, frame.len);
		frame_put16(frame.bytes + frame.l4 + 6, frame_pseudo_sum(&frame));
		assert_false(partial_fill(chain(&buffers, &frame, frame.l4 + 7)));
		frame_arp(&frame, 0);
		assert_false(partial_fill(chain(&buffers, &frame, frame.len)));
	}
}

/* RFC 768: a sum of zero is sent as all ones, for zero says that there is none. */
static void
test_zero(void **state)
{
	uint8_t bytes[4] = { 0 };
	struct chain buffers;
	struct frame frame;
	uint16_t sum;

	(void)state;
	frame_udp(&frame, 4, 0, bytes, sizeof(bytes));
	/* What was the sum is part of the payload, so that it becomes zero. */
	sum = (uint16_t)(frame.bytes[frame.l4 + 6] << 8 | frame.bytes[frame.l4 + 7]);
	frame_put16(bytes, sum);
	frame_udp(&frame, 4, 0, bytes, sizeof(bytes));
	assert_int_equal(frame.bytes[frame.l4 + 6] << 8 | frame.bytes[frame.l4 + 7], 0xffff);
	frame_put16(frame.bytes + frame.l4 + 6, frame_pseudo_sum(&frame));
	assert_true(partial_fill(chain(&buffers, &frame, frame.len)));
	assert_int_equal(frame.bytes[frame.l4 + 6] << 8 | frame.bytes[frame.l4 + 7], 0xffff);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filled),
		cmocka_unit_test(test_left_alone),
		cmocka_unit_test(test_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
