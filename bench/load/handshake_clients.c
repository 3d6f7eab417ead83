/* SPDX-License-Identifier: BSD-3-Clause */
#include "load/handshake_clients.h"

#include <openssl/err.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_HEADER 13u /* RFC 6347 4.1 */
#define RECORD_ALERT 21
#define RECORD_HANDSHAKE 22
#define MESSAGE_HELLO_VERIFY 3
#define MESSAGE_SERVER_HELLO_DONE 14

struct pipe {
	struct flight *in;
	struct flight *out;
};

void
bench_die(const char *format, ...)
{
	unsigned long error = ERR_peek_last_error();
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "%s%s\n", error != 0 ? ": " : "",
		error != 0 ? ERR_reason_error_string(error) : "");
	exit(1);
}

/* Forgets what a flight holds. */
static void
flight_clear(struct flight *flight)
{
	flight->n = 0;
	flight->taken = 0;
	flight->used = 0;
}

void
flight_add(struct flight *flight, const uint8_t *data, size_t len)
{
	if (flight->n == FLIGHT_DATAGRAMS || len > FLIGHT_BYTES - flight->used)
		bench_die("a flight has more than %u datagrams or %u bytes", FLIGHT_DATAGRAMS,
			FLIGHT_BYTES);
	memcpy(flight->data + flight->used, data, len);
	flight->len[flight->n++] = (uint16_t)len;
	flight->used += len;
}

const uint8_t *
flight_datagram(const struct flight *flight, unsigned int number)
{
	const uint8_t *data = flight->data;

	for (unsigned int i = 0; i < number; i++)
		data += flight->len[i];
	return data;
}

static int
pipe_read(BIO *bio, char *buffer, int size)
{
	struct flight *in = ((struct pipe *)BIO_get_data(bio))->in;
	size_t len;

	BIO_clear_retry_flags(bio);
	if (in->taken == in->n || size <= 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	len = in->len[in->taken] < size ? in->len[in->taken] : (size_t)size;
	memcpy(buffer, flight_datagram(in, in->taken), len);
	in->taken++;
	return (int)len;
}

static int
pipe_write(BIO *bio, const char *data, int len)
{
	BIO_clear_retry_flags(bio);
	flight_add(((struct pipe *)BIO_get_data(bio))->out, (const uint8_t *)data, (size_t)len);
	return len;
}

static long
pipe_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	switch (command) {
	case BIO_CTRL_FLUSH:
	case BIO_CTRL_DGRAM_SET_CONNECTED:
	case BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT:
		return 1;
	case BIO_CTRL_DGRAM_QUERY_MTU:
	case BIO_CTRL_DGRAM_GET_MTU:
	case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
		return DATAGRAM_MAX;
	default:
		return 0;
	}
}

static int
pipe_destroy(BIO *bio)
{
	free(BIO_get_data(bio));
	return 1;
}

BIO *
flight_bio(struct flight *in, struct flight *out)
{
	static BIO_METHOD *method;
	struct pipe *pipe = malloc(sizeof(*pipe));
	BIO *bio;

	if (method == NULL) {
		method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "flights");
		if (method == NULL || BIO_meth_set_read(method, pipe_read) != 1 ||
			BIO_meth_set_write(method, pipe_write) != 1 ||
			BIO_meth_set_ctrl(method, pipe_ctrl) != 1 ||
			BIO_meth_set_destroy(method, pipe_destroy) != 1)
			bench_die("no memory for a BIO method");
	}
	bio = BIO_new(method);
	if (bio == NULL || pipe == NULL)
		bench_die("no memory for a BIO");
	*pipe = (struct pipe){ .in = in, .out = out };
	BIO_set_data(bio, pipe);
	BIO_set_init(bio, 1);
	return bio;
}

static enum answer
answer_of_message(uint8_t type)
{
	switch (type) {
	case MESSAGE_HELLO_VERIFY:
		return ANSWER_VERIFY;
	case MESSAGE_SERVER_HELLO_DONE:
		return ANSWER_HELLO_DONE;
	default:
		return ANSWER_PART;
	}
}

enum answer
handshake_answer(const uint8_t *datagram, size_t len)
{
	enum answer answer = ANSWER_PART;

	while (len > RECORD_HEADER && answer == ANSWER_PART) {
		size_t body = (size_t)datagram[11] << 8 | datagram[12];
		bool encrypted = (datagram[3] | datagram[4]) != 0;

		if (body > len - RECORD_HEADER)
			break;
		if (datagram[0] == RECORD_ALERT)
			answer = encrypted ? ANSWER_CLOSED : ANSWER_ALERT;
		else if (datagram[0] == RECORD_HANDSHAKE)
			answer = encrypted ? ANSWER_FINISHED
					   : answer_of_message(datagram[RECORD_HEADER]);
		datagram += RECORD_HEADER + body;
		len -= RECORD_HEADER + body;
	}
	return answer;
}

void
handshake_clients_create(struct handshake_clients *clients, unsigned int n)
{
	clients->n = n;
	clients->client = calloc(n, sizeof(*clients->client));
	clients->ctx = SSL_CTX_new(DTLS_client_method());
	if (clients->client == NULL || clients->ctx == NULL)
		bench_die("no memory for %u clients", n);
	SSL_CTX_set_session_cache_mode(clients->ctx, SSL_SESS_CACHE_OFF);
}

void
handshake_clients_free(struct handshake_clients *clients)
{
	for (unsigned int i = 0; i < clients->n; i++)
		SSL_SESSION_free(clients->client[i].ticket);
	SSL_CTX_free(clients->ctx);
	free(clients->client);
}

void
handshake_clients_begin(struct handshake_clients *clients, bool resume)
{
	for (unsigned int i = 0; i < clients->n; i++) {
		struct handshake_client *client = &clients->client[i];
		BIO *bio = flight_bio(&client->in, &client->out);

		flight_clear(&client->in);
		flight_clear(&client->out);
		client->ssl = SSL_new(clients->ctx);
		if (client->ssl == NULL)
			bench_die("no memory for a client");
		SSL_set_options(client->ssl, SSL_OP_NO_QUERY_MTU);
		SSL_set_mtu(client->ssl, DATAGRAM_MAX);
		SSL_set_bio(client->ssl, bio, bio);
		SSL_set_connect_state(client->ssl);
		if (resume && SSL_set_session(client->ssl, client->ticket) != 1)
			bench_die("a ticket cannot be used");
		SSL_do_handshake(client->ssl);
		if (client->out.n == 0)
			bench_die("a client sends no hello");
	}
	ERR_clear_error();
}

void
handshake_clients_step(struct handshake_clients *clients)
{
	for (unsigned int i = 0; i < clients->n; i++) {
		struct handshake_client *client = &clients->client[i];
		int result, error;

		flight_clear(&client->out);
		ERR_clear_error();
		result = SSL_do_handshake(client->ssl);
		error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(client->ssl, result);
		if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ)
			bench_die("a client's handshake failed");
		flight_clear(&client->in);
	}
}

void
handshake_clients_check(struct handshake_clients *clients, bool resumed)
{
	for (unsigned int i = 0; i < clients->n; i++) {
		struct handshake_client *client = &clients->client[i];

		if (!SSL_is_init_finished(client->ssl))
			bench_die("client %u has not completed its handshake", i);
		if (resumed != (SSL_session_reused(client->ssl) == 1))
			bench_die("client %u has %s", i,
				resumed ? "not resumed its session" : "resumed a session");
		if (!resumed && client->ticket == NULL)
			client->ticket = SSL_get1_session(client->ssl);
	}
}

void
handshake_clients_close(struct handshake_clients *clients)
{
	for (unsigned int i = 0; i < clients->n; i++)
		SSL_shutdown(clients->client[i].ssl);
	ERR_clear_error();
}

void
handshake_clients_end(struct handshake_clients *clients)
{
	for (unsigned int i = 0; i < clients->n; i++) {
		SSL_free(clients->client[i].ssl);
		clients->client[i].ssl = NULL;
	}
}
