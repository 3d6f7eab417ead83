/* SPDX-License-Identifier: BSD-3-Clause */
#include "tls/flight.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/* What OpenSSL takes of a ClientKeyExchange. */
#define KEY_EXCHANGE_MAX 2048u
/* A signature by a key of 16384 bits, the longest that OpenSSL checks, has 2048. */
#define SIGNATURE_MAX 2052u

static size_t
longest(uint8_t type)
{
	switch (type) {
	case HG_HANDSHAKE_CLIENT_KEY_EXCHANGE:
		return KEY_EXCHANGE_MAX;
	case HG_HANDSHAKE_CERTIFICATE_VERIFY:
		return SIGNATURE_MAX;
	default:
		return HG_TLS_MESSAGE_MAX;
	}
}

static void
forget(struct hg_tls_message *message)
{
	free(message->bytes);
	*message = (struct hg_tls_message){ 0 };
}

void
hg_tls_flight_forget(struct hg_tls_flight *flight)
{
	for (unsigned int i = 0; i < HG_TLS_FLIGHT_MAX; i++)
		forget(&flight->message[i]);
	flight->n = flight->turn = 0;
}

void
hg_tls_flight_expect(
	struct hg_tls_flight *flight, uint16_t seq, const uint8_t *types, unsigned int n)
{
	hg_tls_flight_forget(flight);
	flight->seq = seq;
	flight->n = (uint8_t)n;
	memcpy(flight->type, types, n);
}

/* Writes a fragment into its message. Returns false without memory. */
static bool
write(struct hg_tls_message *message, size_t len, size_t at, const uint8_t *bytes, size_t n)
{
	uint8_t *map;

	if (message->bytes != NULL && message->len != len)
		forget(message);
	if (message->bytes == NULL) {
		message->bytes = calloc(1, HG_TLS_HEADROOM + len + (len + 7) / 8);
		if (message->bytes == NULL)
			return false;
		message->len = (uint16_t)len;
	}
	map = message->bytes + HG_TLS_HEADROOM + len;
	for (size_t i = at; i < at + n; i++) {
		uint8_t bit = (uint8_t)(1u << i % 8);

		if (i < message->fixed)
			continue;
		message->bytes[HG_TLS_HEADROOM + i] = bytes[i - at];
		if ((map[i / 8] & bit) == 0) {
			map[i / 8] |= bit;
			message->have++;
		}
	}
	return true;
}

/* One fragment, header and n bytes of the body. */
static enum hg_tls_verdict
add_fragment(struct hg_tls_flight *flight, const uint8_t *header, size_t n)
{
	size_t len = hg_load_be24(header + HG_HANDSHAKE_LENGTH);
	size_t at = hg_load_be24(header + HG_HANDSHAKE_FRAG_OFFSET);
	uint16_t seq = hg_load_be16(header + HG_HANDSHAKE_SEQ);
	struct hg_tls_message *message;
	unsigned int i;

	if (seq < flight->seq + flight->turn)
		return HG_TLS_IGNORE_REPEATED;
	i = (unsigned int)seq - flight->seq;
	if (i >= flight->n || header[0] != flight->type[i] || len > longest(header[0]) || n == 0 ||
		at > len || n > len - at)
		return HG_TLS_IGNORE_MESSAGE;
	message = &flight->message[i];
	if (message->fixed != 0 && message->len != len)
		return HG_TLS_IGNORE_MESSAGE;
	return write(message, len, at, header + HG_HANDSHAKE_LEN, n) ? HG_TLS_TAKE
								     : HG_TLS_IGNORE_ROOM;
}

enum hg_tls_verdict
hg_tls_flight_add(struct hg_tls_flight *flight, const uint8_t *content, size_t len)
{
	enum hg_tls_verdict first = HG_TLS_TAKE, verdict;

	do {
		size_t n = len >= HG_HANDSHAKE_LEN
				   ? hg_load_be24(content + HG_HANDSHAKE_FRAG_LENGTH)
				   : 0;

		if (len < HG_HANDSHAKE_LEN || n > len - HG_HANDSHAKE_LEN)
			return first != HG_TLS_TAKE ? first : HG_TLS_IGNORE_MESSAGE;
		verdict = add_fragment(flight, content, n);
		if (first == HG_TLS_TAKE)
			first = verdict;
		content += HG_HANDSHAKE_LEN + n;
		len -= HG_HANDSHAKE_LEN + n;
	} while (len != 0);
	return first;
}

struct hg_tls_message *
hg_tls_flight_whole(struct hg_tls_flight *flight)
{
	struct hg_tls_message *message;

	if (flight->turn == flight->n)
		return NULL;
	message = &flight->message[flight->turn];
	return message->bytes != NULL && message->have == message->len ? message : NULL;
}

void
hg_tls_flight_step(struct hg_tls_flight *flight)
{
	forget(&flight->message[flight->turn++]);
}

bool
hg_tls_flight_over(const struct hg_tls_flight *flight)
{
	return flight->turn == flight->n;
}
