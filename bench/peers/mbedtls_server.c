/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A DTLS server on Mbed TLS the way its documentation shows one: cookies by mbedtls_ssl_cookie_*(),
 * one client at a time on the socket that mbedtls_net_accept() connects. It echoes what it gets.
 *
 *     mbedtls_server ADDRESS PORT CERTIFICATE KEY
 */
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cache.h>
#include <mbedtls/ssl_cookie.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/timing.h>

#include <stdio.h>
#include <stdlib.h>

#define IDLE_MS 10000u
#define TICKET_SECONDS 3600
#define DATA_MAX 2048u

struct server {
	mbedtls_entropy_context entropy;
	mbedtls_ctr_drbg_context random;
	mbedtls_x509_crt certificate;
	mbedtls_pk_context key;
	mbedtls_ssl_cookie_ctx cookies;
	mbedtls_ssl_ticket_context tickets;
	mbedtls_ssl_config config;
	mbedtls_ssl_context ssl;
	mbedtls_timing_delay_context timer;
	mbedtls_net_context listening, client;
};

static void
check(const char *what, int result)
{
	char text[128];

	if (result == 0)
		return;
	mbedtls_strerror(result, text, sizeof(text));
	fprintf(stderr, "mbedtls_server: %s: %s\n", what, text);
	exit(1);
}

static void
read_pair(struct server *server, const char *certificate, const char *key)
{
	mbedtls_entropy_init(&server->entropy);
	mbedtls_ctr_drbg_init(&server->random);
	mbedtls_x509_crt_init(&server->certificate);
	mbedtls_pk_init(&server->key);
	check("random numbers", mbedtls_ctr_drbg_seed(&server->random, mbedtls_entropy_func,
					&server->entropy, NULL, 0));
	check(certificate, mbedtls_x509_crt_parse_file(&server->certificate, certificate));
	check(key, mbedtls_pk_parse_keyfile(&server->key, key, NULL));
}

static void
configure(struct server *server)
{
	mbedtls_ssl_config *config = &server->config;

	mbedtls_ssl_init(&server->ssl);
	mbedtls_ssl_config_init(config);
	mbedtls_ssl_cookie_init(&server->cookies);
	mbedtls_ssl_ticket_init(&server->tickets);
	check("settings", mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_SERVER,
				  MBEDTLS_SSL_TRANSPORT_DATAGRAM, MBEDTLS_SSL_PRESET_DEFAULT));
	mbedtls_ssl_conf_rng(config, mbedtls_ctr_drbg_random, &server->random);
	mbedtls_ssl_conf_read_timeout(config, IDLE_MS);
	check("certificate", mbedtls_ssl_conf_own_cert(config, &server->certificate, &server->key));
	check("cookies", mbedtls_ssl_cookie_setup(
				 &server->cookies, mbedtls_ctr_drbg_random, &server->random));
	mbedtls_ssl_conf_dtls_cookies(
		config, mbedtls_ssl_cookie_write, mbedtls_ssl_cookie_check, &server->cookies);
	check("tickets", mbedtls_ssl_ticket_setup(&server->tickets, mbedtls_ctr_drbg_random,
				 &server->random, MBEDTLS_CIPHER_AES_256_GCM, TICKET_SECONDS));
	mbedtls_ssl_conf_session_tickets_cb(
		config, mbedtls_ssl_ticket_write, mbedtls_ssl_ticket_parse, &server->tickets);
	check("session", mbedtls_ssl_setup(&server->ssl, config));
	mbedtls_ssl_set_timer_cb(
		&server->ssl, &server->timer, mbedtls_timing_set_delay, mbedtls_timing_get_delay);
}

static void
serve(struct server *server)
{
	unsigned char data[DATA_MAX], address[16];
	size_t address_len = 0;
	int n;

	mbedtls_ssl_session_reset(&server->ssl);
	if (mbedtls_net_accept(&server->listening, &server->client, address, sizeof(address),
		    &address_len) != 0 ||
		mbedtls_ssl_set_client_transport_id(&server->ssl, address, address_len) != 0)
		return;
	mbedtls_ssl_set_bio(&server->ssl, &server->client, mbedtls_net_send, mbedtls_net_recv,
		mbedtls_net_recv_timeout);
	do
		n = mbedtls_ssl_handshake(&server->ssl);
	while (n == MBEDTLS_ERR_SSL_WANT_READ || n == MBEDTLS_ERR_SSL_WANT_WRITE);
	while (n >= 0) {
		n = mbedtls_ssl_read(&server->ssl, data, sizeof(data));
		if (n > 0)
			n = mbedtls_ssl_write(&server->ssl, data, (size_t)n);
		if (n == 0)
			break;
	}
	if (n == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
		mbedtls_ssl_close_notify(&server->ssl);
	mbedtls_net_free(&server->client);
}

int
main(int argc, char **argv)
{
	static struct server server;

	if (argc != 5) {
		fprintf(stderr, "usage: mbedtls_server ADDRESS PORT CERTIFICATE KEY\n");
		return 2;
	}
	read_pair(&server, argv[3], argv[4]);
	configure(&server);
	mbedtls_net_init(&server.listening);
	mbedtls_net_init(&server.client);
	check(argv[1],
		mbedtls_net_bind(&server.listening, argv[1], argv[2], MBEDTLS_NET_PROTO_UDP));
	for (;;)
		serve(&server);
}
