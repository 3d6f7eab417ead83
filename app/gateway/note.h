/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a worker has found out about a packet, and where an answer goes: in the private area of the packet's
 * buffer, for the thread that takes it out of a ring; and what a core says of a packet of its own. A core does
 * not find out again where things are, and how long a record and its cookie: where a driver shares its memory
 * with the other end (memif), that may change what is in a packet meanwhile.
 */
#pragma once

#include <rte_mbuf.h>

#include <stdint.h>

#include "base/bytes.h"
#include "net/packet.h"
#include "wire/hello.h"

enum note_kind {
	NOTE_HELLO,  /* a ClientHello whose cookie is valid */
	NOTE_RECORD, /* any other datagram of a peer that has a session */
	NOTE_OUT,    /* a finished frame for the peer */
};

struct note {
	uint8_t kind;   /* enum note_kind */
	uint8_t family; /* 4 or 6 */
	uint16_t listener;
	uint16_t queue; /* index into the gateway's list of queues */
	uint16_t l3;    /* offsets from the frame's start */
	uint16_t l4;
	uint16_t l4_len;

	/* of NOTE_HELLO */
	uint16_t record_len; /* bytes of its record, header included */
	uint8_t cookie;      /* offset from the datagram's start */
	uint8_t cookie_len;
};

_Static_assert(sizeof(struct note) <= 16, "the private area of an mbuf stays small");

/* Bytes of that area. */
#define NOTE_ROOM RTE_ALIGN(sizeof(struct note), RTE_MBUF_PRIV_ALIGN)

static inline struct note *
note_of(struct rte_mbuf *mbuf)
{
	return rte_mbuf_to_priv(mbuf);
}

/* Takes a parsed packet down into a note, and back. */
static inline void
note_set_packet(struct note *note, const struct hg_net_packet *packet)
{
	note->family = packet->family;
	note->l3 = (uint16_t)(packet->l3 - packet->frame);
	note->l4 = (uint16_t)(packet->l4 - packet->frame);
	note->l4_len = packet->l4_len;
}

static inline struct hg_net_packet
note_get_packet(struct rte_mbuf *mbuf)
{
	const struct note *note = note_of(mbuf);
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);

	return (struct hg_net_packet){
		.frame = frame,
		.l3 = frame + note->l3,
		.l4 = frame + note->l4,
		.l4_len = note->l4_len,
		.family = note->family,
		.protocol = HG_NET_UDP,
	};
}

#define NOTE_HELLO_BODY (HG_RECORD_LEN + HG_HANDSHAKE_LEN)

_Static_assert(
	NOTE_HELLO_BODY + HG_HELLO_RANDOM + HG_HELLO_RANDOM_LEN + 1 + HG_HELLO_SESSION_ID_MAX + 1 <=
		UINT8_MAX,
	"the cookie comes behind version, random, session_id and its own length");

/* The same for the hello in the packet; what comes back has no offer. */
static inline void
note_set_hello(struct note *note, const struct hg_net_packet *packet, const struct hg_hello *hello)
{
	note->record_len = hello->record_len;
	note->cookie = (uint8_t)(hello->cookie - hg_net_payload(packet));
	note->cookie_len = hello->cookie_len;
}

static inline struct hg_hello
note_get_hello(const struct note *note, const struct hg_net_packet *packet)
{
	const uint8_t *datagram = hg_net_payload(packet), *message = datagram + HG_RECORD_LEN;

	return (struct hg_hello){
		.client = datagram + NOTE_HELLO_BODY,
		.cookie = datagram + note->cookie,
		.client_len = (uint16_t)(note->cookie - 1u - NOTE_HELLO_BODY),
		.cookie_len = note->cookie_len,
		.message_seq = (uint8_t)hg_load_be16(message + HG_HANDSHAKE_SEQ),
		.record_len = note->record_len,
		.message_len = hg_load_be24(message + HG_HANDSHAKE_LENGTH),
		.record_seq = hg_load_be48(datagram + HG_RECORD_SEQ),
	};
}
