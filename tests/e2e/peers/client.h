/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the DTLS clients on other libraries have in common: client.c has their options, their socket,
 * their timers and main(), and each program what follows from its library.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct options {
	const char *host;
	const char *port;
	const char *sni; /* name to ask for and to verify */
	const char *ca;  /* a PEM file */
	const char *identity;
	const char *ciphers; /* names as the library has them, divided by commas */
	unsigned char psk[64];
	size_t psk_size;
	unsigned long max_fragment; /* RFC 6066 section 4, bytes; 0: not offered */
	unsigned long deadline;     /* seconds for everything */
	bool resume;                /* two sessions, the second one resumes the first */
	bool offer_1_3;             /* DTLS 1.3 beside 1.2 */
};

/* What not every library can. */
enum {
	CAN_PSK = 1,
	CAN_MAX_FRAGMENT = 2,
	CAN_OFFER_1_3 = 4,
};

enum step {
	FAILED = -1,
	WAITS, /* for a datagram, or for the library's timer */
	DONE,
};

struct client;

extern const char client_name[];
extern const unsigned int client_can;

const char *client_version(void);

/* The client, or NULL after client_fault(). *opt stays valid. */
struct client *client_new(const struct options *opt);
void client_free(struct client *client);

/*
 * Begins a session over a connected UDP socket that does not block, with what the last one left to be
 * resumed if opt->resume says so.
 */
bool client_open(struct client *client, int fd);

/* Goes on with the handshake. expired: there was nothing to read for a while, so a timer may be due. */
enum step client_handshake(struct client *client, bool expired);
bool client_write(struct client *client, const void *data, size_t size);

/* *size is the room, and then what was read. */
enum step client_read(struct client *client, void *data, size_t *size);

/* The cipher suite, as the library names it. */
const char *client_cipher(const struct client *client);

/* Sends close_notify if the session was established, keeps what it takes to resume it, and ends it. */
void client_close(struct client *client, bool established);

/* Says on stderr what did not work, with the library's number of the error. Always false. */
bool client_fault(const char *what, long error);

/* The next of the names that commas divide: its length, 0 behind the last one. */
size_t next_name(const char **list, const char **name);
