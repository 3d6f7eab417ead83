/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client of the relay benchmark: DTLS sessions over kernel sockets, each with so many datagrams
 * under way, and the time that each takes to come back. The same for hellogate and for the server
 * that it is compared with.
 *
 *     relay_load --target ADDRESS:PORT [--sessions N] [--window N] [--size BYTES]
 *                [--seconds SECONDS] [--watch TID]...
 *
 * Prints one JSON object: how many came back, how long they took, and the CPU time that the watched
 * threads had in the same interval.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "load/histogram.h"
#include "load/task_clock.h"

#define EVENTS 64
#define MTU 1500
#define DATAGRAM_MAX 1400
#define WATCH_MAX 8u
#define WARM_SECONDS 0.1
#define LOST_NS 200000000u /* an answer that takes longer will not come */
#define HANDSHAKE_NS 10000000000u
#define TICK_MS 50

/* At the beginning of every datagram. */
struct head {
	uint64_t sent_at;
	uint32_t generation; /* counts up when answers are given up */
	uint32_t pad;
};

struct session {
	SSL *ssl;
	int fd;
	unsigned int in_flight;
	uint32_t generation;
	uint64_t last;
};

struct load {
	struct sockaddr_in target;
	unsigned int n_sessions;
	unsigned int window;
	unsigned int size;
	double seconds;
	unsigned int n_watched;
	int watched[WATCH_MAX];

	SSL_CTX *ctx;
	struct session *session;
	int epoll;
	bool counts;
	uint64_t lost;
	struct histogram latency; /* nanoseconds */
};

static _Noreturn void
fail(const char *what)
{
	fprintf(stderr, "relay_load: %s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static void
shake_hands(struct session *session)
{
	struct pollfd fd = { .fd = session->fd, .events = POLLIN };
	uint64_t end = clock_ns(CLOCK_MONOTONIC) + HANDSHAKE_NS;
	int result;

	while ((result = SSL_connect(session->ssl)) != 1) {
		if (SSL_get_error(session->ssl, result) != SSL_ERROR_WANT_READ ||
			clock_ns(CLOCK_MONOTONIC) > end)
			fail("a handshake failed");
		poll(&fd, 1, TICK_MS);
		DTLSv1_handle_timeout(session->ssl);
	}
}

static void
open_session(struct load *load, struct session *session)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = session };
	BIO *bio;

	session->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (session->fd < 0 || connect(session->fd, (const struct sockaddr *)&load->target,
				       sizeof(load->target)) != 0)
		fail("no socket");
	session->ssl = SSL_new(load->ctx);
	bio = BIO_new_dgram(session->fd, BIO_NOCLOSE);
	if (session->ssl == NULL || bio == NULL)
		fail("no memory for a session");
	BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &load->target);
	SSL_set_bio(session->ssl, bio, bio);
	SSL_set_options(session->ssl, SSL_OP_NO_QUERY_MTU);
	SSL_set_mtu(session->ssl, MTU - 28);
	shake_hands(session);
	if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, session->fd, &event) != 0)
		fail("no epoll");
}

static void
fill_window(const struct load *load, struct session *session)
{
	uint8_t data[DATAGRAM_MAX];
	struct head head;

	memset(data, 'x', load->size);
	while (session->in_flight < load->window) {
		head = (struct head){
			.sent_at = clock_ns(CLOCK_MONOTONIC),
			.generation = session->generation,
		};
		memcpy(data, &head, sizeof(head));
		if (SSL_write(session->ssl, data, (int)load->size) <= 0)
			return;
		session->in_flight++;
	}
}

static void
serve(struct load *load, struct session *session)
{
	uint8_t data[DATAGRAM_MAX];
	struct head head;
	int n;

	ERR_clear_error();
	while ((n = SSL_read(session->ssl, data, sizeof(data))) > 0) {
		uint64_t now = clock_ns(CLOCK_MONOTONIC);

		if ((unsigned int)n != load->size)
			fail("an answer of another size");
		memcpy(&head, data, sizeof(head));
		if (head.generation != session->generation)
			continue;
		session->in_flight--;
		session->last = now;
		if (load->counts)
			histogram_add(&load->latency, now - head.sent_at);
	}
	if (SSL_get_error(session->ssl, n) != SSL_ERROR_WANT_READ)
		fail("a session has ended");
	fill_window(load, session);
}

/* Gives up on what has not come back for long, and goes on. */
static void
give_up(struct load *load, uint64_t now)
{
	for (unsigned int i = 0; i < load->n_sessions; i++) {
		struct session *session = &load->session[i];

		if (now - session->last < LOST_NS)
			continue;
		if (load->counts)
			load->lost += session->in_flight;
		session->in_flight = 0;
		session->generation++;
		session->last = now;
		fill_window(load, session);
	}
}

static void
run_for(struct load *load, double seconds)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC), end = now + (uint64_t)(seconds * 1e9),
		 checked = now;
	struct epoll_event event[EVENTS];

	while (now < end) {
		int n = epoll_wait(load->epoll, event, EVENTS, TICK_MS);

		for (int i = 0; i < n; i++)
			serve(load, event[i].data.ptr);
		now = clock_ns(CLOCK_MONOTONIC);
		if (now - checked > LOST_NS) {
			checked = now;
			give_up(load, now);
		}
	}
}

static void
measure(struct load *load)
{
	uint64_t before[WATCH_MAX], begun;
	double seconds;

	for (unsigned int i = 0; i < load->n_sessions; i++) {
		load->session[i].last = clock_ns(CLOCK_MONOTONIC);
		fill_window(load, &load->session[i]);
	}
	run_for(load, WARM_SECONDS);
	load->counts = true;
	for (unsigned int i = 0; i < load->n_watched; i++)
		before[i] = task_clock_read(load->watched[i]);
	begun = clock_ns(CLOCK_MONOTONIC);
	run_for(load, load->seconds);
	seconds = (double)(clock_ns(CLOCK_MONOTONIC) - begun) / 1e9;
	printf("{\"datagrams\": %llu, \"seconds\": %.6f, \"p50_us\": %.2f, \"p99_us\": %.2f, "
	       "\"lost\": %llu, \"cpu_ns\": [",
		(unsigned long long)load->latency.n, seconds,
		(double)histogram_quantile(&load->latency, 0.5) / 1000,
		(double)histogram_quantile(&load->latency, 0.99) / 1000,
		(unsigned long long)load->lost);
	for (unsigned int i = 0; i < load->n_watched; i++)
		printf("%s%llu", i != 0 ? ", " : "",
			(unsigned long long)(task_clock_read(load->watched[i]) - before[i]));
	puts("]}");
}

static _Noreturn void
usage(void)
{
	fputs("usage: relay_load --target ADDRESS:PORT [--sessions N] [--window N]\n"
	      "                  [--size BYTES] [--seconds SECONDS] [--watch TID]...\n",
		stderr);
	exit(2);
}

static void
parse_target(struct load *load, char *text)
{
	char *port = strchr(text, ':');

	if (port == NULL)
		usage();
	*port++ = '\0';
	load->target.sin_family = AF_INET;
	load->target.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
	if (inet_pton(AF_INET, text, &load->target.sin_addr) != 1)
		usage();
}

static void
watch(struct load *load, const char *thread)
{
	int fd = task_clock_open((int)strtol(thread, NULL, 10));

	if (fd < 0 || load->n_watched == WATCH_MAX)
		fail("the kernel does not tell that thread's CPU time");
	load->watched[load->n_watched++] = fd;
}

static void
parse(struct load *load, int argc, char **argv)
{
	static const struct option options[] = {
		{ "target", required_argument, NULL, 't' },
		{ "sessions", required_argument, NULL, 'n' },
		{ "window", required_argument, NULL, 'w' },
		{ "size", required_argument, NULL, 'l' },
		{ "seconds", required_argument, NULL, 's' },
		{ "watch", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 't':
			parse_target(load, optarg);
			break;
		case 'n':
			load->n_sessions = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 'w':
			load->window = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 'l':
			load->size = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 's':
			load->seconds = strtod(optarg, NULL);
			break;
		case 'c':
			watch(load, optarg);
			break;
		default:
			usage();
		}
	}
	if (load->target.sin_port == 0 || load->n_sessions == 0 || load->window == 0 ||
		load->size < sizeof(struct head) || load->size > DATAGRAM_MAX || optind != argc)
		usage();
}

int
main(int argc, char **argv)
{
	struct load load = { .n_sessions = 1, .window = 1, .size = 64, .seconds = 1 };

	parse(&load, argc, argv);
	load.ctx = SSL_CTX_new(DTLS_client_method());
	load.session = calloc(load.n_sessions, sizeof(*load.session));
	load.epoll = epoll_create1(0);
	if (load.ctx == NULL || load.session == NULL || load.epoll < 0)
		fail("no memory");
	for (unsigned int i = 0; i < load.n_sessions; i++)
		open_session(&load, &load.session[i]);
	measure(&load);
	for (unsigned int i = 0; i < load.n_sessions; i++) {
		SSL_shutdown(load.session[i].ssl);
		SSL_free(load.session[i].ssl);
		close(load.session[i].fd);
	}
	SSL_CTX_free(load.ctx);
	free(load.session);
	return 0;
}
