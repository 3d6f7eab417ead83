/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A DTLS 1.2 client for the end-to-end tests. It opens any number of sessions at once, sends
 * numbered datagrams over each, checks that each comes back once and unchanged, and does at a
 * test's request what ordinary clients do only by accident: pause after the HelloVerifyRequest,
 * vanish after the second hello, begin again on the same socket.
 *
 * It ends when all is done, at its deadline, or by SIGTERM.
 *
 * Results are lines `key value` on stdout. Exit code: 0 if every handshake completed and every
 * datagram came back, 1 if not, 2 for wrong usage.
 */
#include "dtls_session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static const struct {
	const char *name;
	enum { TEXT, NUMBER, FLAG } kind;
	size_t offset;
	const char *help;
} option_list[] = {
	{ "host", TEXT, offsetof(struct options, host), "address of the server" },
	{ "port", NUMBER, offsetof(struct options, port), "its port" },
	{ "source", TEXT, offsetof(struct options, source), "own address" },
	{ "source-port", NUMBER, offsetof(struct options, source_port), "own port (of the first)" },
	{ "sni", TEXT, offsetof(struct options, sni), "server name to ask for and to verify" },
	{ "ca", TEXT, offsetof(struct options, ca), "verify the server against this file" },
	{ "cert", TEXT, offsetof(struct options, cert), "own certificate chain" },
	{ "key", TEXT, offsetof(struct options, key), "own private key" },
	{ "identity", TEXT, offsetof(struct options, identity), "PSK identity" },
	{ "psk", TEXT, offsetof(struct options, psk), "PSK in hexadecimal" },
	{ "ciphers", TEXT, offsetof(struct options, ciphers), "cipher list" },
	{ "sessions", NUMBER, offsetof(struct options, sessions), "sessions at once (1)" },
	{ "rounds", NUMBER, offsetof(struct options, rounds), "handshakes per session (1)" },
	{ "datagrams", NUMBER, offsetof(struct options, datagrams), "datagrams per round (1)" },
	{ "size", NUMBER, offsetof(struct options, size), "bytes in each (64)" },
	{ "window", NUMBER, offsetof(struct options, window), "datagrams in flight (1)" },
	{ "mtu", NUMBER, offsetof(struct options, mtu), "size of an IP packet (1400)" },
	{ "deadline", NUMBER, offsetof(struct options, deadline), "seconds for everything (60)" },
	{ "resend", NUMBER, offsetof(struct options, resend),
		"milliseconds until a datagram that has not come back is sent again (never)" },
	{ "rest", NUMBER, offsetof(struct options, rest), "milliseconds between rounds (0)" },
	{ "resume", FLAG, offsetof(struct options, resume), "resume from the second round on" },
	{ "pause", FLAG, offsetof(struct options, pause),
		"say 'hvr' and wait for a line on stdin" },
	{ "vanish", FLAG, offsetof(struct options, vanish), "end right after the second hello" },
	{ "leave", FLAG, offsetof(struct options, leave), "end without close_notify" },
	{ "interactive", FLAG, offsetof(struct options, interactive), "take commands from stdin" },
	{ "endless", FLAG, offsetof(struct options, endless), "rounds until a line on stdin" },
};

static volatile sig_atomic_t told_to_end;

static void
on_sigterm(int signal)
{
	(void)signal;
	told_to_end = 1;
}

static void
session_command(struct session *s, const char *word, unsigned long number)
{
	if (!strcmp(word, "echo") || !strcmp(word, "send")) {
		series_begin(s, number, word[0] == 's');
	} else if (!strcmp(word, "close") || !strcmp(word, "leave")) {
		s->client->opt.leave = word[0] == 'l';
		s->round = s->client->opt.rounds;
		session_finish(s);
	} else if (!strcmp(word, "again")) {
		if (session_again(s))
			puts("again");
		else
			session_fail(s, "again");
	} else if (!strcmp(word, "finish") && s->beside) {
		session_take_over(s);
	} else {
		fprintf(stderr, "no such command: %s\n", word);
		exit(2);
	}
}

/* How long datagrams took to come back since this was asked last. */
static void
report_times(struct client *c)
{
	printf("times %lu %lu %lu\n", (unsigned long)c->round_trips.n,
		(unsigned long)histogram_quantile(&c->round_trips, 0.5),
		(unsigned long)histogram_quantile(&c->round_trips, 0.99));
	histogram_clear(&c->round_trips);
}

static void
client_command(struct client *c)
{
	char line[64], word[16];
	unsigned long number = 0;

	if (!read_line(line, sizeof(line)) || c->opt.endless) {
		c->stop = true;
		c->fds[0].fd = -1;
		if (c->opt.endless)
			return;
		snprintf(line, sizeof(line), "close");
	}
	if (sscanf(line, "%15s %lu", word, &number) < 1)
		return;
	if (!strcmp(word, "times")) {
		report_times(c);
		return;
	}
	if (!strcmp(word, "echo") || !strcmp(word, "send") || !strcmp(word, "finish"))
		c->series++;
	for (unsigned long i = 0; i < c->opt.sessions; i++) {
		if (c->sessions[i].state != DONE)
			session_command(&c->sessions[i], word, number);
		if (c->sessions[i].state != DONE)
			session_step(&c->sessions[i]);
	}
}

/* The time until the next retransmission or the deadline. */
static int
client_timeout(const struct client *c)
{
	uint64_t now = now_ms();
	uint64_t wait = c->deadline > now ? c->deadline - now : 0;

	for (unsigned long i = 0; i < c->opt.sessions; i++) {
		const struct session *s = &c->sessions[i];
		struct timeval tv;

		if (s->state == DONE)
			continue;
		if (SSL_in_before(s->ssl)) { /* a new round: nothing has been sent yet */
			uint64_t rest = session_rests(s) ? s->begun - now : 0;

			wait = rest < wait ? rest : wait;
			continue;
		}
		if (s->state == TRAFFIC && c->opt.resend && c->opt.resend < wait)
			wait = c->opt.resend;
		if (!DTLSv1_get_timeout(s->ssl, &tv))
			continue;
		uint64_t ms = (uint64_t)tv.tv_sec * 1000 + (uint64_t)tv.tv_usec / 1000 + 1;
		if (ms < wait)
			wait = ms;
	}
	return wait > 1000 ? 1000 : (int)wait;
}

/* Tells the test about steps that it waits for; false when every session is done. */
static bool
client_progress(struct client *c)
{
	bool handshaking = false, busy = false, live = false;

	for (unsigned long i = 0; i < c->opt.sessions; i++) {
		enum state state = c->sessions[i].state;

		handshaking |= state == HANDSHAKE;
		busy |= state == TRAFFIC;
		live |= state != DONE;
	}
	if (!handshaking && !c->established_told) {
		printf("established %lu\n", c->handshakes);
		c->established_told = true;
	}
	if (c->opt.interactive && live && !handshaking && !busy && c->told_series <= c->series) {
		printf("done %lu\n", c->series);
		c->told_series = c->series + 1;
	}
	return live;
}

static void
client_run(struct client *c)
{
	unsigned long n = c->opt.sessions;

	c->deadline = now_ms() + c->opt.deadline * 1000;
	c->fds[0].fd = c->opt.interactive || c->opt.endless ? STDIN_FILENO : -1;
	c->fds[0].events = POLLIN;
	for (unsigned long i = 0; i < n; i++) {
		session_begin(&c->sessions[i]);
		if (c->sessions[i].state != DONE)
			session_step(&c->sessions[i]);
	}
	while (client_progress(c) && !told_to_end) {
		if (now_ms() >= c->deadline) {
			fprintf(stderr, "deadline of %lu s has passed\n", c->opt.deadline);
			break;
		}
		for (unsigned long i = 0; i < n; i++)
			c->fds[1 + i] =
				(struct pollfd){ .fd = c->sessions[i].fd, .events = POLLIN };
		if (poll(c->fds, n + 1, client_timeout(c)) < 0 && errno != EINTR)
			abort();
		if (c->fds[0].revents)
			client_command(c);
		for (unsigned long i = 0; i < n; i++) {
			struct session *s = &c->sessions[i];

			if (s->state != DONE && DTLSv1_handle_timeout(s->ssl) < 0)
				session_fail(s, "retransmission");
			else if (s->state != DONE)
				session_step(s);
			if (s->state == TRAFFIC && c->opt.resend)
				session_resend(s);
		}
	}
}

static int
client_report(struct client *c)
{
	unsigned long unfinished = 0;

	for (unsigned long i = 0; i < c->opt.sessions; i++) {
		unfinished += c->sessions[i].state != DONE;
		session_end(&c->sessions[i]);
		SSL_SESSION_free(c->sessions[i].ticket);
		free(c->sessions[i].seen);
	}
	printf("handshakes %lu\nresumed %lu\nfailed %lu\nunfinished %lu\nhvr %lu\n", c->handshakes,
		c->resumed, c->failed, unfinished, c->hvr);
	printf("sent %lu\nreceived %lu\nwrong %lu\nlate %lu\nclosed %lu\nresent %lu\n", c->sent,
		c->received, c->wrong, c->late, c->closed, c->resent);
	printf("slowest_ms %lu\ncipher %s\n", (unsigned long)c->slowest,
		c->cipher[0] ? c->cipher : "none");
	return c->failed || unfinished || c->wrong ||
	       (!c->opt.interactive && c->sent != c->received);
}

static int
usage(void)
{
	fputs("usage: dtls_client --host ADDRESS --port PORT [options]\n", stderr);
	for (size_t i = 0; i < sizeof(option_list) / sizeof(option_list[0]); i++)
		fprintf(stderr, "  --%-12s %s\n", option_list[i].name, option_list[i].help);
	return 2;
}

static bool
parse_options(struct options *opt, int argc, char **argv)
{
	size_t count = sizeof(option_list) / sizeof(option_list[0]);

	for (int i = 1; i < argc; i++) {
		size_t k = 0;
		char *field, *end;

		while (k < count &&
			(strncmp(argv[i], "--", 2) || strcmp(argv[i] + 2, option_list[k].name)))
			k++;
		if (k == count || (option_list[k].kind != FLAG && ++i == argc))
			return false;
		field = (char *)opt + option_list[k].offset;
		if (option_list[k].kind == FLAG) {
			*(bool *)(void *)field = true;
		} else if (option_list[k].kind == TEXT) {
			*(const char **)(void *)field = argv[i];
		} else {
			*(unsigned long *)(void *)field = strtoul(argv[i], &end, 10);
			if (*end || !*argv[i])
				return false;
		}
	}
	return opt->host && opt->port && opt->port < 65536 && opt->sessions &&
	       opt->sessions < 100000 && opt->size >= PAYLOAD_HEADER && opt->size <= PAYLOAD_MAX &&
	       opt->window;
}

int
main(int argc, char **argv)
{
	struct client c = {
		.opt = {
			.sessions = 1,
			.rounds = 1,
			.datagrams = 1,
			.size = 64,
			.window = 1,
			.mtu = 1400,
			.deadline = 60,
		},
	};
	int code;

	if (!parse_options(&c.opt, argc, argv))
		return usage();
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_sigterm }, NULL);
	c.ctx = new_context(&c);
	c.sessions = calloc(c.opt.sessions, sizeof(*c.sessions));
	c.fds = calloc(c.opt.sessions + 1, sizeof(*c.fds));
	if (!c.sessions || !c.fds)
		abort();
	for (unsigned long i = 0; i < c.opt.sessions; i++)
		c.sessions[i] = (struct session){ .client = &c, .id = i, .fd = -1, .state = DONE };
	client_run(&c);
	code = client_report(&c);
	SSL_CTX_free(c.ctx);
	free(c.sessions);
	free(c.fds);
	return code;
}
