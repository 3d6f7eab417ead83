/* SPDX-License-Identifier: BSD-3-Clause */
/* A client on Mbed TLS 2.28 or 3. */
#include "client.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/timing.h>
#include <mbedtls/version.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CIPHERS_MAX 16

struct client {
	const struct options *opt;
	mbedtls_entropy_context entropy;
	mbedtls_ctr_drbg_context random;
	mbedtls_ssl_config config;
	mbedtls_x509_crt ca;
	mbedtls_ssl_session session; /* to be resumed */
	bool has_session;
	int ciphers[CIPHERS_MAX + 1]; /* ends with 0 */
	mbedtls_timing_delay_context timer;
	mbedtls_net_context socket;
	mbedtls_ssl_context ssl;
};

const char client_name[] = "mbedtls_client";
/*
 * Its hello never comes in fragments: mbedtls_ssl_get_current_mtu() exempts it, as its own server cannot
 * read them.
 */
const unsigned int client_can = CAN_PSK | CAN_MAX_FRAGMENT;

const char *
client_version(void)
{
	return "Mbed TLS " MBEDTLS_VERSION_STRING;
}

static bool
set_ciphers(struct client *client)
{
	const char *list = client->opt->ciphers, *name;
	size_t n = 0, size;

	while ((size = next_name(&list, &name)) != 0) {
		char word[64];

		snprintf(word, sizeof(word), "%.*s", (int)size, name);
		client->ciphers[n] = mbedtls_ssl_get_ciphersuite_id(word);
		if (client->ciphers[n] == 0 || ++n > CIPHERS_MAX - 1)
			return client_fault("ciphers", 0);
	}
	mbedtls_ssl_conf_ciphersuites(&client->config, client->ciphers);
	return true;
}

static bool
configure(struct client *client)
{
	mbedtls_ssl_config *config = &client->config;
	const struct options *opt = client->opt;
	unsigned char code = MBEDTLS_SSL_MAX_FRAG_LEN_NONE;
	int error;

	error = mbedtls_ctr_drbg_seed(
		&client->random, mbedtls_entropy_func, &client->entropy, NULL, 0);
	if (error == 0)
		error = mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_CLIENT,
			MBEDTLS_SSL_TRANSPORT_DATAGRAM, MBEDTLS_SSL_PRESET_DEFAULT);
	if (error != 0)
		return client_fault("defaults", error);
	mbedtls_ssl_conf_rng(config, mbedtls_ctr_drbg_random, &client->random);
	mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_REQUIRED);
	if (opt->ca != NULL) {
		error = mbedtls_x509_crt_parse_file(&client->ca, opt->ca);
		mbedtls_ssl_conf_ca_chain(config, &client->ca, NULL);
	}
	if (error == 0 && opt->identity != NULL)
		error = mbedtls_ssl_conf_psk(config, opt->psk, opt->psk_size,
			(const unsigned char *)opt->identity, strlen(opt->identity));
	for (unsigned long size = opt->max_fragment; size >= 512; size /= 2)
		code++;
	if (error == 0)
		error = mbedtls_ssl_conf_max_frag_len(config, code);
	if (error != 0)
		return client_fault("options", error);
	return opt->ciphers == NULL || set_ciphers(client);
}

struct client *
client_new(const struct options *opt)
{
	struct client *client = calloc(1, sizeof(*client));

	if (client == NULL)
		return NULL;
	client->opt = opt;
	mbedtls_entropy_init(&client->entropy);
	mbedtls_ctr_drbg_init(&client->random);
	mbedtls_ssl_config_init(&client->config);
	mbedtls_x509_crt_init(&client->ca);
	mbedtls_ssl_session_init(&client->session);
	if (configure(client))
		return client;
	client_free(client);
	return NULL;
}

void
client_free(struct client *client)
{
	mbedtls_ssl_session_free(&client->session);
	mbedtls_x509_crt_free(&client->ca);
	mbedtls_ssl_config_free(&client->config);
	mbedtls_ctr_drbg_free(&client->random);
	mbedtls_entropy_free(&client->entropy);
	free(client);
}

bool
client_open(struct client *client, int fd)
{
	mbedtls_ssl_context *ssl = &client->ssl;
	int error;

	mbedtls_ssl_init(ssl);
	error = mbedtls_ssl_setup(ssl, &client->config);
	if (error == 0 && client->opt->sni != NULL)
		error = mbedtls_ssl_set_hostname(ssl, client->opt->sni);
	if (error == 0 && client->has_session)
		error = mbedtls_ssl_set_session(ssl, &client->session);
	if (error != 0)
		return client_fault("setup", error);
	client->socket.fd = fd;
	mbedtls_ssl_set_timer_cb(
		ssl, &client->timer, mbedtls_timing_set_delay, mbedtls_timing_get_delay);
	mbedtls_ssl_set_bio(ssl, &client->socket, mbedtls_net_send, mbedtls_net_recv, NULL);
	return true;
}

static enum step
step_of(const char *what, int result)
{
	if (result >= 0)
		return DONE;
	if (result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE)
		return WAITS;
	client_fault(what, result);
	return FAILED;
}

enum step
client_handshake(struct client *client, bool expired)
{
	(void)expired; /* it looks at its timer by itself */
	return step_of("handshake", mbedtls_ssl_handshake(&client->ssl));
}

bool
client_write(struct client *client, const void *data, size_t size)
{
	return step_of("write", mbedtls_ssl_write(&client->ssl, data, size)) == DONE;
}

enum step
client_read(struct client *client, void *data, size_t *size)
{
	int result = mbedtls_ssl_read(&client->ssl, data, *size);

	*size = result > 0 ? (size_t)result : 0;
	return step_of("read", result);
}

const char *
client_cipher(const struct client *client)
{
	return mbedtls_ssl_get_ciphersuite(&client->ssl);
}

void
client_close(struct client *client, bool established)
{
	if (established) {
		mbedtls_ssl_session_free(&client->session);
		mbedtls_ssl_session_init(&client->session);
		client->has_session = client->opt->resume &&
				      mbedtls_ssl_get_session(&client->ssl, &client->session) == 0;
		mbedtls_ssl_close_notify(&client->ssl);
	}
	mbedtls_ssl_free(&client->ssl);
}
