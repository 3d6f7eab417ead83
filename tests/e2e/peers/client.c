/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Options, socket and timers of the DTLS clients on other libraries: handshake, a datagram that has to
 * come back, close_notify. With --resume all of it twice.
 *
 * Results are lines `key value` on stdout. Exit code: 0 if all went well, 1 if not, 2 for wrong usage
 * and for what the library cannot do.
 */
#include "client.h"

#include <getopt.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 50     /* how often a library may look at its timers */
#define RESEND_MS 1000 /* until a datagram that has not come back is sent again */

static const struct {
	const char *name;
	enum { TEXT, NUMBER, FLAG, HEX } kind;
	size_t offset;
	unsigned int needs;
	const char *help;
} option_list[] = {
	{ "host", TEXT, offsetof(struct options, host), 0, "address of the server" },
	{ "port", TEXT, offsetof(struct options, port), 0, "its port" },
	{ "sni", TEXT, offsetof(struct options, sni), 0, "server name to ask for and to verify" },
	{ "ca", TEXT, offsetof(struct options, ca), 0, "verify the server against this file" },
	{ "identity", TEXT, offsetof(struct options, identity), CAN_PSK, "PSK identity" },
	{ "psk", HEX, offsetof(struct options, psk), CAN_PSK, "PSK in hexadecimal" },
	{ "ciphers", TEXT, offsetof(struct options, ciphers), 0, "cipher suites, with commas" },
	{ "max-fragment", NUMBER, offsetof(struct options, max_fragment), CAN_MAX_FRAGMENT,
		"max_fragment_length to offer: 512, 1024, 2048 or 4096" },
	{ "deadline", NUMBER, offsetof(struct options, deadline), 0,
		"seconds for everything (60)" },
	{ "resume", FLAG, offsetof(struct options, resume), 0,
		"a second session resumes the first" },
	{ "offer-1.3", FLAG, offsetof(struct options, offer_1_3), CAN_OFFER_1_3,
		"offer DTLS 1.3 too" },
};
#define N_OPTIONS (sizeof(option_list) / sizeof(option_list[0]))

bool
client_fault(const char *what, long error)
{
	fprintf(stderr, "%s: %s: error %s0x%lx\n", client_name, what, error < 0 ? "-" : "",
		error < 0 ? 0ul - (unsigned long)error : (unsigned long)error);
	return false;
}

size_t
next_name(const char **list, const char **name)
{
	size_t size = strcspn(*list, ",");

	*name = *list;
	*list += size + ((*list)[size] == ',');
	return size;
}

static uint64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static _Noreturn void
usage(void)
{
	fprintf(stderr, "usage: %s OPTION...\n", client_name);
	for (size_t i = 0; i < N_OPTIONS; i++) {
		if ((option_list[i].needs & ~client_can) == 0)
			fprintf(stderr, "  --%-14s %s\n", option_list[i].name, option_list[i].help);
	}
	exit(2);
}

static void
take_psk(struct options *opt, const char *text)
{
	for (opt->psk_size = 0; *text != '\0'; text += 2) {
		unsigned int byte;

		if (opt->psk_size == sizeof(opt->psk) || sscanf(text, "%2x", &byte) != 1 ||
			text[1] == '\0')
			usage();
		opt->psk[opt->psk_size++] = (unsigned char)byte;
	}
}

static void
take_option(struct options *opt, size_t number, const char *text)
{
	char *field = (char *)opt + option_list[number].offset;
	char *end = NULL;

	if (option_list[number].needs & ~client_can) {
		fprintf(stderr, "%s: the library cannot: --%s\n", client_name,
			option_list[number].name);
		exit(2);
	}
	switch (option_list[number].kind) {
	case TEXT:
		memcpy(field, &text, sizeof(text));
		break;
	case NUMBER:
		*(unsigned long *)(void *)field = strtoul(text, &end, 10);
		if (end == text || *end != '\0')
			usage();
		break;
	case FLAG:
		*(bool *)field = true;
		break;
	case HEX:
		take_psk(opt, text);
		break;
	}
}

static void
take_options(struct options *opt, int argc, char **argv)
{
	struct option longs[N_OPTIONS + 1] = { 0 };
	int number = 0;

	for (size_t i = 0; i < N_OPTIONS; i++) {
		longs[i].name = option_list[i].name;
		longs[i].has_arg = option_list[i].kind == FLAG ? no_argument : required_argument;
	}
	for (;;) {
		int got = getopt_long(argc, argv, "", longs, &number);

		if (got == -1)
			break;
		if (got != 0)
			usage();
		take_option(opt, (size_t)number, optarg);
	}
	if (optind != argc || opt->host == NULL || opt->port == NULL ||
		(opt->identity == NULL && (opt->ca == NULL || opt->sni == NULL)))
		usage();
}

static int
connect_to(const struct options *opt)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_DGRAM };
	struct addrinfo *found;
	int fd;

	if (getaddrinfo(opt->host, opt->port, &hints, &found) != 0)
		usage();
	fd = socket(found->ai_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
		perror(client_name);
		exit(1);
	}
	freeaddrinfo(found);
	return fd;
}

/* Waits for a datagram, for a moment. Is there none? */
static bool
wait_for(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, TICK_MS) == 0;
}

/* Sends a datagram until it comes back. */
static bool
echo(struct client *client, int fd, uint64_t deadline)
{
	static const char text[] = "a datagram that comes back";
	uint64_t sent_at = 0;

	while (now_ms() < deadline) {
		char got[sizeof(text)];
		size_t size = sizeof(got);

		if (sent_at == 0 || now_ms() - sent_at >= RESEND_MS) {
			if (!client_write(client, text, sizeof(text)))
				return false;
			sent_at = now_ms();
		}
		switch (client_read(client, got, &size)) {
		case FAILED:
			return false;
		case WAITS:
			wait_for(fd);
			break;
		case DONE:
			if (size == sizeof(text) && memcmp(got, text, size) == 0)
				return true;
			fprintf(stderr, "%s: another datagram came back\n", client_name);
			return false;
		}
	}
	fprintf(stderr, "%s: the datagram did not come back in time\n", client_name);
	return false;
}

static bool
converse(struct client *client, const struct options *opt, uint64_t deadline)
{
	int fd = connect_to(opt);
	enum step step = FAILED;
	bool expired = false, echoed = false;

	if (client_open(client, fd)) {
		while ((step = client_handshake(client, expired)) == WAITS && now_ms() < deadline)
			expired = wait_for(fd);
		if (step == WAITS)
			fprintf(stderr, "%s: no handshake in time\n", client_name);
	}
	if (step == DONE) {
		printf("cipher %s\n", client_cipher(client));
		echoed = echo(client, fd, deadline);
	}
	client_close(client, step == DONE);
	close(fd);
	return echoed;
}

int
main(int argc, char **argv)
{
	struct options opt = { .deadline = 60 };
	int rounds, done = 0;
	struct client *client;
	uint64_t deadline;

	take_options(&opt, argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("library %s\n", client_version());
	client = client_new(&opt);
	if (client == NULL)
		return 1;
	deadline = now_ms() + opt.deadline * 1000;
	rounds = opt.resume ? 2 : 1;
	while (done < rounds && converse(client, &opt, deadline))
		printf("echoed %d\n", ++done);
	client_free(client);
	return done == rounds ? 0 : 1;
}
