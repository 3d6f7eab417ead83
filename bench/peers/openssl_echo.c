/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A DTLS server as a good application would write it with OpenSSL alone: DTLSv1_listen() with
 * cookies on one socket, a connected socket for each client from then on, epoll. It sends back what
 * it receives, or passes it to a UDP server and the answers back, with a socket there for each
 * client too.
 *
 *     openssl_echo --bind ADDRESS:PORT --certificate FILE --key FILE [--upstream ADDRESS:PORT]
 *
 * Says "ready" when it is, and runs until it is killed.
 */
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
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
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 64
#define DATAGRAMS_PER_EVENT 16 /* then others have their turn; epoll is level triggered */
#define TICK_MS 100
#define MTU 1500
#define COOKIE_LEN 20u
#define DATAGRAM_MAX 2048

struct session;

/* What an epoll event is about. */
struct end {
	int fd;
	struct session *session; /* NULL for the socket that listens */
	bool upstream;
};

struct session {
	SSL *ssl;
	struct end client;
	struct end upstream;
	bool established;
	LIST_ENTRY(session) handshaking;
};

struct server {
	SSL_CTX *ctx;
	struct sockaddr_in bind;
	struct sockaddr_in upstream;
	bool relays;
	int epoll;
	struct end listener;
	BIO_ADDR *peer;
	SSL *next; /* waits for the next client */
	LIST_HEAD(, session) handshaking;
};

static uint8_t secret[32];

static _Noreturn void
fail(const char *what)
{
	perror(what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

/* RFC 6347 4.2.1: an HMAC of the client's address and port. */
static int
make_cookie(SSL *ssl, uint8_t cookie[COOKIE_LEN])
{
	uint8_t text[18], mac[EVP_MAX_MD_SIZE];
	BIO_ADDR *peer = BIO_ADDR_new();
	size_t len = 16;
	uint16_t port;
	int ok = peer != NULL && BIO_dgram_get_peer(SSL_get_rbio(ssl), peer) > 0 &&
		 BIO_ADDR_rawaddress(peer, text, &len) == 1;

	if (ok) {
		port = BIO_ADDR_rawport(peer);
		memcpy(text + len, &port, sizeof(port));
		ok = HMAC(EVP_sha256(), secret, sizeof(secret), text, len + 2, mac, NULL) != NULL;
		memcpy(cookie, mac, COOKIE_LEN);
	}
	BIO_ADDR_free(peer);
	return ok;
}

static int
generate_cookie(SSL *ssl, unsigned char *cookie, unsigned int *len)
{
	*len = COOKIE_LEN;
	return make_cookie(ssl, cookie);
}

static int
verify_cookie(SSL *ssl, const unsigned char *cookie, unsigned int len)
{
	uint8_t own[COOKIE_LEN];

	return len == COOKIE_LEN && make_cookie(ssl, own) && CRYPTO_memcmp(cookie, own, len) == 0;
}

static int
open_socket(const struct sockaddr_in *local, const struct sockaddr *peer)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
		(local != NULL && bind(fd, (const struct sockaddr *)local, sizeof(*local)) != 0) ||
		(peer != NULL && connect(fd, peer, sizeof(struct sockaddr_in)) != 0))
		fail("socket");
	return fd;
}

static void
watch(struct server *server, struct end *end)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = end };

	if (epoll_ctl(server->epoll, EPOLL_CTL_ADD, end->fd, &event) != 0)
		fail("epoll");
}

/* Prepares the SSL that takes the next hello on the socket that listens. */
static void
prepare_next(struct server *server)
{
	BIO *bio = BIO_new_dgram(server->listener.fd, BIO_NOCLOSE);

	server->next = SSL_new(server->ctx);
	if (server->next == NULL || bio == NULL)
		fail("no memory for a session");
	SSL_set_bio(server->next, bio, bio);
	SSL_set_mtu(server->next, MTU - 28);
}

static void
end_session(struct session *session)
{
	if (!session->established)
		LIST_REMOVE(session, handshaking);
	SSL_shutdown(session->ssl);
	SSL_free(session->ssl);
	close(session->client.fd);
	if (session->upstream.fd >= 0)
		close(session->upstream.fd);
	free(session);
}

/* Returns false if the session has failed. */
static bool
shake_hands(struct server *server, struct session *session)
{
	int result = SSL_accept(session->ssl);

	if (result != 1)
		return SSL_get_error(session->ssl, result) == SSL_ERROR_WANT_READ;
	session->established = true;
	LIST_REMOVE(session, handshaking);
	if (server->relays) {
		session->upstream.fd =
			open_socket(NULL, (const struct sockaddr *)&server->upstream);
		watch(server, &session->upstream);
	}
	return true;
}

/* The client has shown its cookie: it gets a socket of its own. */
static void
open_session(struct server *server)
{
	struct session *session = calloc(1, sizeof(*session));
	struct sockaddr_in peer = { .sin_family = AF_INET };
	BIO *bio = SSL_get_rbio(server->next);
	size_t len = sizeof(peer.sin_addr);

	if (session == NULL || BIO_ADDR_rawaddress(server->peer, &peer.sin_addr, &len) != 1)
		fail("no memory for a session");
	peer.sin_port = BIO_ADDR_rawport(server->peer);
	session->ssl = server->next;
	session->client = (struct end){
		.fd = open_socket(&server->bind, (const struct sockaddr *)&peer),
		.session = session,
	};
	session->upstream = (struct end){ .fd = -1, .session = session, .upstream = true };
	BIO_set_fd(bio, session->client.fd, BIO_NOCLOSE);
	BIO_ctrl(bio, BIO_CTRL_DGRAM_SET_CONNECTED, 0, &peer);
	LIST_INSERT_HEAD(&server->handshaking, session, handshaking);
	watch(server, &session->client);
	prepare_next(server);
	if (!shake_hands(server, session))
		end_session(session);
}

/* One datagram of the client. Returns false when there is no more, or the session has ended. */
static bool
serve_datagram(struct server *server, struct session *session)
{
	uint8_t data[DATAGRAM_MAX];
	int n = SSL_read(session->ssl, data, sizeof(data));

	if (n > 0) {
		if (server->relays)
			send(session->upstream.fd, data, (size_t)n, MSG_NOSIGNAL);
		else
			SSL_write(session->ssl, data, n);
		return true;
	}
	if (SSL_get_error(session->ssl, n) != SSL_ERROR_WANT_READ)
		end_session(session);
	return false;
}

static void
serve_client(struct server *server, struct session *session)
{
	ERR_clear_error();
	if (!session->established && !shake_hands(server, session)) {
		end_session(session);
		return;
	}
	if (!session->established)
		return;
	for (unsigned int i = 0; i < DATAGRAMS_PER_EVENT; i++)
		if (!serve_datagram(server, session))
			break;
}

static void
serve_upstream(struct session *session)
{
	uint8_t data[DATAGRAM_MAX];

	for (unsigned int i = 0; i < DATAGRAMS_PER_EVENT; i++) {
		ssize_t n = recv(session->upstream.fd, data, sizeof(data), 0);

		if (n <= 0)
			break;
		SSL_write(session->ssl, data, (int)n);
	}
}

/* One event at a time of a session: the first may end it, so the second is looked up anew. */
static void
serve(struct server *server, struct end *end)
{
	if (end->session == NULL) {
		if (DTLSv1_listen(server->next, server->peer) == 1)
			open_session(server);
	} else if (end->upstream) {
		serve_upstream(end->session);
	} else {
		serve_client(server, end->session);
	}
}

static void
retransmit(struct server *server)
{
	struct session *session;

	LIST_FOREACH (session, &server->handshaking, handshaking)
		DTLSv1_handle_timeout(session->ssl);
}

static _Noreturn void
run(struct server *server)
{
	struct epoll_event event[EVENTS];

	for (;;) {
		int n = epoll_wait(server->epoll, event, EVENTS,
			LIST_EMPTY(&server->handshaking) ? -1 : TICK_MS);

		/* Upstreams first: a client's event may end its session, and with it both ends. */
		for (int i = 0; i < n; i++) {
			struct end *end = event[i].data.ptr;

			if (!end->upstream)
				continue;
			serve(server, end);
			event[i].data.ptr = NULL;
		}
		for (int i = 0; i < n; i++)
			if (event[i].data.ptr != NULL)
				serve(server, event[i].data.ptr);
		if (n == 0)
			retransmit(server);
	}
}

static void
parse_address(struct sockaddr_in *address, const char *text)
{
	const char *colon = strchr(text, ':');
	char host[32];

	*address = (struct sockaddr_in){ .sin_family = AF_INET };
	if (colon != NULL && (size_t)(colon - text) < sizeof(host)) {
		snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
		address->sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
		if (inet_pton(AF_INET, host, &address->sin_addr) == 1)
			return;
	}
	fprintf(stderr, "openssl_echo: %s is no ADDRESS:PORT\n", text);
	exit(2);
}

static void
create(struct server *server, const char *certificate, const char *key)
{
	server->ctx = SSL_CTX_new(DTLS_server_method());
	if (server->ctx == NULL ||
		SSL_CTX_use_certificate_chain_file(server->ctx, certificate) != 1 ||
		SSL_CTX_use_PrivateKey_file(server->ctx, key, SSL_FILETYPE_PEM) != 1 ||
		RAND_bytes(secret, sizeof(secret)) != 1)
		fail("certificate");
	SSL_CTX_set_options(server->ctx, SSL_OP_NO_QUERY_MTU | SSL_OP_COOKIE_EXCHANGE);
	SSL_CTX_set_cookie_generate_cb(server->ctx, generate_cookie);
	SSL_CTX_set_cookie_verify_cb(server->ctx, verify_cookie);
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	server->peer = BIO_ADDR_new();
	if (server->epoll < 0 || server->peer == NULL)
		fail("epoll");
	server->listener.fd = open_socket(&server->bind, NULL);
	watch(server, &server->listener);
	prepare_next(server);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "bind", required_argument, NULL, 'b' },
		{ "certificate", required_argument, NULL, 'c' },
		{ "key", required_argument, NULL, 'k' },
		{ "upstream", required_argument, NULL, 'u' },
		{ NULL, 0, NULL, 0 },
	};
	const char *certificate = NULL, *key = NULL;
	struct server server = { 0 };
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'b')
			parse_address(&server.bind, optarg);
		else if (option == 'c')
			certificate = optarg;
		else if (option == 'k')
			key = optarg;
		else if (option == 'u')
			parse_address(&server.upstream, optarg);
		else
			return 2;
	}
	if (server.bind.sin_port == 0 || certificate == NULL || key == NULL || optind != argc) {
		fputs("usage: openssl_echo --bind ADDRESS:PORT --certificate FILE --key FILE\n"
		      "                    [--upstream ADDRESS:PORT]\n",
			stderr);
		return 2;
	}
	server.relays = server.upstream.sin_port != 0;
	create(&server, certificate, key);
	puts("ready");
	fflush(stdout);
	run(&server);
}
