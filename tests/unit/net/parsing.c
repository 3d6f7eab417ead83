/* SPDX-License-Identifier: BSD-3-Clause */
#include "guard_page.h"
#include "parsing.h"
#include "unit.h"

const uint8_t parsing_families[2] = { 4, 6 };

uint8_t *
parsing_place(const struct frame *frame, size_t len)
{
	return guard_page_place(frame->bytes, len);
}

enum hg_verdict
parsing_run(
	const struct frame *frame, size_t len, unsigned int checked, struct hg_net_packet *packet)
{
	uint8_t *bytes = parsing_place(frame, len);
	enum hg_verdict verdict = hg_net_parse(bytes, len, &frame_host, checked, packet);

	assert_memory_equal(bytes, frame->bytes, len);
	return verdict;
}

enum hg_verdict
parsing_verdict(const struct frame *frame)
{
	struct hg_net_packet packet;

	return parsing_run(frame, frame->len, 0, &packet);
}

void
parsing_fill(uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 151 + 3);
}

void
parsing_build(struct frame *frame, uint8_t family)
{
	uint8_t payload[61];

	parsing_fill(payload, sizeof(payload));
	frame_udp(frame, family, 0, payload, sizeof(payload));
}
