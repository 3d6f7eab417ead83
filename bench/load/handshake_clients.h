/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many DTLS clients in memory that take the same step together, so that the server's work comes in
 * one piece that can be timed: all send a flight, all read the answer, and so on. Shared by the
 * load on hellogate and by the bare OpenSSL server that it is compared with.
 */
#pragma once

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLIGHT_DATAGRAMS 12u
#define FLIGHT_BYTES 6144u
#define DATAGRAM_MAX 1232u /* what hellogate uses: fits every IPv6 path (RFC 8200 5) */

/* The datagrams of one direction that have not been read yet. */
struct flight {
	unsigned int n;
	unsigned int taken;
	size_t used;
	uint16_t len[FLIGHT_DATAGRAMS];
	uint8_t data[FLIGHT_BYTES];
};

enum handshake_kind {
	HANDSHAKE_ECDSA,
	HANDSHAKE_RSA,
	HANDSHAKE_RESUMED,
};

struct handshake_client {
	SSL *ssl;
	bool answered; /* in this step; for the one who carries the flights */
	SSL_SESSION *ticket;
	struct flight out;
	struct flight in;
};

struct handshake_clients {
	SSL_CTX *ctx;
	unsigned int n;
	struct handshake_client *client;
};

/* Adds a datagram. Ends the program if it has no room: the server sends what it should not. */
void flight_add(struct flight *flight, const uint8_t *data, size_t len);
const uint8_t *flight_datagram(const struct flight *flight, unsigned int number);
/* A datagram BIO that reads one flight and writes another. */
BIO *flight_bio(struct flight *in, struct flight *out);

/* What of the server's work shows from outside. */
enum answer {
	ANSWER_PART,       /* of a flight that goes on */
	ANSWER_VERIFY,     /* HelloVerifyRequest */
	ANSWER_HELLO_DONE, /* ServerHelloDone */
	ANSWER_FINISHED,   /* Finished, by its encryption */
	ANSWER_CLOSED,     /* close_notify, or another alert that is encrypted */
	ANSWER_ALERT,      /* an alert in the clear: something went wrong */
};

/* What a datagram of the server brings, by its record headers. */
enum answer handshake_answer(const uint8_t *datagram, size_t len);

void handshake_clients_create(struct handshake_clients *clients, unsigned int n);
void handshake_clients_free(struct handshake_clients *clients);
/* Writes every client's first hello; with its ticket if resume is set. */
void handshake_clients_begin(struct handshake_clients *clients, bool resume);
/* Reads what came and writes what follows. */
void handshake_clients_step(struct handshake_clients *clients);
/* Ends the program unless every handshake is complete, and resumed as told; takes tickets. */
void handshake_clients_check(struct handshake_clients *clients, bool resumed);
/* Adds a close_notify. */
void handshake_clients_close(struct handshake_clients *clients);
/* Frees the connections; tickets stay. */
void handshake_clients_end(struct handshake_clients *clients);

/* Ends the program with a sentence and OpenSSL's reason, if it has one. */
_Noreturn void __attribute__((format(printf, 1, 2))) bench_die(const char *format, ...);
