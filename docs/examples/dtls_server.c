/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A DTLS 1.2 server that sends back what it gets: one thread, one port, one socket for all clients.
 *
 * The socket stays unconnected. A server that gives each client a socket of its own, with bind() and
 * connect() after DTLSv1_listen(), has a moment between the two in which the new socket gets the
 * datagrams of all clients. Here every datagram comes by recvmsg(), with the address that it was sent
 * to, and goes by its two addresses to the SSL that it is for, through a BIO that holds one datagram.
 *
 * A hello from nobody known goes to the one SSL that listens. DTLSv1_listen() answers it without
 * keeping anything; when it accepts a cookie, that SSL becomes the client's, and a new one listens.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <errno.h>
#include <poll.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include <netinet/in.h>

#include "setup.h"
#include "wire/hello.h"

#define DATAGRAM_MAX 16384
#define FLIGHT_MAX 1232     /* bytes of UDP payload that pass everywhere (RFC 8200 5) */
#define HALF_OPEN_MAX 1024u /* handshakes in progress: whoever proves an address can begin one */
#define CLIENTS_MAX 65536u

/* From whom a datagram came and to which of our addresses; unused bytes are 0. */
struct route {
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} peer, local;
};

struct client {
	struct route route; /* first: tsearch() compares it */
	struct server *server;
	SSL *ssl;
	const uint8_t *in; /* the datagram that OpenSSL may read, NULL once it has */
	size_t in_len;
	uint8_t random[32]; /* of its hello */
	int64_t deadline;   /* setup_now_ms() */
	TAILQ_ENTRY(client) link;
	bool established;
};

TAILQ_HEAD(clients, client);

struct server {
	struct setup setup;
	int socket;
	BIO_METHOD *method;
	struct client *listener;
	void *by_route;                      /* of tsearch(): all but the listener */
	struct clients handshaking, talking; /* those that have been silent for longest are first */
	unsigned int n_handshaking, n_talking;
	unsigned long long handshakes, refused, ignored;
	uint8_t datagram[DATAGRAM_MAX];
};

static int
compare_routes(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct route));
}

/* --- datagrams ------------------------------------------------------------------------------- */

union control {
	struct cmsghdr header;
	uint8_t space[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static void
send_datagram(const struct client *client, const void *bytes, size_t len)
{
	bool six = client->route.peer.any.sa_family == AF_INET6;
	struct iovec part = { (void *)(uintptr_t)bytes, len };
	union control control = { 0 };
	struct sockaddr_in6 peer = client->route.peer.six;
	struct msghdr message = {
		.msg_name = &peer,
		.msg_namelen = six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen =
			CMSG_SPACE(six ? sizeof(struct in6_pktinfo) : sizeof(struct in_pktinfo)),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	if (six) {
		struct in6_pktinfo info = { .ipi6_addr = client->route.local.six.sin6_addr };

		header->cmsg_level = IPPROTO_IPV6;
		header->cmsg_type = IPV6_PKTINFO;
		header->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(header), &info, sizeof(info));
	} else {
		struct in_pktinfo info = { .ipi_spec_dst = client->route.local.four.sin_addr };

		header->cmsg_level = IPPROTO_IP;
		header->cmsg_type = IP_PKTINFO;
		header->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(header), &info, sizeof(info));
	}
	/* What cannot be sent now is lost like any other datagram: DTLS sends it again. */
	(void)sendmsg(client->server->socket, &message, MSG_DONTWAIT);
}

/* Returns its length, or -1 if there is none. */
static ssize_t
receive_datagram(struct server *server, struct route *route)
{
	struct iovec part = { server->datagram, sizeof(server->datagram) };
	union control control;
	struct msghdr message = {
		.msg_name = &route->peer,
		.msg_namelen = sizeof(route->peer),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n;

	memset(route, 0, sizeof(*route));
	n = recvmsg(server->socket, &message, MSG_DONTWAIT);
	if (n < 0)
		return -1;
	memcpy(&route->local, &server->setup.address, server->setup.address_len);
	for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL;
		header = CMSG_NXTHDR(&message, header)) {
		struct in_pktinfo four;
		struct in6_pktinfo six;

		if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
			memcpy(&four, CMSG_DATA(header), sizeof(four));
			route->local.four.sin_addr = four.ipi_addr;
		} else if (header->cmsg_level == IPPROTO_IPV6 &&
			   header->cmsg_type == IPV6_PKTINFO) {
			memcpy(&six, CMSG_DATA(header), sizeof(six));
			route->local.six.sin6_addr = six.ipi6_addr;
		}
	}
	return (message.msg_flags & MSG_TRUNC) != 0 ? 0 : n;
}

/* --- the BIO --------------------------------------------------------------------------------- */

static int
bio_read(BIO *bio, char *buffer, int size)
{
	struct client *client = BIO_get_data(bio);
	size_t n = client->in_len;

	BIO_clear_retry_flags(bio);
	if (client->in == NULL || size < 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	if (n > (size_t)size)
		n = (size_t)size;
	memcpy(buffer, client->in, n);
	client->in = NULL;
	return (int)n;
}

static int
bio_write(BIO *bio, const char *bytes, int len)
{
	BIO_clear_retry_flags(bio);
	send_datagram(BIO_get_data(bio), bytes, (size_t)len);
	return len;
}

static long
bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	switch (command) {
	case BIO_CTRL_FLUSH:
	case BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT:
		return 1;
	case BIO_CTRL_DGRAM_QUERY_MTU:
	case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
		return FLIGHT_MAX;
	default:
		return 0;
	}
}

/* --- clients --------------------------------------------------------------------------------- */

static void
client_free(struct client *client)
{
	if (client == NULL)
		return;
	SSL_free(client->ssl);
	free(client);
}

static struct client *
client_new(struct server *server)
{
	struct client *client = calloc(1, sizeof(*client));
	BIO *bio = BIO_new(server->method);

	if (client != NULL)
		client->ssl = SSL_new(server->setup.ctx);
	if (client == NULL || client->ssl == NULL || bio == NULL) {
		BIO_free(bio);
		client_free(client);
		return NULL;
	}
	client->server = server;
	BIO_set_data(bio, client);
	BIO_set_init(bio, 1);
	SSL_set_bio(client->ssl, bio, bio);
	SSL_set_mtu(client->ssl, FLIGHT_MAX);
	SSL_set_accept_state(client->ssl);
	return client;
}

static void
client_end(struct client *client)
{
	struct server *server = client->server;

	if (client->established)
		SSL_shutdown(client->ssl);
	tdelete(client, &server->by_route, compare_routes);
	TAILQ_REMOVE(client->established ? &server->talking : &server->handshaking, client, link);
	--*(client->established ? &server->n_talking : &server->n_handshaking);
	client_free(client);
}

static void
client_talk(struct client *client)
{
	char message[DATAGRAM_MAX];
	int n, error;

	while ((n = SSL_read(client->ssl, message, sizeof(message))) > 0)
		SSL_write(client->ssl, message, n);
	error = SSL_get_error(client->ssl, n);
	ERR_clear_error();
	if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
		client_end(client);
}

/* Lets OpenSSL work on a datagram. The client may be gone then. */
static void
client_feed(struct client *client, const uint8_t *datagram, size_t len)
{
	struct server *server = client->server;
	int result, error;

	client->in = datagram;
	client->in_len = len;
	if (!client->established) {
		result = SSL_accept(client->ssl);
		error = SSL_get_error(client->ssl, result);
		ERR_clear_error();
		if (result != 1) {
			client->in = NULL;
			if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
				client_end(client);
			return;
		}
		TAILQ_REMOVE(&server->handshaking, client, link);
		server->n_handshaking--;
		client->established = true;
		server->n_talking++;
		server->handshakes++;
	} else {
		TAILQ_REMOVE(&server->talking, client, link);
	}
	client->deadline = setup_now_ms() + IDLE_MS;
	TAILQ_INSERT_TAIL(&server->talking, client, link);
	client_talk(client);
}

/* --- the server ------------------------------------------------------------------------------ */

static struct client *
find_client(struct server *server, const struct route *route)
{
	struct client **found = tfind(route, &server->by_route, compare_routes);

	return found != NULL ? *found : NULL;
}

/* The listener has accepted the hello: it is the client's from now on. */
static void
begin(struct server *server, const struct hg_hello *hello)
{
	struct client *client = server->listener, *former = find_client(server, &client->route);
	struct client *listener = client_new(server);

	if (listener == NULL || server->n_handshaking == HALF_OPEN_MAX ||
		server->n_talking == CLIENTS_MAX) {
		server->refused++;
		client_free(listener);
		return; /* the old one listens on: DTLSv1_listen() clears it */
	}
	/* RFC 6347 4.2.8: it has proved its address, so it takes the place of its former session. */
	if (former != NULL)
		client_end(former);
	if (tsearch(client, &server->by_route, compare_routes) == NULL) {
		server->refused++;
		client_free(listener);
		return;
	}
	server->listener = listener;
	memcpy(client->random, hello->client + 2, sizeof(client->random));
	client->deadline = setup_now_ms() + HANDSHAKE_MS;
	TAILQ_INSERT_TAIL(&server->handshaking, client, link);
	server->n_handshaking++;
	client_feed(client, NULL, 0); /* OpenSSL has kept the hello */
}

static void
hear(struct server *server, const struct route *route, size_t len, const struct hg_hello *hello)
{
	struct client *listener = server->listener;
	BIO_ADDR *unused = BIO_ADDR_new(); /* our BIO has none */
	int result;

	listener->route = *route;
	listener->in = server->datagram;
	listener->in_len = len;
	hg_tls_cookies_set_peer(listener->ssl, &route->peer.any, &route->local.any);
	result = unused != NULL ? DTLSv1_listen(listener->ssl, unused) : 0;
	listener->in = NULL;
	BIO_ADDR_free(unused);
	ERR_clear_error(); /* a result below 0 is no reason to stop: the next hello is another one */
	if (result == 1)
		begin(server, hello);
}

static void
take(struct server *server, const struct route *route, size_t len)
{
	struct client *client = find_client(server, route);
	struct hg_hello hello;
	bool is_hello = false;

	if (hg_hello_parse(server->datagram, len, &is_hello, &hello) != HG_PASS)
		is_hello = false;
	/*
	 * A hello from a known client: a late or repeated one is for its SSL, another one for the
	 * listener.
	 */
	if (is_hello && (client == NULL || memcmp(client->random, hello.client + 2,
						   sizeof(client->random)) != 0))
		hear(server, route, len, &hello);
	else if (client != NULL)
		client_feed(client, server->datagram, len);
	else
		server->ignored++;
}

/* Ends who has been silent for too long, and sends flights again. Returns how long to wait, in ms. */
static int64_t
tick(struct server *server)
{
	int64_t now = setup_now_ms(), wait = 1000;
	struct client *client, *next;
	struct timeval left;

	while ((client = TAILQ_FIRST(&server->talking)) != NULL && client->deadline <= now)
		client_end(client);
	for (client = TAILQ_FIRST(&server->handshaking); client != NULL; client = next) {
		next = TAILQ_NEXT(client, link);
		if (client->deadline <= now || DTLSv1_handle_timeout(client->ssl) < 0) {
			client_end(client);
		} else if (DTLSv1_get_timeout(client->ssl, &left) == 1) {
			int64_t ms = (int64_t)left.tv_sec * 1000 + left.tv_usec / 1000 + 1;

			wait = ms < wait ? ms : wait;
		}
	}
	ERR_clear_error();
	return wait;
}

static void
open_socket(struct server *server)
{
	int on = 1, family = server->setup.address.ss_family;

	server->socket = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (server->socket < 0 ||
		setsockopt(server->socket, family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6,
			family == AF_INET ? IP_PKTINFO : IPV6_RECVPKTINFO, &on, sizeof(on)) != 0 ||
		bind(server->socket, (const struct sockaddr *)&server->setup.address,
			server->setup.address_len) != 0) {
		perror("dtls_server: socket");
		exit(2);
	}
}

static void
begin_server(struct server *server, int argc, char **argv)
{
	setup_begin(&server->setup, argc, argv, DTLS_server_method());
	SSL_CTX_set_min_proto_version(server->setup.ctx, DTLS1_2_VERSION);
	SSL_CTX_set_options(server->setup.ctx, SSL_OP_NO_QUERY_MTU);
	TAILQ_INIT(&server->handshaking);
	TAILQ_INIT(&server->talking);
	open_socket(server);
	server->method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "one datagram");
	if (server->method == NULL || BIO_meth_set_read(server->method, bio_read) != 1 ||
		BIO_meth_set_write(server->method, bio_write) != 1 ||
		BIO_meth_set_ctrl(server->method, bio_ctrl) != 1 ||
		(server->listener = client_new(server)) == NULL) {
		fputs("dtls_server: no memory\n", stderr);
		exit(2);
	}
	puts("dtls_server: ready");
	fflush(stdout);
}

static void
end_server(struct server *server)
{
	struct client *client;

	printf("handshakes %llu\nsessions %u\nrefused %llu\nignored %llu\n", server->handshakes,
		server->n_talking + server->n_handshaking, server->refused, server->ignored);
	while ((client = TAILQ_FIRST(&server->talking)) != NULL)
		client_end(client);
	while ((client = TAILQ_FIRST(&server->handshaking)) != NULL)
		client_end(client);
	client_free(server->listener);
	BIO_meth_free(server->method);
	close(server->socket);
	setup_finish(&server->setup);
}

int
main(int argc, char **argv)
{
	static struct server server;

	begin_server(&server, argc, argv);
	while (setup_end == 0) {
		int64_t wait = tick(&server);
		struct timespec timeout = { wait / 1000, wait % 1000 * 1000000 };
		struct pollfd ready = { .fd = server.socket, .events = POLLIN };
		struct route route;
		ssize_t n;

		if (ppoll(&ready, 1, &timeout, &server.setup.usual) > 0)
			for (unsigned int i = 0; i < 64; i++) { /* and then the timers again */
				n = receive_datagram(&server, &route);
				if (n < 0)
					break;
				take(&server, &route, (size_t)n);
			}
		if (setup_reload != 0)
			setup_again(&server.setup);
	}
	end_server(&server);
	return EXIT_SUCCESS;
}
