/* SPDX-License-Identifier: BSD-3-Clause */
#include "pcap_write.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAGIC_MICROSECONDS 0xa1b2c3d4u /* Pktgen-DPDK reads no other format */
#define LINK_ETHERNET 1u
#define US_PER_S 1000000u

static void
put_head(FILE *file)
{
	const uint32_t head[6] = { MAGIC_MICROSECONDS, 2 | 4 << 16, 0, 0, 65535, LINK_ETHERNET };

	fwrite(head, sizeof(head), 1, file);
}

static void
put_frame(FILE *file, const uint8_t *frame, uint32_t len, uint64_t us)
{
	const uint32_t head[4] = { (uint32_t)(us / US_PER_S), (uint32_t)(us % US_PER_S), len, len };

	fwrite(head, sizeof(head), 1, file);
	fwrite(frame, len, 1, file);
}

int
pcap_write(const char *path, const struct plan *plan, const struct source_part *part, uint64_t seed,
	uint64_t count, double rate, struct error *error)
{
	struct plan_turn turn = { 0 };
	FILE *file = fopen(path, "we");
	uint8_t frame[FRAME_BYTES_MAX];
	int failed;

	if (file == NULL)
		return error_set(error, "--write-pcap: %s: %s", path, strerror(errno));
	put_head(file);
	for (uint64_t n = 0; n < count && !ferror(file); n++) {
		uint64_t us = rate > 0 ? (uint64_t)((double)n / rate * US_PER_S) : 0;
		enum plan_mode mode = plan_next(plan, &turn);
		const struct blueprint *blueprint;
		struct source source;
		uint64_t random[4];
		unsigned int datagrams;
		uint8_t t;

		datagrams = plan_datagrams(plan, mode, turn.sent[mode]++, &blueprint, &t);
		source_get(part, n, &source);
		frame_random(seed, n, random);
		for (unsigned int i = 0; i < datagrams; i++) {
			frame_write(
				&blueprint[i], &source, random, plan_number(plan, n) + i, frame);
			put_frame(file, frame, blueprint[i].len, us);
		}
	}
	failed = ferror(file);
	if (fclose(file) != 0 || failed)
		return error_set(error, "--write-pcap: %s: cannot be written", path);
	return 0;
}
