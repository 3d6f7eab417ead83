/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the DTLS sessions of one listener have in common: certificates, pre-shared keys, ciphers.
 * OpenSSL stays behind this header. A context is shared by all threads and immutable once made.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct hg_tls_context;

/*
 * What is offered without a choice, by every release of OpenSSL alike: suites with forward secrecy first,
 * authenticated encryption before CBC, then pre-shared keys alone; CoAP's two are among them (RFC 7252
 * 9.1.3.1, 9.1.3.2). Not among them: RSA key transport, and DHE, which costs ten times as much as ECDHE.
 */
#define HG_TLS_DEFAULT_CIPHERS                                               \
	"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"         \
	"ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"         \
	"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"         \
	"ECDHE-ECDSA-AES256-CCM:ECDHE-ECDSA-AES128-CCM:"                     \
	"ECDHE-ECDSA-AES256-CCM8:ECDHE-ECDSA-AES128-CCM8:"                   \
	"ECDHE-PSK-CHACHA20-POLY1305:"                                       \
	"ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:"                 \
	"ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:"                 \
	"ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA:"                       \
	"ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:"                       \
	"ECDHE-PSK-AES256-CBC-SHA384:ECDHE-PSK-AES128-CBC-SHA256:"           \
	"PSK-AES256-GCM-SHA384:PSK-CHACHA20-POLY1305:PSK-AES128-GCM-SHA256:" \
	"PSK-AES256-CCM:PSK-AES128-CCM:PSK-AES256-CCM8:PSK-AES128-CCM8:"     \
	"PSK-AES256-CBC-SHA384:PSK-AES128-CBC-SHA256"
#define HG_TLS_DEFAULT_GROUPS "X25519:P-256:X448:P-521:P-384"

/* PEM files: the certificate with its chain behind it, and its private key. */
struct hg_tls_pair {
	const char *certificate;
	const char *private_key;
};

/* The strings need only live until hg_tls_context_new() returns; NULL means not set. */
struct hg_tls_settings {
	/*
	 * The first pair serves clients that name no server, or an unknown one (RFC 6066 3). Pairs
	 * for the same names but of different key types are offered together.
	 */
	const struct hg_tls_pair *pairs;
	size_t n_pairs; /* 0: pre-shared keys alone */
	const char *
		client_ca; /* PEM file; set: a client must show one of it, or certified by one of it */
	const char *psk_file; /* one identity:hex per line */
	const char *psk_hint;
	const char *ciphers; /* OpenSSL cipher list; DEFAULT at its beginning is the above */
	const char *groups;  /* OpenSSL group list */
	bool tickets;        /* RFC 5077 session tickets */
};

/* Why a context could not be made, for the one who wrote the configuration. */
struct hg_tls_error {
	const char
		*setting; /* name of the field of struct hg_tls_settings, as in the configuration */
	size_t pair;      /* which pair, for "certificate" and "private-key" */
	char text[512];   /* one sentence, without a full stop */
};

/* Reads every file. Returns 0, or -EINVAL with *ret_error filled and *ret_context untouched. */
int hg_tls_context_new(struct hg_tls_context **ret_context, const struct hg_tls_settings *settings,
	struct hg_tls_error *ret_error);

/*
 * What the one who wrote the configuration should know all the same, in one sentence without a full stop, NULL
 * for nothing: a certificate that had expired, or was not valid yet, when the context was made; certificates or
 * pre-shared keys that no cipher suite is for.
 */
const char *hg_tls_context_warning(const struct hg_tls_context *context);

/*
 * Tickets of former resume sessions of context too, if both offer the same and let the same clients in:
 * certificates, authorities, pre-shared keys, ciphers, groups. To be called before context is used, by
 * the thread that makes and frees contexts.
 */
void hg_tls_context_take_tickets(
	struct hg_tls_context *context, const struct hg_tls_context *former);

/*
 * Tickets have a new key from now on. Those of the key before are still good, and are replaced; older
 * ones are not. At any time. Returns 0, or -EIO without random numbers: nothing has changed then.
 */
int hg_tls_context_renew_tickets(struct hg_tls_context *context);

/* After the last session of it. NULL is fine. */
void hg_tls_context_free(struct hg_tls_context *context);
