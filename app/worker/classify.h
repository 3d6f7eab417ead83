/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The first stage of the packet path: what is this frame? A pure function of the frame and of the
 * port's addresses and listeners; it changes nothing and knows no DPDK.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/verdict.h"
#include "net/packet.h"
#include "port/table.h"
#include "wire/hello.h"

enum classify_kind {
	CLASSIFY_HELLO,  /* a ClientHello for a listener; hello is filled */
	CLASSIFY_RECORD, /* another DTLS record for a listener */
	CLASSIFY_ARP,
	CLASSIFY_ICMP, /* ICMP or ICMPv6 */
};

struct classified {
	struct hg_net_packet packet;
	struct hg_hello hello;
	uint8_t kind; /* enum classify_kind */
	uint16_t listener;
};

/*
 * Returns HG_PASS with *ret filled, or the reason to drop the frame. flags as in hg_net_parse().
 */
enum hg_verdict classify(const struct port_table *table, uint8_t *frame, size_t len,
	unsigned int flags, struct classified *ret);

/*
 * Of a frame that classify() refused with that verdict: may it be for somebody else on the way, this
 * host's kernel for example? Not if it is damaged, for another MAC address, or a datagram to a
 * listener, in whatever form: who has no listener there would tell the sender so.
 */
bool classify_is_foreign(
	const struct port_table *table, const uint8_t *frame, size_t len, enum hg_verdict verdict);
