/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A DTLS 1.2 server on wolfSSL the way its examples show one: a socket is connected to whoever sends
 * first, and wolfSSL_accept() asks for the cookie on it; one client at a time. It echoes what it gets.
 *
 *     wolfssl_server ADDRESS PORT CERTIFICATE KEY
 */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE_SECONDS 10
#define DATA_MAX 2048

static _Noreturn void
fail(const char *what)
{
	fprintf(stderr, "wolfssl_server: %s\n", what);
	exit(1);
}

static int
open_socket(const struct sockaddr_in *own)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
		bind(fd, (const struct sockaddr *)own, sizeof(*own)) != 0)
		fail("cannot bind the address");
	return fd;
}

static void
serve(WOLFSSL *ssl)
{
	struct timeval idle = { .tv_sec = IDLE_SECONDS };
	char data[DATA_MAX];
	int n;

	if (wolfSSL_accept(ssl) != WOLFSSL_SUCCESS)
		return;
	setsockopt(wolfSSL_get_fd(ssl), SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof(idle));
	while ((n = wolfSSL_read(ssl, data, DATA_MAX)) > 0)
		wolfSSL_write(ssl, data, n);
	wolfSSL_shutdown(ssl);
}

/* Waits for a client, and connects a socket to it. */
static void
accept_one(WOLFSSL_CTX *ctx, const struct sockaddr_in *own)
{
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	int fd = open_socket(own);
	char first[DATA_MAX];
	WOLFSSL *ssl;

	if (recvfrom(fd, first, sizeof(first), MSG_PEEK, (struct sockaddr *)&peer, &len) > 0 &&
		connect(fd, (const struct sockaddr *)&peer, len) == 0) {
		ssl = wolfSSL_new(ctx);
		if (ssl == NULL)
			fail("too little memory");
		wolfSSL_set_fd(ssl, fd);
		serve(ssl);
		wolfSSL_free(ssl);
	}
	close(fd);
}

int
main(int argc, char **argv)
{
	struct sockaddr_in own = { .sin_family = AF_INET };
	WOLFSSL_CTX *ctx;

	if (argc != 5 || inet_pton(AF_INET, argv[1], &own.sin_addr) != 1) {
		fprintf(stderr, "usage: wolfssl_server ADDRESS PORT CERTIFICATE KEY\n");
		return 2;
	}
	own.sin_port = htons((uint16_t)atoi(argv[2]));
	wolfSSL_Init();
	ctx = wolfSSL_CTX_new(wolfDTLSv1_2_server_method());
	if (ctx == NULL)
		fail("no DTLS 1.2");
	if (wolfSSL_CTX_use_certificate_chain_file(ctx, argv[3]) != WOLFSSL_SUCCESS ||
		wolfSSL_CTX_use_PrivateKey_file(ctx, argv[4], WOLFSSL_FILETYPE_PEM) !=
			WOLFSSL_SUCCESS)
		fail("cannot use the certificate or the key");
	for (;;)
		accept_one(ctx, &own);
}
