/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What can be told of a record of the client without a key. Which invalid records are fatal to an
 * association differs between releases of OpenSSL, so it sees none of those that are invalid here.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tls/ignored.h"

/* How far a handshake is, as far as it matters for what may come next. */
enum hg_tls_phase {
	HG_TLS_AWAIT_HELLO,    /* the ClientHello is not whole */
	HG_TLS_AWAIT_FLIGHT,   /* the client's messages of epoch 0, and ChangeCipherSpec */
	HG_TLS_AWAIT_FINISHED, /* epoch 1 is read */
	HG_TLS_AWAIT_DATA,     /* established */
};

/* Lengths that protected records of a cipher suite have; all 0: not known. In bytes. */
struct hg_tls_shape {
	uint16_t least;
	uint16_t block; /* the rest is a multiple of this; 0 or 1: of any length */
	uint16_t apart; /* behind the blocks: the MAC of RFC 7366 */
	uint16_t most;  /* 0: as many as there may be in any record */
};

/* Bytes of the record at the start of datagram, header included; 0 if it is cut off. */
size_t hg_tls_record_len(const uint8_t *datagram, size_t len);

/*
 * Judges a whole record of len bytes. Neither the messages in a handshake record of epoch 0, which are
 * for hg_tls_flight_add(), nor authenticity are looked at.
 */
enum hg_tls_verdict hg_tls_record_judge(enum hg_tls_phase phase, const struct hg_tls_shape *shape,
	const uint8_t *record, size_t len);
