/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A TLS 1.3 server over TCP that sends back what it gets, and that keeps nothing of a first hello: it is
 * answered with a HelloRetryRequest and a cookie (RFC 8446 4.2.2), and its SSL is freed at once. The
 * second hello comes to a fresh SSL.
 *
 * TCP has proved the address already, and the kernel holds the connection. What is saved is what TLS
 * holds: an SSL of some 20 KB for each client that connects, says hello, and is never heard of again.
 *
 * SSL_stateless() begins anew at each call, so it has to find a whole hello. Until there is one, it
 * stays in the kernel: it is looked at with MSG_PEEK, and SO_RCVLOWAT says when to look again.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "setup.h"

#define CLIENTS_MAX 65536u
#define RECORD_HEADER 5
#define RECORD_MAX 16384 /* bytes of plaintext (RFC 8446 5.1) */
#define CHANGE_CIPHER_SPEC 20
#define HANDSHAKE 22
#define EVENTS_MAX 64

struct client {
	int socket;
	SSL *ssl;   /* NULL until the second hello has brought its cookie back */
	bool asked; /* with a HelloRetryRequest: once is enough */
	bool established;
	int64_t deadline; /* setup_now_ms() */
	TAILQ_ENTRY(client) link;
};

TAILQ_HEAD(clients, client);

struct server {
	struct setup setup;
	int socket;
	int epoll;
	struct clients greeting, talking; /* in the order of their deadlines */
	unsigned int n_clients;
	unsigned long long retries, handshakes;
};

enum look { LOOK_NOTHING, LOOK_AGAIN, LOOK_HELLO, LOOK_CLOSE };

static void
client_end(struct server *server, struct client *client)
{
	if (client->established)
		SSL_shutdown(client->ssl);
	SSL_free(client->ssl);
	close(client->socket);
	TAILQ_REMOVE(client->established ? &server->talking : &server->greeting, client, link);
	server->n_clients--;
	free(client);
	ERR_clear_error();
}

static void
accept_client(struct server *server)
{
	int socket = accept4(server->socket, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct client *client;
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP };

	if (socket < 0)
		return;
	client = server->n_clients < CLIENTS_MAX ? calloc(1, sizeof(*client)) : NULL;
	event.data.ptr = client;
	if (client == NULL || epoll_ctl(server->epoll, EPOLL_CTL_ADD, socket, &event) != 0) {
		free(client);
		close(socket);
		return;
	}
	client->socket = socket;
	client->deadline = setup_now_ms() + HANDSHAKE_MS;
	TAILQ_INSERT_TAIL(&server->greeting, client, link);
	server->n_clients++;
}

/* Says when epoll is to tell of this socket again. */
static enum look
wait_for(const struct client *client, int bytes)
{
	setsockopt(client->socket, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes));
	return LOOK_NOTHING;
}

/* Is there a whole record that may be a hello? */
static enum look
look(const struct client *client)
{
	unsigned char head[RECORD_HEADER + 1];
	ssize_t n = recv(client->socket, head, sizeof(head), MSG_PEEK);
	int len, there = 0;

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		return LOOK_CLOSE;
	if (n < RECORD_HEADER)
		return wait_for(client, RECORD_HEADER);
	len = head[3] << 8 | head[4];
	if (head[0] == CHANGE_CIPHER_SPEC && client->asked && len == 1) {
		/* RFC 8446 D.4: one stands before the second hello and means nothing. */
		if (n < RECORD_HEADER + 1)
			return wait_for(client, RECORD_HEADER + 1);
		(void)recv(client->socket, head, sizeof(head), 0);
		return LOOK_AGAIN;
	}
	if (head[0] != HANDSHAKE || len == 0 || len > RECORD_MAX)
		return LOOK_CLOSE;
	if (ioctl(client->socket, FIONREAD, &there) != 0)
		return LOOK_CLOSE;
	if (there < RECORD_HEADER + len)
		return wait_for(client, RECORD_HEADER + len);
	wait_for(client, 1);
	return LOOK_HELLO;
}

/* A whole hello, the first or the second. Returns false if the client has to go. */
static bool
greet(struct server *server, struct client *client)
{
	SSL *ssl = SSL_new(server->setup.ctx);
	int result = -1;

	if (ssl != NULL && SSL_set_fd(ssl, client->socket) == 1)
		result = SSL_stateless(ssl);
	ERR_clear_error();
	if (result == 1) {
		client->ssl = ssl;
		return true;
	}
	SSL_free(ssl);
	if (result == 0)
		server->retries++;
	if (result != 0 || client->asked)
		return false;
	client->asked = true;
	return true;
}

/* Returns false if the client has to go. */
static bool
talk(struct server *server, struct client *client)
{
	char message[RECORD_MAX];
	int n;

	if (!client->established) {
		n = SSL_accept(client->ssl);
		if (n != 1)
			return SSL_get_error(client->ssl, n) == SSL_ERROR_WANT_READ;
		TAILQ_REMOVE(&server->greeting, client, link);
		client->established = true;
		server->handshakes++;
	} else {
		TAILQ_REMOVE(&server->talking, client, link);
	}
	client->deadline = setup_now_ms() + IDLE_MS;
	TAILQ_INSERT_TAIL(&server->talking, client, link);
	while ((n = SSL_read(client->ssl, message, sizeof(message))) > 0)
		if (SSL_write(client->ssl, message, n) !=
			n) /* it does not read what it asked for */
			return false;
	return SSL_get_error(client->ssl, n) == SSL_ERROR_WANT_READ;
}

static void
serve(struct server *server, struct client *client, uint32_t events)
{
	bool stays = true;

	while (stays && client->ssl == NULL) {
		enum look seen = look(client);

		if (seen == LOOK_NOTHING && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) == 0)
			return;
		stays = seen == LOOK_AGAIN || (seen == LOOK_HELLO && greet(server, client));
	}
	if (stays)
		stays = talk(server, client);
	ERR_clear_error();
	if (!stays)
		client_end(server, client);
}

static void
begin_server(struct server *server, int argc, char **argv)
{
	const struct setup *setup = &server->setup;
	struct epoll_event event = { .events = EPOLLIN };
	int on = 1;

	setup_begin(&server->setup, argc, argv, TLS_server_method());
	SSL_CTX_set_min_proto_version(setup->ctx, TLS1_3_VERSION);
	TAILQ_INIT(&server->greeting);
	TAILQ_INIT(&server->talking);
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	server->socket =
		socket(setup->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (server->epoll < 0 || server->socket < 0 ||
		setsockopt(server->socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
		bind(server->socket, (const struct sockaddr *)&setup->address,
			setup->address_len) != 0 ||
		listen(server->socket, SOMAXCONN) != 0 ||
		epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->socket, &event) != 0) {
		perror("tls_server: socket");
		exit(2);
	}
	puts("tls_server: ready");
	fflush(stdout);
}

/* Those who have been silent for too long. */
static void
tick(struct server *server)
{
	int64_t now = setup_now_ms();
	struct client *client;

	while ((client = TAILQ_FIRST(&server->greeting)) != NULL && client->deadline <= now)
		client_end(server, client);
	while ((client = TAILQ_FIRST(&server->talking)) != NULL && client->deadline <= now)
		client_end(server, client);
}

static void
end_server(struct server *server)
{
	struct client *client;

	printf("retries %llu\nhandshakes %llu\nclients %u\n", server->retries, server->handshakes,
		server->n_clients);
	while ((client = TAILQ_FIRST(&server->greeting)) != NULL)
		client_end(server, client);
	while ((client = TAILQ_FIRST(&server->talking)) != NULL)
		client_end(server, client);
	close(server->socket);
	close(server->epoll);
	setup_finish(&server->setup);
}

int
main(int argc, char **argv)
{
	static struct server server;
	struct epoll_event event[EVENTS_MAX];

	begin_server(&server, argc, argv);
	while (setup_end == 0) {
		int n = epoll_pwait(server.epoll, event, EVENTS_MAX, 1000, &server.setup.usual);

		for (int i = 0; i < n; i++)
			if (event[i].data.ptr == NULL)
				accept_client(&server);
			else
				serve(&server, event[i].data.ptr, event[i].events);
		tick(&server);
		if (setup_reload != 0)
			setup_again(&server.setup);
	}
	end_server(&server);
	return EXIT_SUCCESS;
}
