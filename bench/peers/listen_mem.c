/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How many hellos of a capture file OpenSSL's DTLSv1_listen() answers in a second, in memory, with
 * one SSL for all of them. Prints one JSON object.
 *
 * Two ways to bring the hellos to it: "memory", a memory BIO for each direction, one call for each
 * hello; and "queue", a BIO that yields one hello at each read, so that one call answers QUEUE of
 * them in DTLSv1_listen()'s own loop, as happens on a socket that is never empty. Two ways to make a
 * cookie of the peer's address and port: "one_shot", HMAC-SHA1 with EVP_Q_mac() and a fresh
 * BIO_ADDR, as openssl s_server does; and "reused", HMAC-SHA256 in an EVP_MAC context that is kept.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/ssl.h>

#include "base/bytes.h"
#include "clock.h"
#include "load/pcap.h"

#define QUEUE 64u
#define SLICE_NS 20000000u
#define ROUNDS_MAX 1000u
#define SECRET_LEN 16u
#define ETHER_LEN 14u
#define IPV4_LEN 20u
#define IPV6_LEN 40u
#define UDP_LEN 8u

struct hello {
	const uint8_t *payload;
	int len;
	int family;
	const uint8_t *address;
	size_t address_len;
	const uint8_t *port;
};

struct bench {
	struct hello *hello;
	size_t n_hellos;
	const struct hello *peer; /* whose hello is being answered */
	size_t next, left;        /* for the queue: place of the next hello, how many still */
	uint64_t answers, bytes;
	bool one_shot;
	EVP_MAC_CTX *mac;
	uint8_t secret[SECRET_LEN];
};

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "listen_mem: %s failed\n", what);
	ERR_print_errors_fp(stderr);
	exit(EXIT_FAILURE);
}

static int
cookie_one_shot(const struct bench *bench, unsigned char *cookie, unsigned int *ret_len)
{
	BIO_ADDR *peer = BIO_ADDR_new();
	uint16_t port;
	size_t address_len, len = 0;
	unsigned char *buffer;

	memcpy(&port, bench->peer->port, sizeof(port));
	if (peer == NULL ||
		BIO_ADDR_rawmake(peer, bench->peer->family, bench->peer->address,
			bench->peer->address_len, port) != 1 ||
		BIO_ADDR_rawaddress(peer, NULL, &address_len) != 1)
		return 0;
	buffer = OPENSSL_malloc(address_len + sizeof(port));
	if (buffer == NULL)
		return 0;
	port = BIO_ADDR_rawport(peer);
	memcpy(buffer, &port, sizeof(port));
	BIO_ADDR_rawaddress(peer, buffer + sizeof(port), NULL);
	if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA1", NULL, bench->secret, SECRET_LEN, buffer,
		    address_len + sizeof(port), cookie, EVP_MAX_MD_SIZE, &len) == NULL)
		len = 0;
	OPENSSL_free(buffer);
	BIO_ADDR_free(peer);
	*ret_len = (unsigned int)len;
	return len != 0;
}

static int
cookie_reused(const struct bench *bench, unsigned char *cookie, unsigned int *ret_len)
{
	const struct hello *peer = bench->peer;
	size_t len;

	if (EVP_MAC_init(bench->mac, NULL, 0, NULL) != 1 ||
		EVP_MAC_update(bench->mac, peer->address, peer->address_len) != 1 ||
		EVP_MAC_update(bench->mac, peer->port, sizeof(uint16_t)) != 1 ||
		EVP_MAC_final(bench->mac, cookie, &len, EVP_MAX_MD_SIZE) != 1)
		return 0;
	*ret_len = (unsigned int)len;
	return 1;
}

static int
cookie_generate(SSL *ssl, unsigned char *cookie, unsigned int *ret_len)
{
	const struct bench *bench = SSL_get_app_data(ssl);

	return bench->one_shot ? cookie_one_shot(bench, cookie, ret_len)
			       : cookie_reused(bench, cookie, ret_len);
}

/* The hellos of this benchmark bring no cookie. */
static int
cookie_verify(SSL *ssl, const unsigned char *cookie, unsigned int len)
{
	(void)ssl;
	(void)cookie;
	(void)len;
	return 0;
}

static const struct hello *
take_hello(struct bench *bench)
{
	bench->peer = &bench->hello[bench->next];
	bench->next = bench->next + 1 < bench->n_hellos ? bench->next + 1 : 0;
	return bench->peer;
}

static int
queue_read(BIO *bio, char *to, int room)
{
	struct bench *bench = BIO_get_data(bio);
	const struct hello *hello;

	BIO_clear_retry_flags(bio);
	if (bench->left == 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	bench->left--;
	hello = take_hello(bench);
	if (hello->len > room)
		return -1;
	memcpy(to, hello->payload, (size_t)hello->len);
	return hello->len;
}

static int
queue_write(BIO *bio, const char *from, int len)
{
	struct bench *bench = BIO_get_data(bio);

	(void)from;
	bench->answers++;
	bench->bytes += (uint64_t)len;
	return len;
}

static long
queue_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static BIO *
queue_new(struct bench *bench)
{
	BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "hellos");
	BIO *bio;

	must(method != NULL && BIO_meth_set_read(method, queue_read) == 1 &&
			BIO_meth_set_write(method, queue_write) == 1 &&
			BIO_meth_set_ctrl(method, queue_ctrl) == 1,
		"BIO_meth_new");
	bio = BIO_new(method); /* the method lives as long as the process */
	must(bio != NULL, "BIO_new");
	BIO_set_data(bio, bench);
	BIO_set_init(bio, 1);
	return bio;
}

static void
listen_queue(struct bench *bench, SSL *ssl, BIO_ADDR *client)
{
	bench->left = QUEUE;
	must(DTLSv1_listen(ssl, client) == 0 && bench->left == 0, "DTLSv1_listen");
}

static void
listen_memory(struct bench *bench, SSL *ssl, BIO_ADDR *client)
{
	BIO *in = SSL_get_rbio(ssl), *out = SSL_get_wbio(ssl);
	const struct hello *hello;
	char *answer;
	long len;

	for (unsigned int i = 0; i < QUEUE; i++) {
		hello = take_hello(bench);
		must(BIO_write(in, hello->payload, hello->len) == hello->len &&
				DTLSv1_listen(ssl, client) == 0,
			"DTLSv1_listen");
		len = BIO_get_mem_data(out, &answer);
		must(len > 0 && BIO_reset(out) == 1 && BIO_pending(in) == 0, "an answer");
		bench->answers++;
		bench->bytes += (uint64_t)len;
	}
}

/* Answers in a second, over one slice of time. */
static double
time_slice(struct bench *bench, SSL *ssl, BIO_ADDR *client, bool queue)
{
	double from = clock_ns(CLOCK_MONOTONIC), to;
	uint64_t before = bench->answers;

	do {
		if (queue)
			listen_queue(bench, ssl, client);
		else
			listen_memory(bench, ssl, client);
		to = clock_ns(CLOCK_MONOTONIC);
	} while (to - from < SLICE_NS);
	return (double)(bench->answers - before) / (to - from) * 1e9;
}

static void
find_hellos(struct bench *bench, const struct pcap_file *file)
{
	bench->hello = calloc(file->n, sizeof(*bench->hello));
	must(bench->hello != NULL, "calloc");
	for (size_t i = 0; i < file->n; i++) {
		const uint8_t *frame = file->frame[i].bytes, *ip = frame + ETHER_LEN, *udp;
		struct hello *hello = &bench->hello[bench->n_hellos++];
		bool six;

		must(file->frame[i].len >= ETHER_LEN + IPV6_LEN + UDP_LEN, "a frame that long");
		six = hg_load_be16(frame + 12) == 0x86dd;
		udp = ip + (six ? IPV6_LEN : IPV4_LEN);
		hello->family = six ? AF_INET6 : AF_INET;
		hello->address = ip + (six ? 8 : 12);
		hello->address_len = six ? 16 : 4;
		hello->port = udp;
		hello->payload = udp + UDP_LEN;
		hello->len = hg_load_be16(udp + 4) - (int)UDP_LEN;
		must(hello->payload + hello->len <= frame + file->frame[i].len,
			"a frame that long");
	}
}

static void
prepare_mac(struct bench *bench)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

	memset(bench->secret, 7, sizeof(bench->secret));
	bench->mac = EVP_MAC_CTX_new(mac);
	must(bench->mac != NULL && EVP_MAC_init(bench->mac, bench->secret, SECRET_LEN, params) == 1,
		"EVP_MAC_init");
	EVP_MAC_free(mac);
}

static SSL *
prepare_ssl(struct bench *bench, bool queue)
{
	SSL_CTX *ctx = SSL_CTX_new(DTLS_server_method());
	SSL *ssl;

	must(ctx != NULL, "SSL_CTX_new");
	SSL_CTX_set_cookie_generate_cb(ctx, cookie_generate);
	SSL_CTX_set_cookie_verify_cb(ctx, cookie_verify);
	ssl = SSL_new(ctx);
	must(ssl != NULL, "SSL_new");
	SSL_CTX_free(ctx); /* the SSL holds it */
	SSL_set_app_data(ssl, bench);
	if (queue) {
		BIO *bio = queue_new(bench);

		SSL_set_bio(ssl, bio, bio);
	} else {
		BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

		must(in != NULL && out != NULL, "BIO_new");
		SSL_set_bio(ssl, in, out);
	}
	return ssl;
}

static const struct {
	const char *name;
	bool queue;
	bool one_shot;
} ways[] = {
	{ "memory_one_shot", false, true },
	{ "memory_reused", false, false },
	{ "queue_one_shot", true, true },
	{ "queue_reused", true, false },
};

#define N_WAYS (sizeof(ways) / sizeof(ways[0]))

int
main(int argc, char **argv)
{
	unsigned long rounds = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	BIO_ADDR *client = BIO_ADDR_new();
	double best[N_WAYS] = { 0 };
	struct bench bench = { 0 };
	struct pcap_file file;
	SSL *ssl[2];

	if (rounds == 0 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: listen_mem FILE ROUNDS (1 to %u)\n", ROUNDS_MAX);
		return 2;
	}
	pcap_load(&file, argv[1]);
	find_hellos(&bench, &file);
	prepare_mac(&bench);
	ssl[false] = prepare_ssl(&bench, false);
	ssl[true] = prepare_ssl(&bench, true);
	for (unsigned int round = 0; round < rounds; round++)
		for (size_t w = 0; w < N_WAYS; w++) {
			double rate;

			bench.one_shot = ways[w].one_shot;
			rate = time_slice(&bench, ssl[ways[w].queue], client, ways[w].queue);
			best[w] = rate > best[w] ? rate : best[w];
		}
	printf("{\"answers\": %llu, \"bytes\": %llu", (unsigned long long)bench.answers,
		(unsigned long long)bench.bytes);
	for (size_t w = 0; w < N_WAYS; w++)
		printf(", \"%s\": %.0f", ways[w].name, best[w]);
	printf("}\n");
	SSL_free(ssl[false]);
	SSL_free(ssl[true]);
	EVP_MAC_CTX_free(bench.mac);
	BIO_ADDR_free(client);
	free(bench.hello);
	pcap_free(&file);
	return EXIT_SUCCESS;
}
