/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A server as openssl s_server is one, with the library's cookies: DTLSv1_listen() on a socket with
 * OpenSSL's own BIO, connect() to whom it accepts, SSL_accept(), and what that one says goes back to it
 * until SIGTERM. The arguments are those of the examples.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "setup.h"

#define MESSAGE_MAX 16384

/* Until a datagram comes, OpenSSL wants to send again, or a signal has come. */
static void
wait_for_datagram(SSL *ssl, int socket, const sigset_t *mask)
{
	struct pollfd heard = { .fd = socket, .events = POLLIN };
	struct timespec wait = { .tv_sec = 1 };
	struct timeval left;

	if (DTLSv1_get_timeout(ssl, &left) == 1)
		wait = (struct timespec){ left.tv_sec, left.tv_usec * 1000 };
	ppoll(&heard, 1, &wait, mask);
	DTLSv1_handle_timeout(ssl);
	ERR_clear_error();
}

static void
listen_for_peer(SSL *ssl, int socket, const sigset_t *mask)
{
	BIO_ADDR *peer = BIO_ADDR_new();

	while (setup_end == 0 && DTLSv1_listen(ssl, peer) <= 0)
		wait_for_datagram(ssl, socket, mask);
	if (setup_end == 0 && BIO_connect(socket, peer, BIO_SOCK_NONBLOCK) != 1) {
		ERR_print_errors_fp(stderr);
		exit(1);
	}
	BIO_ctrl(SSL_get_wbio(ssl), BIO_CTRL_DGRAM_SET_CONNECTED, 0, peer);
	BIO_ADDR_free(peer);
}

static void
talk(SSL *ssl)
{
	char message[MESSAGE_MAX];
	int n;

	while ((n = SSL_read(ssl, message, sizeof(message))) > 0)
		SSL_write(ssl, message, n);
}

int
main(int argc, char **argv)
{
	unsigned int handshakes = 0;
	struct setup setup;
	int bound;
	SSL *ssl;

	setup_begin(&setup, argc, argv, DTLS_server_method());
	bound = socket(setup.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ssl = SSL_new(setup.ctx);
	if (ssl == NULL || bound < 0 ||
		bind(bound, (struct sockaddr *)&setup.address, setup.address_len) != 0) {
		perror("one_peer");
		exit(2);
	}
	SSL_set0_rbio(ssl, BIO_new_dgram(bound, BIO_NOCLOSE));
	BIO_up_ref(SSL_get_rbio(ssl));
	SSL_set0_wbio(ssl, SSL_get_rbio(ssl));
	puts("one_peer: ready");
	fflush(stdout);
	listen_for_peer(ssl, bound, &setup.usual);
	while (setup_end == 0) {
		if (handshakes == 0)
			handshakes = SSL_accept(ssl) == 1;
		if (handshakes != 0)
			talk(ssl);
		wait_for_datagram(ssl, bound, &setup.usual);
	}
	printf("handshakes %u\n", handshakes);
	SSL_free(ssl);
	close(bound);
	setup_finish(&setup);
	return 0;
}
