/* SPDX-License-Identifier: BSD-3-Clause */
#include "dtls_session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "clock.h"

enum {
	ERRORS_TOLD = 10,
};

static uint64_t
now_us(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000;
}

uint64_t
now_ms(void)
{
	return now_us() / 1000;
}

bool
read_line(char *line, size_t size)
{
	size_t n = 0;
	char c;

	while (read(STDIN_FILENO, &c, 1) == 1) {
		if (c == '\n') {
			line[n] = '\0';
			return true;
		}
		if (n + 1 < size)
			line[n++] = c;
	}
	return false;
}

void
session_end(struct session *s)
{
	SSL_free(s->ssl);
	SSL_free(s->beside);
	s->ssl = s->beside = NULL;
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->state = DONE;
}

void
session_fail(struct session *s, const char *what)
{
	struct client *c = s->client;
	unsigned long error = ERR_peek_last_error();

	if (c->failed++ < ERRORS_TOLD)
		fprintf(stderr, "session %lu, round %lu: %s: %s\n", s->id, s->round, what,
			error ? ERR_reason_error_string(error) : strerror(errno));
	ERR_clear_error();
	session_end(s);
}

/*
 * Nothing more comes in. Whoever vanishes must not go on from an answer that is there before it has
 * left.
 */
static void
receive_nothing(int fd)
{
	struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog filter = { .len = 1, .filter = &none };

	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) != 0)
		abort();
}

/* Sees every handshake message: the only place where OpenSSL shows a HelloVerifyRequest. */
static void
on_message(int write_p, int version, int type, const void *buf, size_t len, SSL *ssl, void *arg)
{
	struct session *s = arg;
	char line[64];

	(void)version;
	(void)ssl;
	if (type != SSL3_RT_HANDSHAKE || len == 0)
		return;
	if (!write_p && ((const uint8_t *)buf)[0] == DTLS1_MT_HELLO_VERIFY_REQUEST) {
		s->client->hvr++;
		s->verified = true;
		if (s->client->opt.vanish)
			receive_nothing(s->fd);
		if (s->client->opt.pause) {
			puts("hvr");
			read_line(line, sizeof(line));
		}
	} else if (write_p && ((const uint8_t *)buf)[0] == SSL3_MT_CLIENT_HELLO && s->verified) {
		s->second_hellos++;
	}
}

static unsigned int
on_psk(SSL *ssl, const char *hint, char *identity, unsigned int identity_size, unsigned char *psk,
	unsigned int psk_size)
{
	const struct client *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	size_t length;

	(void)hint;
	if (snprintf(identity, identity_size, "%s", c->opt.identity) >= (int)identity_size ||
		!OPENSSL_hexstr2buf_ex(psk, psk_size, &length, c->opt.psk, '\0'))
		return 0;
	return (unsigned int)length;
}

static int
socket_address(const char *text, unsigned long port, struct sockaddr_storage *ss, socklen_t *length)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		*length = sizeof(*v4);
		return 0;
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		*length = sizeof(*v6);
		return 0;
	}
	return -EINVAL;
}

static int
open_socket(const struct options *opt, unsigned long id)
{
	int buffer = 4 << 20;
	unsigned long port = opt->source_port ? opt->source_port + id : 0;
	struct sockaddr_storage peer, own;
	socklen_t peer_length, own_length;
	int fd;

	if (socket_address(opt->host, opt->port, &peer, &peer_length) < 0)
		return -1;
	if (opt->source) {
		if (socket_address(opt->source, port, &own, &own_length) < 0)
			return -1;
	} else {
		memset(&own, 0, sizeof(own));
		own.ss_family = peer.ss_family;
		own_length = peer_length;
		((struct sockaddr_in *)&own)->sin_port = htons((uint16_t)port);
	}
	fd = socket(peer.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	if (bind(fd, (struct sockaddr *)&own, own_length) < 0 ||
		connect(fd, (struct sockaddr *)&peer, peer_length) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static SSL *
new_ssl(struct session *s)
{
	const struct options *opt = &s->client->opt;
	struct sockaddr_storage peer;
	socklen_t length;
	SSL *ssl = SSL_new(s->client->ctx);
	BIO *bio = BIO_new_dgram(s->fd, BIO_NOCLOSE);

	if (!ssl || !bio || socket_address(opt->host, opt->port, &peer, &length) < 0)
		abort();
	BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &peer);
	SSL_set_bio(ssl, bio, bio);
	SSL_set_options(ssl, SSL_OP_NO_QUERY_MTU);
	DTLS_set_link_mtu(ssl, (long)opt->mtu);
	SSL_set_msg_callback(ssl, on_message);
	SSL_set_msg_callback_arg(ssl, s);
	SSL_set_connect_state(ssl);
	if (opt->sni)
		SSL_set_tlsext_host_name(ssl, opt->sni);
	if (opt->sni && opt->ca)
		X509_VERIFY_PARAM_set1_host(SSL_get0_param(ssl), opt->sni, 0);
	return ssl;
}

void
session_begin(struct session *s)
{
	s->round++;
	s->verified = false;
	s->second_hellos = 0;
	s->begun = now_ms() + (s->round > 1 ? s->client->opt.rest : 0);
	s->state = HANDSHAKE;
	s->fd = open_socket(&s->client->opt, s->id);
	if (s->fd < 0) {
		session_fail(s, "socket");
		return;
	}
	s->ssl = new_ssl(s);
	if (s->client->opt.resume && s->ticket)
		SSL_set_session(s->ssl, s->ticket);
}

void
series_begin(struct session *s, unsigned long datagrams, bool fire)
{
	free(s->seen);
	s->seen = calloc(datagrams + 1, 1);
	if (!s->seen)
		abort();
	s->progress = now_ms();
	s->wanted = datagrams;
	s->sent = s->received = 0;
	s->fire = fire;
	s->state = TRAFFIC;
}

static void
session_established(struct session *s)
{
	struct client *c = s->client;
	uint64_t took = now_ms() - s->begun;

	c->handshakes++;
	c->resumed += SSL_session_reused(s->ssl) ? 1 : 0;
	if (took > c->slowest)
		c->slowest = took;
	snprintf(c->cipher, sizeof(c->cipher), "%s", SSL_get_cipher_name(s->ssl));
	SSL_SESSION_free(s->ticket);
	s->ticket = SSL_get1_session(s->ssl);
	series_begin(s, c->opt.datagrams, false);
}

void
session_finish(struct session *s)
{
	struct client *c = s->client;

	if (!c->opt.leave)
		SSL_shutdown(s->ssl);
	ERR_clear_error();
	session_end(s);
	if (c->opt.endless ? !c->stop : s->round < c->opt.rounds)
		session_begin(s);
}

static void
payload_fill(
	uint8_t *payload, size_t size, unsigned long id, unsigned long series, unsigned long seq)
{
	uint32_t head[3] = { htonl((uint32_t)id), htonl((uint32_t)series), htonl((uint32_t)seq) };

	memcpy(payload, head, PAYLOAD_HEADER);
	for (size_t i = PAYLOAD_HEADER; i < size; i++)
		payload[i] = (uint8_t)(seq + i * 7);
}

static void
datagram_received(struct session *s, const uint8_t *payload, size_t size)
{
	struct client *c = s->client;
	uint8_t expected[PAYLOAD_MAX];
	uint32_t head[3];

	if (size != c->opt.size) {
		c->wrong++;
		puts("unexpected datagram");
		return;
	}
	memcpy(head, payload, PAYLOAD_HEADER);
	payload_fill(expected, size, s->id, ntohl(head[1]), ntohl(head[2]));
	if (memcmp(payload, expected, size) != 0) {
		c->wrong++;
	} else if (ntohl(head[1]) != c->series || s->state != TRAFFIC) {
		c->late++;
	} else if (ntohl(head[2]) < s->sent && s->seen[ntohl(head[2])] && c->resent) {
		c->late++;
	} else if (ntohl(head[2]) >= s->sent || s->seen[ntohl(head[2])]) {
		c->wrong++;
	} else {
		s->progress = now_ms();
		if (c->opt.window == 1)
			histogram_add(&c->round_trips, now_us() - s->sent_us);
		s->seen[ntohl(head[2])] = 1;
		s->received++;
		c->received++;
	}
}

/* Reads all that has come; false if the session has ended. */
static bool
session_read(struct session *s)
{
	uint8_t payload[PAYLOAD_MAX];

	for (;;) {
		int n = SSL_read(s->ssl, payload, sizeof(payload));
		int error;

		if (n > 0) {
			datagram_received(s, payload, (size_t)n);
			continue;
		}
		error = SSL_get_error(s->ssl, n);
		if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
			return true;
		if (error == SSL_ERROR_ZERO_RETURN) {
			s->client->closed++;
			printf("close_notify %lu\n", s->id);
			if (s->state == TRAFFIC)
				session_fail(s, "closed by the server");
			else
				session_end(s);
			return false;
		}
		session_fail(s, "read");
		return false;
	}
}

static void
session_write(struct session *s)
{
	struct client *c = s->client;
	uint8_t payload[PAYLOAD_MAX];

	while (s->sent < s->wanted && (s->fire || s->sent - s->received < c->opt.window)) {
		int n;

		payload_fill(payload, c->opt.size, s->id, c->series, s->sent);
		s->sent_us = now_us();
		n = SSL_write(s->ssl, payload, (int)c->opt.size);
		if (n <= 0) {
			if (SSL_get_error(s->ssl, n) != SSL_ERROR_WANT_WRITE)
				session_fail(s, "write");
			return;
		}
		s->sent++;
		c->sent++;
		s->progress = now_ms();
	}
}

void
session_resend(struct session *s)
{
	struct client *c = s->client;
	uint8_t payload[PAYLOAD_MAX];

	if (now_ms() - s->progress < c->opt.resend)
		return;
	s->progress = now_ms();
	for (unsigned long seq = 0; seq < s->sent; seq++) {
		if (s->seen[seq])
			continue;
		payload_fill(payload, c->opt.size, s->id, c->series, seq);
		if (SSL_write(s->ssl, payload, (int)c->opt.size) > 0)
			c->resent++;
	}
}

static void
session_traffic(struct session *s)
{
	const struct options *opt = &s->client->opt;

	if (!session_read(s))
		return;
	if (s->state == TRAFFIC)
		session_write(s);
	if (s->state != TRAFFIC || s->sent < s->wanted || (!s->fire && s->received < s->wanted))
		return;
	s->state = IDLE;
	if (!opt->interactive)
		session_finish(s);
}

bool
session_rests(const struct session *s)
{
	return s->state == HANDSHAKE && SSL_in_before(s->ssl) && now_ms() < s->begun;
}

void
session_step(struct session *s)
{
	ERR_clear_error();
	if (session_rests(s)) {
		if (s->client->stop)
			session_end(s);
		return;
	}
	if (s->state == HANDSHAKE) {
		int r = SSL_do_handshake(s->ssl);

		if (r == 1) {
			session_established(s);
		} else if (SSL_get_error(s->ssl, r) != SSL_ERROR_WANT_READ) {
			session_fail(s, "handshake");
			return;
		} else if (s->client->opt.vanish && s->second_hellos) {
			session_end(s);
			return;
		}
	}
	if (s->state == TRAFFIC || s->state == IDLE)
		session_traffic(s);
}

bool
session_again(struct session *s)
{
	struct pollfd fd = { .fd = s->fd, .events = POLLIN };

	s->beside = new_ssl(s);
	s->verified = false;
	s->second_hellos = 0;
	while (!s->second_hellos) {
		int r = SSL_do_handshake(s->beside);

		if (r == 1 || SSL_get_error(s->beside, r) != SSL_ERROR_WANT_READ)
			return false;
		if (!s->second_hellos && (poll(&fd, 1, 100) < 0 || now_ms() >= s->client->deadline))
			return false;
		DTLSv1_handle_timeout(s->beside);
	}
	return true;
}

void
session_take_over(struct session *s)
{
	SSL_free(s->ssl);
	s->ssl = s->beside;
	s->beside = NULL;
	s->begun = now_ms();
	s->state = HANDSHAKE;
}

SSL_CTX *
new_context(struct client *c)
{
	const struct options *opt = &c->opt;
	SSL_CTX *ctx = SSL_CTX_new(DTLS_client_method());

	if (!ctx || !SSL_CTX_set_app_data(ctx, c) ||
		(opt->ciphers && !SSL_CTX_set_cipher_list(ctx, opt->ciphers)) ||
		(opt->ca && !SSL_CTX_load_verify_file(ctx, opt->ca)) ||
		(opt->cert && !SSL_CTX_use_certificate_chain_file(ctx, opt->cert)) ||
		(opt->key && !SSL_CTX_use_PrivateKey_file(ctx, opt->key, SSL_FILETYPE_PEM))) {
		ERR_print_errors_fp(stderr);
		exit(2);
	}
	if (opt->ca)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	if (opt->identity && opt->psk)
		SSL_CTX_set_psk_client_callback(ctx, on_psk);
	return ctx;
}
