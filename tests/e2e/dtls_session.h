/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One DTLS session of the test client: its socket, its handshakes, its numbered datagrams.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "load/histogram.h"

enum {
	PAYLOAD_HEADER = 12, /* session, series, sequence: three 32-bit numbers */
	PAYLOAD_MAX = 16384,
};

struct options {
	const char *host, *source, *sni, *ca, *cert, *key, *identity, *psk, *ciphers;
	unsigned long port, source_port, sessions, datagrams, size, window, rounds, mtu, deadline;
	unsigned long resend, rest;
	bool resume, pause, vanish, leave, interactive, endless;
};

enum state {
	HANDSHAKE,
	TRAFFIC,
	IDLE,
	DONE,
};

struct client;

struct session {
	struct client *client;
	SSL *ssl;
	SSL *beside; /* a second handshake on the same socket, by command "again" */
	SSL_SESSION *ticket;
	uint8_t *seen; /* one byte per datagram of the series */
	uint64_t begun;
	uint64_t progress; /* when something was sent or came back */
	uint64_t sent_us;  /* when the last datagram was sent for the first time */
	unsigned long id, round, wanted, sent, received;
	unsigned long second_hellos;
	enum state state;
	int fd;
	bool verified; /* a HelloVerifyRequest has come */
	bool fire;     /* the series is not waited for */
};

struct client {
	struct options opt;
	SSL_CTX *ctx;
	struct session *sessions;
	struct pollfd *fds; /* stdin, then one per session */
	unsigned long series, told_series;
	unsigned long handshakes, resumed, failed, sent, received, wrong, late, hvr, closed;
	unsigned long resent;
	uint64_t slowest;
	uint64_t deadline;
	struct histogram round_trips; /* in microseconds, with a window of 1 */
	bool stop;
	bool established_told;
	char cipher[64];
};

uint64_t now_ms(void);
/* Reads one line from stdin, byte by byte, so that poll() tells the truth about the next one. */
bool read_line(char *line, size_t size);
/* The context for every session; ends the program when a file cannot be used. */
SSL_CTX *new_context(struct client *c);

void session_begin(struct session *s);
void session_end(struct session *s);
void session_fail(struct session *s, const char *what);
/* The round is over as it should be. */
void session_finish(struct session *s);
/* Between two rounds, until it is time for the second. */
bool session_rests(const struct session *s);
/* Does what can be done without waiting. */
void session_step(struct session *s);
/* Sends again what has not come back, if nothing has for so long that it must be lost. */
void session_resend(struct session *s);
/* Datagrams to send; fire: not to wait for their return. */
void series_begin(struct session *s, unsigned long datagrams, bool fire);
/*
 * A new handshake on the live session's socket, as far as its second hello. The session goes on;
 * what the server answers to the new hello comes to it as well, and is ignored.
 */
bool session_again(struct session *s);
/* That handshake takes over; the old session is forgotten in silence. */
void session_take_over(struct session *s);
