/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/hvr_cap.h"

#include <rte_jhash.h>

#include "base/bytes.h"

bool
hvr_cap_take(struct hvr_cap *cap, const struct pace *pace, const struct hg_net_packet *packet,
	uint64_t now)
{
	const uint8_t *source = hg_net_tuple(packet);
	uint32_t hash;
	uint64_t *due;

	if (packet->family == 4)
		hash = rte_jhash_1word(hg_load_be24(source), cap->seed);
	else
		hash = rte_jhash_2words(hg_load_be32(source), hg_load_be16(source + 4), cap->seed);
	due = &cap->due[hash % HVR_CAP_PLACES];
	if (!pace_ready(pace, *due, now))
		return false;
	*due = pace_take(pace, *due, now);
	return true;
}
