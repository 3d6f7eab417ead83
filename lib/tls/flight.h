/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The handshake messages of the client in epoch 0, put together from their fragments (RFC 6347 4.2.3):
 * only those that can come next, each at most as long as it can be, whatever order they come in.
 * Nothing of this can be authenticated, so where two fragments contradict each other the later one
 * counts: what the client sends again repairs what somebody else has sent.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tls/ignored.h"
#include "wire/record.h"

#define HG_TLS_FLIGHT_MAX 3u /* messages: Certificate, ClientKeyExchange, CertificateVerify */
#define HG_TLS_MESSAGE_MAX 16384u
/* In front of a message's body, for whoever makes records of it. */
#define HG_TLS_HEADROOM (HG_RECORD_LEN + HG_HANDSHAKE_LEN)

/* One message; all zero: nothing of it has come. */
struct hg_tls_message {
	uint8_t *bytes; /* headroom, body, and a bit for each byte of the body that is there */
	uint16_t len;   /* of the body */
	uint16_t have;  /* bytes of it */
	uint16_t fixed; /* bytes at its start that nothing is written over */
};

/* Zeroed memory expects no message. */
struct hg_tls_flight {
	uint16_t seq; /* message_seq of the first message */
	uint8_t n;    /* messages expected */
	uint8_t turn; /* how many of them have been handed over */
	uint8_t type[HG_TLS_FLIGHT_MAX];
	struct hg_tls_message message[HG_TLS_FLIGHT_MAX];
};

/* Forgets all, and expects n messages of these types. */
void hg_tls_flight_expect(
	struct hg_tls_flight *flight, uint16_t seq, const uint8_t *types, unsigned int n);
void hg_tls_flight_forget(struct hg_tls_flight *flight);

/*
 * Adds the fragments in the content of a record. Returns HG_TLS_TAKE if all of them were of use, else
 * what is wrong with the first that was not. The others count, up to where the content has no more
 * fragment to be told apart.
 */
enum hg_tls_verdict hg_tls_flight_add(
	struct hg_tls_flight *flight, const uint8_t *content, size_t len);

/* The message whose turn it is, if it is whole, or NULL. */
struct hg_tls_message *hg_tls_flight_whole(struct hg_tls_flight *flight);
/* That message has been handed over: it is freed, and the turn is the next one's. */
void hg_tls_flight_step(struct hg_tls_flight *flight);
/* Have all messages been handed over? */
bool hg_tls_flight_over(const struct hg_tls_flight *flight);
