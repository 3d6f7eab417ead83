/* SPDX-License-Identifier: BSD-3-Clause */
/* The HelloVerifyRequest (RFC 6347 4.2.1). */
#pragma once

#include <stdint.h>

#include "wire/hello.h"

#define HG_HVR_COOKIE_LEN 20u
#define HG_HVR_LEN (HG_RECORD_LEN + HG_HANDSHAKE_LEN + 3u + HG_HVR_COOKIE_LEN)

_Static_assert(HG_HVR_LEN == 48, "");
_Static_assert(HG_HVR_LEN <= HG_HELLO_MIN_LEN, "no answer is larger than what it answers");

/*
 * Turns the ClientHello at datagram, which hg_hello_parse() has passed, into the HelloVerifyRequest
 * that answers it: HG_HVR_LEN bytes. Epoch, record sequence number and message_seq stay as they are:
 * RFC 6347 4.2.1 wants the first two echoed, its erratum 5186 the third. Returns the one's complement
 * sum of the bytes in memory order (RFC 1071), not folded.
 */
uint64_t hg_hvr_write(uint8_t *datagram, const uint8_t cookie[HG_HVR_COOKIE_LEN]);
