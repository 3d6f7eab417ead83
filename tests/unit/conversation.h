/* SPDX-License-Identifier: BSD-3-Clause */
/* An OpenSSL client and a session of lib/tls, with the datagrams between them in the test's hands. */
#pragma once

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "identities.h"
#include "tls/session.h"

#define WIRE_DATAGRAM_MAX 17000u
#define WIRE_MAX 64u

/* Datagrams under way in one direction, oldest first. */
struct wire {
	unsigned int n;
	struct {
		size_t len;
		uint8_t bytes[WIRE_DATAGRAM_MAX];
	} datagram[WIRE_MAX];
};

void wire_push(struct wire *wire, const uint8_t *datagram, size_t len);
/* Returns the oldest one's length, or 0 if there is none. */
size_t wire_pop(struct wire *wire, uint8_t datagram[WIRE_DATAGRAM_MAX]);
/* Makes one datagram of all that are under way: returns its length. */
size_t wire_join(struct wire *wire, uint8_t whole[WIRE_DATAGRAM_MAX]);

struct client_options {
	const char *server_name;
	const char *ciphers;
	const char *signatures;
	const char *groups;
	const char *psk_identity; /* with psk */
	const uint8_t *psk;
	size_t psk_len;
	const struct identity *identity; /* client certificate */
	SSL_SESSION *session;            /* to resume */
	int max_version;                 /* 0: DTLS 1.2 */
	long mtu;                        /* of flights; 0: 1400 */
	size_t protocols;                /* bytes of ALPN to make the hello longer */
	bool no_etm;                     /* no encrypt-then-MAC (RFC 7366) */
	uint8_t max_fragment;            /* code of max_fragment_length; 0: not asked for */
};

struct conversation {
	SSL_CTX *client_context;
	SSL *client;
	BIO_METHOD *method;
	const struct client_options *options;
	char psk_hint[256]; /* as the client was told */
	long mtu;
	uint8_t cookie[20];
	struct hg_tls_session *server;
	bool deaf; /* what the server sends is lost, and it knows */
	struct wire to_client;
	struct wire to_server;
	unsigned int sent;                          /* datagrams by the server, ever */
	size_t largest;                             /* of them */
	unsigned int ignored[HG_TLS_VERDICT_COUNT]; /* records, by the server */
	uint8_t received[WIRE_DATAGRAM_MAX]; /* by the server: application data not yet looked at */
	size_t received_len;
};

/* A context of these settings, or fails the test; for hg_tls_context_free(). */
struct hg_tls_context *conversation_context(const struct hg_tls_settings *settings);

/* A client that has sent nothing yet. options must stay. */
struct conversation *conversation_new(const struct client_options *options);
void conversation_free(struct conversation *talk);

/*
 * The client sends its hello, is answered with a HelloVerifyRequest, and sends its hello with the
 * cookie: one or more datagrams in to_server.
 */
void conversation_get_cookie(struct conversation *talk);

/* Makes a session and enters it with the first datagram that is on its way to the server. */
enum hg_tls_state conversation_enter(
	struct conversation *talk, const struct hg_tls_context *context, size_t flight_max);

/* Feeds one datagram to the server and takes what application data is in it. */
enum hg_tls_state conversation_feed(struct conversation *talk, const uint8_t *datagram, size_t len);

/* Feeds an established session what must change nothing: no answer, no data, no other state. */
void conversation_ignored(struct conversation *talk, const uint8_t *datagram, size_t len);

/* Lets the client work on all that has come for it. */
void conversation_client(struct conversation *talk);

/* Passes datagrams to and fro until there are none. */
void conversation_run(struct conversation *talk);

/* All of the above with flights of up to 1200 bytes; returns the server's state. */
enum hg_tls_state conversation_handshake(
	struct conversation *talk, const struct hg_tls_context *context);

/* The client sends a message: returns its datagram's length. */
size_t conversation_seal(struct conversation *talk, const void *message, size_t len,
	uint8_t datagram[WIRE_DATAGRAM_MAX]);

/* The type of the BIO that a session has, of which OpenSSL's flags are. */
int conversation_bio_type(const struct conversation *talk);

/* Sends a message in each direction and fails the test if it does not come through. */
void conversation_echo(struct conversation *talk, size_t len);
