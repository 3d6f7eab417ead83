/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Clients that complete handshakes while somebody else floods the server: a new one so many times a
 * second, each on a kernel socket of its own, with OpenSSL's own retransmission. Who has not completed
 * its handshake by the deadline has failed.
 *
 *     dtls_clients --target ADDRESS:PORT [--rate PER_SECOND] [--seconds S] [--deadline S]
 *
 * Prints one JSON object: attempted, completed, and the time that completed handshakes took.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"

#define CLIENTS_MAX 100000u
#define EVENTS 64
#define MTU 1472
#define TICK_MS 5

struct client {
	SSL *ssl; /* NULL: over */
	int fd;
	double began;
};

struct load {
	struct sockaddr_in target;
	double rate, seconds, deadline;
	SSL_CTX *ctx;
	int epoll;
	struct client *client;
	unsigned int attempted, oldest, completed;
	double *took; /* of the completed ones */
};

static _Noreturn void
fail(const char *what)
{
	fprintf(stderr, "dtls_clients: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static void
end(struct client *client)
{
	SSL_free(client->ssl);
	close(client->fd);
	client->ssl = NULL;
}

static void
go_on(struct load *load, struct client *client)
{
	int result = SSL_do_handshake(client->ssl), error = SSL_get_error(client->ssl, result);

	if (result == 1) {
		load->took[load->completed++] = clock_seconds(CLOCK_MONOTONIC) - client->began;
		SSL_shutdown(client->ssl);
		end(client);
	} else if (error == SSL_ERROR_SYSCALL && errno == ECONNREFUSED) {
		ERR_clear_error(); /* the server may come back before the deadline */
	} else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
		ERR_clear_error();
		end(client);
	}
}

static void
begin(struct load *load)
{
	struct client *client = &load->client[load->attempted++];
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
	BIO *bio;

	client->began = clock_seconds(CLOCK_MONOTONIC);
	client->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (client->fd < 0 || connect(client->fd, (const struct sockaddr *)&load->target,
				      sizeof(load->target)) != 0)
		fail("no socket");
	client->ssl = SSL_new(load->ctx);
	bio = BIO_new_dgram(client->fd, BIO_NOCLOSE);
	if (client->ssl == NULL || bio == NULL)
		fail("no memory for a client");
	BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &load->target);
	SSL_set_bio(client->ssl, bio, bio);
	SSL_set_options(client->ssl, SSL_OP_NO_QUERY_MTU);
	SSL_set_mtu(client->ssl, MTU);
	SSL_set_connect_state(client->ssl);
	if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, client->fd, &event) != 0)
		fail("no epoll");
	go_on(load, client);
}

/* Sends again what is due, and gives up what is too old. */
static void
tick(struct load *load)
{
	double early = clock_seconds(CLOCK_MONOTONIC) - load->deadline;

	for (unsigned int i = load->oldest; i < load->attempted; i++) {
		struct client *client = &load->client[i];

		if (client->ssl == NULL)
			continue;
		if (client->began < early)
			end(client);
		else if (DTLSv1_handle_timeout(client->ssl) > 0)
			go_on(load, client);
	}
	while (load->oldest < load->attempted && load->client[load->oldest].ssl == NULL)
		load->oldest++;
}

static void
run(struct load *load)
{
	unsigned int total = (unsigned int)(load->rate * load->seconds);
	double began = clock_seconds(CLOCK_MONOTONIC), ticked = 0;

	while (load->attempted < total || load->oldest < load->attempted) {
		struct epoll_event event[EVENTS];
		int n = epoll_wait(load->epoll, event, EVENTS, 1);

		for (int i = 0; i < n; i++) {
			struct client *client = event[i].data.ptr;

			if (client->ssl != NULL)
				go_on(load, client);
		}
		while (load->attempted < total &&
			(clock_seconds(CLOCK_MONOTONIC) - began) * load->rate >= load->attempted)
			begin(load);
		if (clock_seconds(CLOCK_MONOTONIC) - ticked > TICK_MS / 1e3) {
			ticked = clock_seconds(CLOCK_MONOTONIC);
			tick(load);
		}
	}
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
quantile_ms(const struct load *load, double quantile)
{
	unsigned int at = (unsigned int)(quantile * load->completed);

	return load->completed == 0 ? 0 : load->took[at] * 1e3;
}

static void
parse_target(struct load *load, char *text)
{
	char *colon = strrchr(text, ':');

	load->target.sin_family = AF_INET;
	if (colon == NULL)
		fail("--target must be ADDRESS:PORT");
	*colon = '\0';
	load->target.sin_port = htons((uint16_t)atoi(colon + 1));
	if (inet_pton(AF_INET, text, &load->target.sin_addr) != 1)
		fail("--target must be ADDRESS:PORT");
}

static void
parse(struct load *load, int argc, char **argv)
{
	static const struct option options[] = {
		{ "target", required_argument, NULL, 't' },
		{ "rate", required_argument, NULL, 'r' },
		{ "seconds", required_argument, NULL, 's' },
		{ "deadline", required_argument, NULL, 'd' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*load = (struct load){ .rate = 20, .seconds = 5, .deadline = 5 };
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (option) {
		case 't':
			parse_target(load, optarg);
			break;
		case 'r':
			load->rate = atof(optarg);
			break;
		case 's':
			load->seconds = atof(optarg);
			break;
		case 'd':
			load->deadline = atof(optarg);
			break;
		default:
			exit(2);
		}
	if (load->target.sin_family == 0 || !(load->rate > 0) || !(load->seconds > 0) ||
		!(load->deadline > 0) || load->rate * load->seconds > CLIENTS_MAX)
		fail("--target is needed, and numbers above 0");
}

int
main(int argc, char **argv)
{
	struct load load;
	size_t total;

	parse(&load, argc, argv);
	total = (size_t)(load.rate * load.seconds) + 1;
	load.client = calloc(total, sizeof(*load.client));
	load.took = calloc(total, sizeof(*load.took));
	load.ctx = SSL_CTX_new(DTLS_client_method());
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (load.client == NULL || load.took == NULL || load.ctx == NULL || load.epoll < 0)
		fail("too little memory");
	SSL_CTX_set_max_proto_version(load.ctx, DTLS1_2_VERSION);
	run(&load);
	qsort(load.took, load.completed, sizeof(*load.took), compare);
	printf("{\"attempted\": %u, \"completed\": %u, \"p50_ms\": %.3f, \"p99_ms\": %.3f, "
	       "\"max_ms\": %.3f}\n",
		load.attempted, load.completed, quantile_ms(&load, 0.5), quantile_ms(&load, 0.99),
		load.completed == 0 ? 0 : load.took[load.completed - 1] * 1e3);
	free(load.took);
	free(load.client);
	close(load.epoll);
	SSL_CTX_free(load.ctx);
	return 0;
}
