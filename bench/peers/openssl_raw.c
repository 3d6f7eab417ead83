/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the server half of a DTLS handshake costs with bare OpenSSL: no socket, no packet, no
 * timer, no table. Clients and servers are in one thread; only the servers' work is timed, from
 * SSL_new() over the handshake and close_notify to SSL_free(). Prints one JSON object per round.
 *
 *     openssl_raw --kind ecdsa|rsa|resumed --certificate FILE --key FILE
 *                 [--clients N] [--rounds N]
 *
 * There is no cookie exchange either: this is the least that OpenSSL can be asked to do.
 */
#include "load/handshake_clients.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

struct raw {
	enum handshake_kind kind;
	const char *certificate;
	const char *key;
	unsigned int n;
	unsigned int rounds;
	SSL_CTX *ctx;
	SSL **server;
	struct handshake_clients clients;
	uint64_t cpu; /* nanoseconds of this round */
};

static void
create_context(struct raw *raw)
{
	SSL_CTX *ctx = SSL_CTX_new(DTLS_server_method());

	if (ctx == NULL || SSL_CTX_use_certificate_chain_file(ctx, raw->certificate) != 1 ||
		SSL_CTX_use_PrivateKey_file(ctx, raw->key, SSL_FILETYPE_PEM) != 1)
		bench_die("cannot use %s with %s", raw->certificate, raw->key);
	SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	raw->ctx = ctx;
}

static SSL *
new_server(const struct raw *raw, struct handshake_client *client)
{
	SSL *ssl = SSL_new(raw->ctx);
	BIO *bio = flight_bio(&client->out, &client->in);

	if (ssl == NULL)
		bench_die("no memory for a server");
	SSL_set_bio(ssl, bio, bio);
	SSL_set_mtu(ssl, DATAGRAM_MAX);
	SSL_set_accept_state(ssl);
	return ssl;
}

static void
accept_all(struct raw *raw, bool complete)
{
	for (unsigned int i = 0; i < raw->n; i++) {
		int result = SSL_accept(raw->server[i]);

		if (result != 1 &&
			(complete || SSL_get_error(raw->server[i], result) != SSL_ERROR_WANT_READ))
			bench_die("a server's handshake failed");
	}
}

static void
begin_all(struct raw *raw)
{
	for (unsigned int i = 0; i < raw->n; i++) {
		raw->server[i] = new_server(raw, &raw->clients.client[i]);
		if (SSL_accept(raw->server[i]) == 1)
			bench_die("a handshake is complete too early");
	}
}

static void
close_all(struct raw *raw)
{
	uint8_t byte;
	size_t n;

	for (unsigned int i = 0; i < raw->n; i++) {
		if (SSL_read_ex(raw->server[i], &byte, 1, &n) == 1 ||
			SSL_get_error(raw->server[i], 0) != SSL_ERROR_ZERO_RETURN)
			bench_die("a server sees no close_notify");
		SSL_shutdown(raw->server[i]);
		SSL_free(raw->server[i]);
	}
}

static void
timed(struct raw *raw, void (*work)(struct raw *raw))
{
	uint64_t before = clock_ns(CLOCK_THREAD_CPUTIME_ID);

	work(raw);
	raw->cpu += clock_ns(CLOCK_THREAD_CPUTIME_ID) - before;
}

static void
finish_all(struct raw *raw)
{
	accept_all(raw, true);
}

static void
finish_and_close_all(struct raw *raw)
{
	accept_all(raw, true);
	close_all(raw);
}

static void
run_round(struct raw *raw, bool resume)
{
	raw->cpu = 0;
	handshake_clients_begin(&raw->clients, resume);
	timed(raw, begin_all);
	handshake_clients_step(&raw->clients);
	if (resume) {
		handshake_clients_check(&raw->clients, true);
		handshake_clients_close(&raw->clients);
		timed(raw, finish_and_close_all);
	} else {
		timed(raw, finish_all);
		handshake_clients_step(&raw->clients);
		handshake_clients_check(&raw->clients, false);
		handshake_clients_close(&raw->clients);
		timed(raw, close_all);
	}
	handshake_clients_end(&raw->clients);
}

static void
parse(struct raw *raw, int argc, char **argv)
{
	static const struct option options[] = {
		{ "kind", required_argument, NULL, 'k' },
		{ "certificate", required_argument, NULL, 'c' },
		{ "key", required_argument, NULL, 'p' },
		{ "clients", required_argument, NULL, 'n' },
		{ "rounds", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	static const char *const kinds[] = { "ecdsa", "rsa", "resumed" };
	int option, known = 0;

	*raw = (struct raw){ .n = 256, .rounds = 4 };
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'k':
			for (unsigned int i = 0; i < 3; i++)
				if (strcmp(optarg, kinds[i]) == 0) {
					raw->kind = (enum handshake_kind)i;
					known = 1;
				}
			break;
		case 'c':
			raw->certificate = optarg;
			break;
		case 'p':
			raw->key = optarg;
			break;
		case 'n':
			raw->n = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			raw->rounds = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		default:
			exit(2);
		}
	}
	if (!known || raw->certificate == NULL || raw->key == NULL || raw->n == 0 ||
		optind != argc) {
		fputs("usage: openssl_raw --kind ecdsa|rsa|resumed --certificate FILE --key FILE\n"
		      "                   [--clients N] [--rounds N]\n",
			stderr);
		exit(2);
	}
}

int
main(int argc, char **argv)
{
	struct raw raw;

	parse(&raw, argc, argv);
	create_context(&raw);
	handshake_clients_create(&raw.clients, raw.n);
	raw.server = calloc(raw.n, sizeof(*raw.server));
	if (raw.server == NULL)
		bench_die("no memory for %u servers", raw.n);
	run_round(&raw, false); /* warms up, and brings tickets */
	for (unsigned int round = 0; round < raw.rounds; round++) {
		run_round(&raw, raw.kind == HANDSHAKE_RESUMED);
		printf("{\"handshakes\": %u, \"cpu_ns\": %llu}\n", raw.n,
			(unsigned long long)raw.cpu);
		fflush(stdout);
	}
	handshake_clients_free(&raw.clients);
	SSL_CTX_free(raw.ctx);
	free(raw.server);
	return 0;
}
