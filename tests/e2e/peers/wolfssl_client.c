/* SPDX-License-Identifier: BSD-3-Clause */
/* A client on wolfSSL. */
#include "client.h"

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct client {
	const struct options *opt;
	WOLFSSL_CTX *ctx;
	WOLFSSL *ssl;
	WOLFSSL_SESSION *session; /* to be resumed, or NULL */
	struct timespec waiting;  /* for an answer since then */
};

const char client_name[] = "wolfssl_client";
/* As Debian builds it until 5.7 it has no limit for fragments, and no DTLS 1.3. */
const unsigned int client_can = CAN_PSK | CAN_MAX_FRAGMENT;

const char *
client_version(void)
{
	static char text[32];

	snprintf(text, sizeof(text), "wolfSSL %s", wolfSSL_lib_version());
	return text;
}

static unsigned int
give_psk(WOLFSSL *ssl, const char *hint, char *identity, unsigned int identity_max,
	unsigned char *key, unsigned int key_max)
{
	const struct client *client = wolfSSL_get_psk_callback_ctx(ssl);
	const struct options *opt = client->opt;

	(void)hint;
	if (opt->psk_size > key_max || strlen(opt->identity) >= identity_max)
		return 0;
	snprintf(identity, identity_max, "%s", opt->identity);
	memcpy(key, opt->psk, opt->psk_size);
	return (unsigned int)opt->psk_size;
}

static bool
set_ciphers(struct client *client)
{
	char list[512];

	snprintf(list, sizeof(list), "%s", client->opt->ciphers);
	for (char *at = list; *at != '\0'; at++)
		*at = *at == ',' ? ':' : *at;
	return wolfSSL_CTX_set_cipher_list(client->ctx, list) == WOLFSSL_SUCCESS ||
	       client_fault("ciphers", 0);
}

struct client *
client_new(const struct options *opt)
{
	struct client *client = calloc(1, sizeof(*client));

	if (client == NULL)
		return NULL;
	client->opt = opt;
	wolfSSL_Init();
	client->ctx = wolfSSL_CTX_new(wolfDTLSv1_2_client_method());
	if (client->ctx == NULL)
		goto failed;
	wolfSSL_CTX_set_verify(client->ctx, WOLFSSL_VERIFY_PEER, NULL);
	if (opt->ca != NULL &&
		wolfSSL_CTX_load_verify_locations(client->ctx, opt->ca, NULL) != WOLFSSL_SUCCESS) {
		client_fault("ca", 0);
		goto failed;
	}
	if (opt->ciphers != NULL && !set_ciphers(client))
		goto failed;
	return client;
failed:
	client_free(client);
	return NULL;
}

void
client_free(struct client *client)
{
	wolfSSL_SESSION_free(client->session);
	wolfSSL_CTX_free(client->ctx);
	wolfSSL_Cleanup();
	free(client);
}

static bool
set_options(struct client *client)
{
	const struct options *opt = client->opt;
	unsigned char code = 0;
	WOLFSSL *ssl = client->ssl;

	if (opt->sni != NULL &&
		(wolfSSL_UseSNI(ssl, WOLFSSL_SNI_HOST_NAME, opt->sni,
			 (unsigned short)strlen(opt->sni)) != WOLFSSL_SUCCESS ||
			wolfSSL_check_domain_name(ssl, opt->sni) != WOLFSSL_SUCCESS))
		return client_fault("sni", 0);
	if (opt->identity != NULL) {
		wolfSSL_set_psk_callback_ctx(ssl, client);
		wolfSSL_set_psk_client_callback(ssl, give_psk);
	}
	for (unsigned long size = opt->max_fragment; size >= 512; size /= 2)
		code++;
	if (code != 0 && wolfSSL_UseMaxFragment(ssl, code) != WOLFSSL_SUCCESS)
		return client_fault("max-fragment", 0);
	if (opt->resume && wolfSSL_UseSessionTicket(ssl) != WOLFSSL_SUCCESS)
		return client_fault("ticket", 0);
	if (client->session != NULL && wolfSSL_set_session(ssl, client->session) != WOLFSSL_SUCCESS)
		return client_fault("session", 0);
	return true;
}

bool
client_open(struct client *client, int fd)
{
	client->ssl = wolfSSL_new(client->ctx);
	if (client->ssl == NULL ||
		wolfSSL_set_dtls_fd_connected(client->ssl, fd) != WOLFSSL_SUCCESS)
		return client_fault("setup", 0);
	wolfSSL_dtls_set_using_nonblock(client->ssl, 1);
	clock_gettime(CLOCK_MONOTONIC, &client->waiting);
	return set_options(client);
}

static enum step
step_of(struct client *client, const char *what, int result)
{
	int error;

	if (result > 0)
		return DONE;
	error = wolfSSL_get_error(client->ssl, result);
	if (error == WOLFSSL_ERROR_WANT_READ || error == WOLFSSL_ERROR_WANT_WRITE)
		return WAITS;
	client_fault(what, error);
	return FAILED;
}

enum step
client_handshake(struct client *client, bool expired)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!expired) {
		client->waiting = now;
	} else if (now.tv_sec - client->waiting.tv_sec >
		   wolfSSL_dtls_get_current_timeout(client->ssl)) {
		client->waiting = now;
		if (wolfSSL_dtls_got_timeout(client->ssl) != WOLFSSL_SUCCESS)
			return step_of(client, "timeout", -1);
	}
	return step_of(client, "handshake", wolfSSL_connect(client->ssl));
}

bool
client_write(struct client *client, const void *data, size_t size)
{
	return step_of(client, "write", wolfSSL_write(client->ssl, data, (int)size)) == DONE;
}

enum step
client_read(struct client *client, void *data, size_t *size)
{
	int result = wolfSSL_read(client->ssl, data, (int)*size);

	*size = result > 0 ? (size_t)result : 0;
	return step_of(client, "read", result);
}

const char *
client_cipher(const struct client *client)
{
	return wolfSSL_get_cipher(client->ssl);
}

void
client_close(struct client *client, bool established)
{
	if (established) {
		wolfSSL_SESSION_free(client->session);
		client->session = client->opt->resume ? wolfSSL_get1_session(client->ssl) : NULL;
		wolfSSL_shutdown(client->ssl);
	}
	wolfSSL_free(client->ssl);
}
