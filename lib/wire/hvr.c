/* SPDX-License-Identifier: BSD-3-Clause */
#include "wire/hvr.h"

#include <string.h>

#include "base/bytes.h"

#define BODY_LEN (HG_HVR_LEN - HG_RECORD_LEN - HG_HANDSHAKE_LEN)

/* A byte at its place in a little-endian word that is stored to offsets 0 to 7, 8 to 15 and so on. */
#define AT(offset, byte) ((uint64_t)(byte) << (8 * ((offset) % 8)))

/* The bytes that are the hello's, in words 0, 1 and 2: epoch and sequence number (3 to 10), message_seq. */
#define KEEP0 (AT(3, 0xff) | AT(4, 0xff) | AT(5, 0xff) | AT(6, 0xff) | AT(7, 0xff))
#define KEEP1 (AT(8, 0xff) | AT(9, 0xff) | AT(10, 0xff))
#define KEEP2 (AT(17, 0xff) | AT(18, 0xff))

/* RFC 6347 4.2.1: DTLS 1.0 whatever will be negotiated, in the record and in the body. */
#define VERSION(offset) \
	(AT(offset, HG_VERSION_DTLS10 >> 8) | AT((offset) + 1, HG_VERSION_DTLS10 & 0xff))
#define WORD0 (AT(0, HG_CONTENT_HANDSHAKE) | VERSION(1))
#define WORD1 (AT(12, HG_HVR_LEN - HG_RECORD_LEN) | AT(13, HG_HANDSHAKE_HELLO_VERIFY_REQUEST))
#define WORD2 AT(16, BODY_LEN) /* length; then message_seq, and fragment offset 0 */
#define WORD3 (AT(24, BODY_LEN) | VERSION(25) | AT(27, HG_HVR_COOKIE_LEN))

/* Two words side by side in one register. */
typedef uint64_t pair __attribute__((vector_size(16)));

static inline pair
load(const uint8_t *p)
{
	pair words;

	memcpy(&words, p, sizeof(words));
	return words;
}

static inline pair
store(uint8_t *p, pair words)
{
	memcpy(p, &words, sizeof(words));
	return (words & UINT32_MAX) + (words >> 32); /* two 32-bit sums that cannot overflow */
}

uint64_t
hg_hvr_write(uint8_t *datagram, const uint8_t cookie[HG_HVR_COOKIE_LEN])
{
	uint64_t message_seq;
	uint32_t start;
	pair sum;

	memcpy(&start, cookie, sizeof(start));
	memcpy(&message_seq, datagram + 16, sizeof(message_seq));
	sum = store(datagram, (load(datagram) & (pair){ KEEP0, KEEP1 }) | (pair){ WORD0, WORD1 });
	sum += store(datagram + 16,
		(pair){ (message_seq & KEEP2) | WORD2, WORD3 | (uint64_t)start << 32 });
	sum += store(datagram + 32, load(cookie + 4));
	return sum[0] + sum[1];
}

_Static_assert(HG_HVR_LEN == 48 && HG_HVR_LEN - HG_HVR_COOKIE_LEN == 28, "the words above");
