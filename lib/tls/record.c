/* SPDX-License-Identifier: BSD-3-Clause */
#include "tls/record.h"

#include <stdbool.h>

#include "base/bytes.h"
#include "wire/record.h"

size_t
hg_tls_record_len(const uint8_t *datagram, size_t len)
{
	size_t n;

	if (len < HG_RECORD_LEN)
		return 0;
	n = HG_RECORD_LEN + hg_load_be16(datagram + HG_RECORD_LENGTH);
	return n <= len ? n : 0;
}

/*
 * Only a ClientHello may have another version, as the client does not know yet which one it is going to be
 * (RFC 6347 4.2.1); it may still be repeated when the flight behind it is awaited.
 */
static bool
is_version(enum hg_tls_phase phase, uint16_t version, uint16_t epoch)
{
	if (phase <= HG_TLS_AWAIT_FLIGHT && epoch == 0)
		return version >> 8 == HG_VERSION_MAJOR;
	return version == HG_VERSION_DTLS12;
}

static bool
fits(const struct hg_tls_shape *shape, size_t n)
{
	if (n < shape->least)
		return false;
	return shape->block <= 1 || (n - shape->apart) % shape->block == 0;
}

static enum hg_tls_verdict
judge_clear(enum hg_tls_phase phase, uint8_t type, const uint8_t *content, size_t n)
{
	/* Among them the flight of a client that has not got the answer to it: OpenSSL, which is to
	 * repeat that, looks at its Finished alone. */
	if (phase == HG_TLS_AWAIT_FINISHED || phase == HG_TLS_AWAIT_DATA)
		return HG_TLS_IGNORE_EPOCH;
	if (type == HG_CONTENT_ALERT || type == HG_CONTENT_APPLICATION_DATA)
		return HG_TLS_IGNORE_CLEAR;
	if (type == HG_CONTENT_HANDSHAKE)
		return n >= HG_HANDSHAKE_LEN ? HG_TLS_TAKE : HG_TLS_IGNORE_MESSAGE;
	/* RFC 5246 7.1: a single byte of value 1. */
	if (phase == HG_TLS_AWAIT_HELLO || n != 1 || content[0] != 1)
		return HG_TLS_IGNORE_MESSAGE;
	return HG_TLS_TAKE;
}

static enum hg_tls_verdict
judge_protected(enum hg_tls_phase phase, const struct hg_tls_shape *shape, uint8_t type, size_t n)
{
	if (phase == HG_TLS_AWAIT_HELLO)
		return HG_TLS_IGNORE_EPOCH;
	if (type == HG_CONTENT_CHANGE_CIPHER_SPEC) /* there is no renegotiation */
		return HG_TLS_IGNORE_MESSAGE;
	if (!fits(shape, n))
		return HG_TLS_IGNORE_SHORT;
	if (shape->most != 0 && n > shape->most)
		return HG_TLS_IGNORE_LONG;
	if (phase == HG_TLS_AWAIT_FLIGHT)
		return HG_TLS_KEEP;
	if (phase == HG_TLS_AWAIT_FINISHED && type != HG_CONTENT_HANDSHAKE)
		return HG_TLS_KEEP;
	return HG_TLS_TAKE;
}

enum hg_tls_verdict
hg_tls_record_judge(enum hg_tls_phase phase, const struct hg_tls_shape *shape,
	const uint8_t *record, size_t len)
{
	uint16_t epoch = hg_load_be16(record + HG_RECORD_EPOCH);
	size_t n = len - HG_RECORD_LEN;
	uint8_t type = record[0];

	if (type < HG_CONTENT_CHANGE_CIPHER_SPEC || type > HG_CONTENT_APPLICATION_DATA || n == 0 ||
		!is_version(phase, hg_load_be16(record + HG_RECORD_VERSION), epoch))
		return HG_TLS_IGNORE_FORMAT;
	if (n > (epoch == 0 ? HG_RECORD_PLAINTEXT_MAX : HG_RECORD_CIPHERTEXT_MAX))
		return HG_TLS_IGNORE_FORMAT;
	if (epoch == 0)
		return judge_clear(phase, type, record + HG_RECORD_LEN, n);
	if (epoch == 1)
		return judge_protected(phase, shape, type, n);
	return HG_TLS_IGNORE_EPOCH;
}
