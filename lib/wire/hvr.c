/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/hvr.h"

#include <string.h>

#include "base/bytes.h"

#define BODY_LEN (HG_HVR_LEN - HG_RECORD_LEN - HG_HANDSHAKE_LEN)

void
hg_hvr_write(uint8_t *datagram, const uint8_t cookie[HG_HVR_COOKIE_LEN])
{
	uint8_t *handshake = datagram + HG_RECORD_LEN;
	uint8_t *body = handshake + HG_HANDSHAKE_LEN;

	/* RFC 6347 4.2.1: DTLS 1.0 whatever will be negotiated, in the record and in the body. */
	hg_store_be16(datagram + HG_RECORD_VERSION, HG_VERSION_DTLS10);
	hg_store_be16(datagram + HG_RECORD_LENGTH, HG_HVR_LEN - HG_RECORD_LEN);
	handshake[0] = HG_HANDSHAKE_HELLO_VERIFY_REQUEST;
	hg_store_be24(handshake + HG_HANDSHAKE_LENGTH, BODY_LEN);
	hg_store_be24(handshake + HG_HANDSHAKE_FRAG_OFFSET, 0);
	hg_store_be24(handshake + HG_HANDSHAKE_FRAG_LENGTH, BODY_LEN);
	hg_store_be16(body, HG_VERSION_DTLS10);
	body[2] = HG_HVR_COOKIE_LEN;
	memcpy(body + 3, cookie, HG_HVR_COOKIE_LEN);
}
