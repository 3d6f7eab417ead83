/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Nanoseconds of one DTLSv1_listen() with the cookie callbacks of lib/tls beside usual ones, in memory:
 * for a cookieless hello, which is answered, and for a hello with its cookie, which is accepted. The
 * hellos are those of a capture file over IPv4. Prints one JSON object.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include "base/bytes.h"
#include "clock.h"
#include "load/pcap.h"
#include "tls/cookies.h"

#define ROUNDS_MAX 10000u
#define HELLOS 256u
#define HELLO_MAX 512u
#define AT_PAYLOAD 42u /* Ethernet, IPv4, UDP */
#define AT_COOKIE 60u  /* its length, in a hello without session_id */

struct hello {
	struct sockaddr_in peer;
	uint8_t bytes[HELLO_MAX];
	size_t len;
};

struct way {
	const char *name;
	SSL *ssl;
	bool library;
	struct hello second[HELLOS];
	double best[2]; /* ns: answered, accepted */
};

static struct hello hello[HELLOS];
static const struct hello *now_heard;
static uint8_t secret[HG_COOKIE_SECRET_LEN];
static struct sockaddr_in local;

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "listen_library: %s failed\n", what);
	ERR_print_errors_fp(stderr);
	exit(EXIT_FAILURE);
}

/* As in the examples that most servers began with: HMAC() of address and port. */
static int
hmac_generate(SSL *ssl, unsigned char *cookie, unsigned int *ret_len)
{
	uint8_t peer[6];

	(void)ssl;
	memcpy(peer, &now_heard->peer.sin_port, 2);
	memcpy(peer + 2, &now_heard->peer.sin_addr, 4);
	return HMAC(EVP_sha1(), secret, sizeof(secret), peer, sizeof(peer), cookie, ret_len) !=
	       NULL;
}

static int
hmac_verify(SSL *ssl, const unsigned char *cookie, unsigned int len)
{
	unsigned char expected[EVP_MAX_MD_SIZE];
	unsigned int expected_len;

	return hmac_generate(ssl, expected, &expected_len) == 1 && len == expected_len &&
	       CRYPTO_memcmp(cookie, expected, len) == 0;
}

/* No work at all: what OpenSSL takes. */
static int
fixed_generate(SSL *ssl, unsigned char *cookie, unsigned int *ret_len)
{
	(void)ssl;
	memset(cookie, 7, HG_COOKIE_LEN);
	*ret_len = HG_COOKIE_LEN;
	return 1;
}

static int
fixed_verify(SSL *ssl, const unsigned char *cookie, unsigned int len)
{
	(void)ssl;
	return len == HG_COOKIE_LEN && cookie[0] == 7;
}

static int
listen_once(const struct way *way, const struct hello *heard, BIO_ADDR *client)
{
	BIO *in = SSL_get_rbio(way->ssl);

	now_heard = heard;
	if (way->library)
		hg_tls_cookies_set_peer(way->ssl, (const struct sockaddr *)&heard->peer,
			(const struct sockaddr *)&local);
	must(BIO_write(in, heard->bytes, (int)heard->len) == (int)heard->len, "BIO_write");
	return DTLSv1_listen(way->ssl, client);
}

/* Puts the cookies of the answers into the hellos. */
static void
answer_all(struct way *way, BIO_ADDR *client)
{
	BIO *out = SSL_get_wbio(way->ssl);

	for (unsigned int i = 0; i < HELLOS; i++) {
		struct hello *second = &way->second[i];
		uint8_t *p = second->bytes;
		char *answer;
		size_t n;

		must(listen_once(way, &hello[i], client) == 0 &&
				BIO_get_mem_data(out, &answer) > 28,
			"DTLSv1_listen");
		n = (uint8_t)answer[27];
		*second = hello[i];
		must(second->len + n <= HELLO_MAX && p[AT_COOKIE - 1] == 0, "a usual hello");
		memmove(p + AT_COOKIE + 1 + n, p + AT_COOKIE + 1, second->len - AT_COOKIE - 1);
		memcpy(p + AT_COOKIE + 1, answer + 28, n);
		p[AT_COOKIE] = (uint8_t)n;
		second->len += n;
		p[10] = p[18] = 1; /* record sequence number, message_seq */
		p[12] = (uint8_t)(p[12] + n);
		p[16] = p[24] = (uint8_t)(p[16] + n);
		must(p[11] == 0 && p[15] == 0, "a hello of less than 256 bytes");
		must(BIO_reset(out) == 1, "BIO_reset");
	}
}

static void
time_way(struct way *way, BIO_ADDR *client, bool second)
{
	const struct hello *heard = second ? way->second : hello;
	BIO *out = SSL_get_wbio(way->ssl);
	double from = clock_ns(CLOCK_MONOTONIC), ns;

	for (unsigned int i = 0; i < HELLOS; i++) {
		must(listen_once(way, &heard[i], client) == second, "DTLSv1_listen");
		must(BIO_reset(out) == 1, "BIO_reset");
	}
	ns = (clock_ns(CLOCK_MONOTONIC) - from) / HELLOS;
	if (way->best[second] == 0 || ns < way->best[second])
		way->best[second] = ns;
}

static SSL *
prepare(SSL_CTX *ctx)
{
	SSL *ssl = SSL_new(ctx);
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

	must(ssl != NULL && in != NULL && out != NULL, "SSL_new");
	BIO_set_mem_eof_return(in, -1);
	SSL_set_bio(ssl, in, out);
	return ssl;
}

static SSL *
prepare_library(enum hg_cookie_binding binding)
{
	struct hg_tls_cookies_options options = {
		.secret = secret, .secret_len = sizeof(secret), .binding = binding
	};
	SSL_CTX *ctx = SSL_CTX_new(DTLS_server_method());
	struct hg_tls_cookies *cookies;
	SSL *ssl;

	must(hg_tls_cookies_new(&cookies, &options, NULL) == 0 &&
			hg_tls_cookies_install(cookies, ctx, NULL) == 0,
		"hg_tls_cookies_install");
	hg_tls_cookies_free(cookies);
	ssl = prepare(ctx);
	SSL_CTX_free(ctx);
	return ssl;
}

static SSL *
prepare_other(int (*generate)(SSL *, unsigned char *, unsigned int *),
	int (*verify)(SSL *, const unsigned char *, unsigned int))
{
	SSL_CTX *ctx = SSL_CTX_new(DTLS_server_method());
	SSL *ssl;

	SSL_CTX_set_cookie_generate_cb(ctx, generate);
	SSL_CTX_set_cookie_verify_cb(ctx, verify);
	ssl = prepare(ctx);
	SSL_CTX_free(ctx);
	return ssl;
}

static void
read_hellos(const char *path)
{
	struct pcap_file file;

	pcap_load(&file, path);
	must(file.n >= HELLOS, "a file with enough hellos");
	for (unsigned int i = 0; i < HELLOS; i++) {
		const uint8_t *frame = file.frame[i].bytes;

		must(file.frame[i].len > AT_PAYLOAD + AT_COOKIE &&
				file.frame[i].len <= AT_PAYLOAD + HELLO_MAX &&
				hg_load_be16(frame + 12) == 0x0800,
			"a hello over IPv4");
		hello[i].peer.sin_family = local.sin_family = AF_INET;
		memcpy(&hello[i].peer.sin_addr, frame + 26, 4);
		memcpy(&hello[i].peer.sin_port, frame + 34, 2);
		memcpy(&local.sin_addr, frame + 30, 4);
		memcpy(&local.sin_port, frame + 36, 2);
		hello[i].len = file.frame[i].len - AT_PAYLOAD;
		memcpy(hello[i].bytes, frame + AT_PAYLOAD, hello[i].len);
	}
	pcap_free(&file);
}

int
main(int argc, char **argv)
{
	unsigned long rounds = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	BIO_ADDR *client = BIO_ADDR_new();
	static struct way way[4];

	if (rounds == 0 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: listen_library FILE ROUNDS (1 to %u)\n", ROUNDS_MAX);
		return 2;
	}
	read_hellos(argv[1]);
	must(RAND_bytes(secret, sizeof(secret)) == 1, "RAND_bytes");
	way[0] = (struct way){ "library_hello", prepare_library(HG_COOKIE_BIND_HELLO), true };
	way[1] = (struct way){ "library_address", prepare_library(HG_COOKIE_BIND_ADDRESS), true };
	way[2] = (struct way){ "hmac", prepare_other(hmac_generate, hmac_verify), false };
	way[3] = (struct way){ "nothing", prepare_other(fixed_generate, fixed_verify), false };
	for (unsigned long round = 0; round < rounds; round++)
		for (unsigned int w = 0; w < 4; w++) {
			if (round % 1000 == 0)
				answer_all(&way[w], client); /* cookies live for a minute */
			time_way(&way[w], client, false);
			time_way(&way[w], client, true);
		}
	for (unsigned int w = 0; w < 4; w++) {
		printf("%c\"%s_answer_ns\": %.0f, \"%s_accept_ns\": %.0f", w == 0 ? '{' : ',',
			way[w].name, way[w].best[0], way[w].name, way[w].best[1]);
		SSL_free(way[w].ssl);
	}
	puts("}");
	BIO_ADDR_free(client);
	return EXIT_SUCCESS;
}
