/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What OpenSSL's DTLSv1_listen does with datagrams. Standard input: datagrams, each behind its
 * length in four bytes, big endian. Standard output, a line for each: "silent", "accepted",
 * "hvr HEX" or "failed" (a return value below 0: whoever calls it has to give up on the SSL).
 *
 * The cookie is the same for everyone. Each datagram meets a fresh SSL, as after a long silence.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/bytes.h"

#define COOKIE "oracle-cookie-fixed!"
#define COOKIE_LEN (sizeof(COOKIE) - 1)

static unsigned char datagram[65536];

static int
cookie_generate(SSL *ssl, unsigned char *cookie, unsigned int *ret_size)
{
	(void)ssl;
	memcpy(cookie, COOKIE, COOKIE_LEN);
	*ret_size = COOKIE_LEN;
	return 1;
}

static int
cookie_verify(SSL *ssl, const unsigned char *cookie, unsigned int size)
{
	(void)ssl;
	return size == COOKIE_LEN && memcmp(cookie, COOKIE, size) == 0;
}

static void
report(int listened, BIO *out)
{
	char *bytes;
	long size = BIO_get_mem_data(out, &bytes);

	if (listened > 0) {
		puts("accepted");
		return;
	}
	if (size > 0) {
		fputs("hvr ", stdout);
		for (long i = 0; i < size; i++)
			printf("%02x", (unsigned char)bytes[i]);
		putchar('\n');
		return;
	}
	puts(listened < 0 ? "failed" : "silent");
}

static bool
judge(SSL_CTX *ctx, BIO_ADDR *peer, size_t size)
{
	SSL *ssl = SSL_new(ctx);
	BIO *in = BIO_new(BIO_s_mem());
	BIO *out = BIO_new(BIO_s_mem());
	bool ok = ssl != NULL && in != NULL && out != NULL;

	if (!ok) {
		SSL_free(ssl);
		BIO_free(in);
		BIO_free(out);
		return false;
	}
	/* An empty memory BIO is "nothing yet", not the end. */
	BIO_set_mem_eof_return(in, -1);
	SSL_set_bio(ssl, in, out);
	ok = size == 0 || BIO_write(in, datagram, (int)size) == (int)size;
	if (ok)
		report(DTLSv1_listen(ssl, peer), out);
	ERR_clear_error();
	SSL_free(ssl);
	return ok;
}

static SSL_CTX *
context(void)
{
	SSL_CTX *ctx = SSL_CTX_new(DTLS_server_method());

	if (ctx == NULL)
		return NULL;
	SSL_CTX_set_options(ctx, SSL_OP_COOKIE_EXCHANGE);
	SSL_CTX_set_cookie_generate_cb(ctx, cookie_generate);
	SSL_CTX_set_cookie_verify_cb(ctx, cookie_verify);
	return ctx;
}

int
main(void)
{
	SSL_CTX *ctx = context();
	BIO_ADDR *peer = BIO_ADDR_new();
	bool ok = ctx != NULL && peer != NULL;
	uint8_t prefix[4];

	while (ok && fread(prefix, sizeof(prefix), 1, stdin) == 1) {
		size_t size = hg_load_be32(prefix);

		ok = size <= sizeof(datagram) &&
		     (size == 0 || fread(datagram, size, 1, stdin) == 1) && judge(ctx, peer, size);
	}
	if (!ok)
		fputs("oracle: out of memory, or a datagram is cut or too long\n", stderr);
	BIO_ADDR_free(peer);
	SSL_CTX_free(ctx);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
