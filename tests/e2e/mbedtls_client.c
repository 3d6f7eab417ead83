/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A client on Mbed TLS: mbedtls_client ADDRESS PORT MTU. Two sessions one after the other, the second with
 * the ticket of the first; each sends a datagram and waits for its echo. MTU is that of its handshake
 * messages, 0 for none. Exits with 0 if all went well.
 */
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/timing.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_MS 15000u

struct client {
	mbedtls_entropy_context entropy;
	mbedtls_ctr_drbg_context random;
	mbedtls_ssl_config config;
	mbedtls_ssl_session session;
};

static int
check(const char *what, int result)
{
	if (result < 0)
		fprintf(stderr, "mbedtls_client: %s: -0x%x\n", what, (unsigned int)-result);
	return result;
}

/* Handshake, echo, close_notify; *client's session goes in and comes out. Returns 0 or less. */
static int
converse(struct client *client, char **argv, bool resume)
{
	static const unsigned char text[] = "an echo";
	mbedtls_timing_delay_context timer;
	mbedtls_net_context socket;
	mbedtls_ssl_context ssl;
	unsigned char got[64];
	int result;

	mbedtls_net_init(&socket);
	mbedtls_ssl_init(&ssl);
	result = check(
		"connect", mbedtls_net_connect(&socket, argv[1], argv[2], MBEDTLS_NET_PROTO_UDP));
	if (result == 0)
		result = check("setup", mbedtls_ssl_setup(&ssl, &client->config));
	if (result != 0)
		goto out;
	mbedtls_ssl_set_timer_cb(&ssl, &timer, mbedtls_timing_set_delay, mbedtls_timing_get_delay);
	mbedtls_ssl_set_bio(
		&ssl, &socket, mbedtls_net_send, mbedtls_net_recv, mbedtls_net_recv_timeout);
	if (atoi(argv[3]) != 0)
		mbedtls_ssl_set_mtu(&ssl, (uint16_t)atoi(argv[3]));
	if (resume)
		result = check("set session", mbedtls_ssl_set_session(&ssl, &client->session));
	while (result == 0) {
		result = mbedtls_ssl_handshake(&ssl);
		if (result == 0)
			break;
		if (result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE)
			result = 0;
	}
	if (check("handshake", result) != 0)
		goto out;
	result = check("write", mbedtls_ssl_write(&ssl, text, sizeof(text)));
	if (result > 0)
		result = check("read", mbedtls_ssl_read(&ssl, got, sizeof(got)));
	if (result == (int)sizeof(text) && memcmp(got, text, sizeof(text)) == 0)
		result = check("session", mbedtls_ssl_get_session(&ssl, &client->session));
	else
		result = -1;
	mbedtls_ssl_close_notify(&ssl);
out:
	mbedtls_ssl_free(&ssl);
	mbedtls_net_free(&socket);
	return result;
}

int
main(int argc, char **argv)
{
	struct client client;
	int result;

	if (argc != 4) {
		fprintf(stderr, "usage: mbedtls_client ADDRESS PORT MTU\n");
		return 2;
	}
	mbedtls_entropy_init(&client.entropy);
	mbedtls_ctr_drbg_init(&client.random);
	mbedtls_ssl_config_init(&client.config);
	mbedtls_ssl_session_init(&client.session);
	result = check("random", mbedtls_ctr_drbg_seed(&client.random, mbedtls_entropy_func,
					 &client.entropy, NULL, 0));
	if (result == 0)
		result = check("defaults",
			mbedtls_ssl_config_defaults(&client.config, MBEDTLS_SSL_IS_CLIENT,
				MBEDTLS_SSL_TRANSPORT_DATAGRAM, MBEDTLS_SSL_PRESET_DEFAULT));
	mbedtls_ssl_conf_rng(&client.config, mbedtls_ctr_drbg_random, &client.random);
	mbedtls_ssl_conf_authmode(&client.config, MBEDTLS_SSL_VERIFY_NONE);
	mbedtls_ssl_conf_read_timeout(&client.config, PATIENCE_MS);
	if (result == 0)
		result = converse(&client, argv, false);
	if (result == 0)
		result = converse(&client, argv, true);
	mbedtls_ssl_session_free(&client.session);
	mbedtls_ssl_config_free(&client.config);
	mbedtls_ctr_drbg_free(&client.random);
	mbedtls_entropy_free(&client.entropy);
	return result == 0 ? 0 : 1;
}
