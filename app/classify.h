/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The first stage of the fast path: what is this frame? A pure function of the frame and of the
 * port's addresses and listeners; it changes nothing and knows no DPDK.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/verdict.h"
#include "net/host.h"
#include "net/packet.h"
#include "wire/hello.h"

#define CLASSIFY_BINDS_MAX 1024u

/* What one port listens on. Immutable once workers read it. */
struct classify_table {
	struct hg_net_host host;
	uint64_t denied_low; /* source ports 0 to 63, one bit each */
	uint16_t denied[16]; /* the others, network byte order */
	unsigned int n_denied;
	unsigned int n_ipv4;
	unsigned int n_ipv6;
	struct {
		uint8_t key[6]; /* address and port, network byte order */
		uint16_t listener;
	} ipv4[CLASSIFY_BINDS_MAX];
	struct {
		uint8_t key[18];
		uint16_t listener;
	} ipv6[CLASSIFY_BINDS_MAX];
};

/*
 * The listener on the destination of a 4-tuple as hg_net_tuple() gives it, or -1; family is 4 or 6.
 */
int classify_find(const struct classify_table *table, const uint8_t *tuple, uint8_t family);

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
enum hg_verdict classify(const struct classify_table *table, uint8_t *frame, size_t len,
	unsigned int flags, struct classified *ret);

/*
 * Of a frame that classify() refused with that verdict: may it be for somebody else on the way, this
 * host's kernel for example? Not if it is damaged, for another MAC address, or a datagram to a
 * listener, in whatever form: who has no listener there would tell the sender so.
 */
bool classify_is_foreign(const struct classify_table *table, const uint8_t *frame, size_t len,
	enum hg_verdict verdict);
