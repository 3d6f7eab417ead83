/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A loose limit for HelloVerifyRequests to one network, an IPv4 /24 or an IPv6 /48, so that a worker is
 * of little use to whoever floods a network by way of others. Before the cookie nobody has proved
 * anything: the limit can be used up by spoofed packets, so it is off unless it is asked for.
 *
 * A worker has a table of buckets for itself. A keyed hash says which is that of a network. Networks
 * whose hashes agree share one; nothing is ever full, and nothing is forgotten.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/pace.h"
#include "net/packet.h"

#define HVR_CAP_PLACES 65536u
#define HVR_CAP_SIZE (HVR_CAP_PLACES * sizeof(uint64_t)) /* bytes */

struct hvr_cap {
	uint64_t *due; /* HVR_CAP_PLACES of them: when each bucket is full again */
	uint32_t seed;
};

/* May the sender of a hello be answered? Takes a token if so; now in TSC cycles. */
bool hvr_cap_take(struct hvr_cap *cap, const struct pace *pace, const struct hg_net_packet *packet,
	uint64_t now);
