/* SPDX-License-Identifier: BSD-3-Clause */
/* What both servers do before and after they serve: arguments, certificate, cookies, signals. */
#pragma once

#include <openssl/ssl.h>

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "tls/cookies.h"

#define HANDSHAKE_MS 15000 /* for a handshake, from its first hello on */
#define IDLE_MS 300000     /* without a word from the client */

struct setup {
	const char *name; /* of the program */
	SSL_CTX *ctx;
	struct hg_tls_cookies *cookies;
	struct hg_tls_cookies_options options; /* but for the secrets */
	const char *secret_file;
	const char *previous_file;       /* or NULL */
	struct sockaddr_storage address; /* to serve at */
	socklen_t address_len;
	sigset_t usual; /* signals that may come while the server waits */
};

extern volatile sig_atomic_t setup_end;    /* SIGTERM or SIGINT has come */
extern volatile sig_atomic_t setup_reload; /* SIGHUP has come */

/*
 * Reads the command line, and makes an SSL_CTX of that method that has the cookies. Ends the program
 * with a sentence and code 2 if it cannot. Signals come while the program waits with the mask usual.
 */
void setup_begin(struct setup *setup, int argc, char **argv, const SSL_METHOD *method);

/* Reads the files of the secrets again, for cookies from now on. */
void setup_again(struct setup *setup);

/* Prints the counts, and frees everything. */
void setup_finish(struct setup *setup);

/* The monotonic clock. */
int64_t setup_now_ms(void);
