/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the client's records of epoch 1 are protected: how long they are, and what can be found out about
 * one that OpenSSL must not see.
 */
#pragma once

#include <openssl/evp.h>
#include <openssl/ssl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tls/record.h"

/* Zeroed memory is that of no cipher suite: nothing is known then. */
struct hg_tls_protection {
	struct hg_tls_shape shape;
	uint8_t mac;        /* bytes of an HMAC; 0: an AEAD suite */
	uint8_t key;        /* bytes of a key */
	uint8_t fixed;      /* of a nonce, from the key block */
	uint8_t explicit;   /* of a nonce or IV, in each record */
	uint8_t tag;        /* of an AEAD suite */
	bool mac_last;      /* encrypt, then MAC (RFC 7366) */
	EVP_MAC_CTX *ready; /* with the MAC key, once needed, if mac_last */
};

/*
 * Learns the suite of a handshake whose ServerHello is out. mac_last: it has extension 22. content_max:
 * bytes that the content of a record has at most.
 */
void hg_tls_protection_learn(
	struct hg_tls_protection *protection, const SSL *ssl, bool mac_last, size_t content_max);
void hg_tls_protection_free(struct hg_tls_protection *protection);

/*
 * Bytes of a record, header included, whose content has n: that of either side, with the shortest padding
 * that there is. Not less than it really has if the suite is not known.
 */
size_t hg_tls_protection_len(const struct hg_tls_protection *protection, size_t n);

/*
 * With encrypt-then-MAC a wrong MAC is fatal in every OpenSSL from 3.0 to 4.0: is that of this record
 * right? True without encrypt-then-MAC: OpenSSL ignores such records of all other suites. Epoch 1, of a
 * fitting length; the session must know its master secret.
 */
bool hg_tls_protection_admits(
	struct hg_tls_protection *protection, const SSL *ssl, const uint8_t *record, size_t len);

/*
 * Is this record of epoch 1, of a fitting length, an authentic alert of two bytes? Then they are in
 * alert. Whether it has been here before is not looked at.
 */
bool hg_tls_protection_read_alert(const struct hg_tls_protection *protection, const SSL *ssl,
	const uint8_t *record, size_t len, uint8_t alert[2]);
