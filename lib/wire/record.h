/* SPDX-License-Identifier: BSD-3-Clause */
/* Sizes, offsets and numbers of the DTLS 1.0/1.2 wire format (RFC 6347 4.1, 4.2.2, 4.3). */
#pragma once

#define HG_RECORD_LEN 13u    /* record header */
#define HG_RECORD_VERSION 1u /* offsets in it */
#define HG_RECORD_EPOCH 3u
#define HG_RECORD_SEQ 5u /* 48 bits */
#define HG_RECORD_LENGTH 11u

#define HG_RECORD_PLAINTEXT_MAX 16384u  /* bytes of one record (RFC 5246 6.2.1) */
#define HG_RECORD_CIPHERTEXT_MAX 18432u /* and protected (RFC 5246 6.2.3) */

#define HG_HANDSHAKE_LEN 12u   /* handshake header */
#define HG_HANDSHAKE_LENGTH 1u /* offsets in it */
#define HG_HANDSHAKE_SEQ 4u
#define HG_HANDSHAKE_FRAG_OFFSET 6u
#define HG_HANDSHAKE_FRAG_LENGTH 9u

enum hg_content_type {
	HG_CONTENT_CHANGE_CIPHER_SPEC = 20,
	HG_CONTENT_ALERT = 21,
	HG_CONTENT_HANDSHAKE = 22,
	HG_CONTENT_APPLICATION_DATA = 23,
	HG_CONTENT_HEARTBEAT = 24, /* RFC 6520 */
	HG_CONTENT_TLS12_CID = 25, /* RFC 9146 */
	HG_CONTENT_ACK = 26,       /* RFC 9147 */
};

enum hg_handshake_type {
	HG_HANDSHAKE_CLIENT_HELLO = 1,
	HG_HANDSHAKE_SERVER_HELLO = 2,
	HG_HANDSHAKE_HELLO_VERIFY_REQUEST = 3,
	HG_HANDSHAKE_CERTIFICATE = 11,
	HG_HANDSHAKE_CERTIFICATE_REQUEST = 13,
	HG_HANDSHAKE_SERVER_HELLO_DONE = 14,
	HG_HANDSHAKE_CERTIFICATE_VERIFY = 15,
	HG_HANDSHAKE_CLIENT_KEY_EXCHANGE = 16,
	HG_HANDSHAKE_FINISHED = 20,
};

#define HG_VERSION_MAJOR 0xfeu
#define HG_VERSION_DTLS10 0xfeffu
#define HG_VERSION_DTLS12 0xfefdu
#define HG_VERSION_DTLS13 0xfefcu
