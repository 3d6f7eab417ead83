/* SPDX-License-Identifier: BSD-3-Clause */
/* A client on NSS. */
#include "client.h"

#include <cert.h>
#include <nspr.h>
#include <nss.h>
#include <private/pprio.h>
#include <ssl.h>
#include <sslproto.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEM_MAX 16384

struct client {
	const struct options *opt;
	CERTCertificate *ca;
	PRFileDesc *ssl; /* NULL between sessions; what is to be resumed NSS keeps by itself */
	const char *cipher;
};

const char client_name[] = "nss_client";
/*
 * No PSK in DTLS 1.2, no limit for fragments: it finds one by itself, after losses (RFC 6347 section
 * 4.1.1.1).
 */
const unsigned int client_can = CAN_OFFER_1_3;

const char *
client_version(void)
{
	static char text[32];

	snprintf(text, sizeof(text), "NSS %s", NSS_GetVersion());
	return text;
}

/* The one CA that is trusted. */
static bool
trust(struct client *client)
{
	static char pem[PEM_MAX];
	FILE *file = fopen(client->opt->ca, "r");
	CERTCertTrust trust;
	size_t size;

	if (file == NULL)
		return false;
	size = fread(pem, 1, sizeof(pem), file);
	fclose(file);
	client->ca = CERT_DecodeCertFromPackage(pem, (int)size);
	return client->ca != NULL && CERT_DecodeTrustString(&trust, "C,,") == SECSuccess &&
	       CERT_ChangeCertTrust(CERT_GetDefaultCertDB(), client->ca, &trust) == SECSuccess;
}

struct client *
client_new(const struct options *opt)
{
	struct client *client = calloc(1, sizeof(*client));

	if (client == NULL)
		return NULL;
	client->opt = opt;
	if (NSS_NoDB_Init(NULL) == SECSuccess && NSS_SetDomesticPolicy() == SECSuccess &&
		trust(client))
		return client;
	client_fault("ca", PR_GetError());
	client_free(client);
	return NULL;
}

void
client_free(struct client *client)
{
	if (client->ca != NULL)
		CERT_DestroyCertificate(client->ca);
	SSL_ClearSessionCache();
	NSS_Shutdown();
	free(client);
}

static bool
is_wanted(const char *list, const char *suite)
{
	const char *name;
	size_t size;

	while ((size = next_name(&list, &name)) != 0) {
		if (strlen(suite) == size && memcmp(suite, name, size) == 0)
			return true;
	}
	return false;
}

static void
set_ciphers(struct client *client)
{
	const PRUint16 *all = SSL_GetImplementedCiphers();

	for (PRUint16 i = 0; i < SSL_GetNumImplementedCiphers(); i++) {
		SSLCipherSuiteInfo info;

		if (SSL_GetCipherSuiteInfo(all[i], &info, sizeof(info)) == SECSuccess)
			SSL_CipherPrefSet(client->ssl, all[i],
				is_wanted(client->opt->ciphers, info.cipherSuiteName));
	}
}

bool
client_open(struct client *client, int fd)
{
	SSLVersionRange range = {
		.min = SSL_LIBRARY_VERSION_TLS_1_2,
		.max = client->opt->offer_1_3 ? SSL_LIBRARY_VERSION_TLS_1_3
					      : SSL_LIBRARY_VERSION_TLS_1_2,
	};
	PRSocketOptionData nonblocking = {
		.option = PR_SockOpt_Nonblocking,
		.value.non_blocking = PR_TRUE,
	};
	PRFileDesc *udp = PR_ImportUDPSocket(dup(fd)); /* it will be closed with it */

	client->ssl = udp == NULL ? NULL : DTLS_ImportFD(NULL, udp);
	if (client->ssl == NULL || PR_SetSocketOption(client->ssl, &nonblocking) != PR_SUCCESS ||
		SSL_OptionSet(client->ssl, SSL_ENABLE_SESSION_TICKETS, client->opt->resume) !=
			SECSuccess ||
		SSL_VersionRangeSet(client->ssl, &range) != SECSuccess ||
		SSL_SetURL(client->ssl, client->opt->sni) != SECSuccess ||
		SSL_ResetHandshake(client->ssl, PR_FALSE) != SECSuccess)
		return client_fault("setup", PR_GetError());
	if (client->opt->ciphers != NULL)
		set_ciphers(client);
	return true;
}

static enum step
step_of(const char *what, bool done)
{
	if (done)
		return DONE;
	if (PR_GetError() == PR_WOULD_BLOCK_ERROR)
		return WAITS;
	client_fault(what, PR_GetError());
	return FAILED;
}

enum step
client_handshake(struct client *client, bool expired)
{
	SSLCipherSuiteInfo suite;
	SSLChannelInfo channel;
	enum step step;

	(void)expired; /* it looks at its timer by itself */
	step = step_of("handshake", SSL_ForceHandshake(client->ssl) == SECSuccess);
	if (step == DONE &&
		SSL_GetChannelInfo(client->ssl, &channel, sizeof(channel)) == SECSuccess &&
		SSL_GetCipherSuiteInfo(channel.cipherSuite, &suite, sizeof(suite)) == SECSuccess)
		client->cipher = suite.cipherSuiteName;
	return step;
}

bool
client_write(struct client *client, const void *data, size_t size)
{
	PRInt32 sent = PR_Write(client->ssl, data, (PRInt32)size);

	return step_of("write", sent == (PRInt32)size) == DONE;
}

enum step
client_read(struct client *client, void *data, size_t *size)
{
	PRInt32 got = PR_Read(client->ssl, data, (PRInt32)*size);

	*size = got > 0 ? (size_t)got : 0;
	return step_of("read", got >= 0);
}

const char *
client_cipher(const struct client *client)
{
	return client->cipher;
}

void
client_close(struct client *client, bool established)
{
	(void)established; /* it sends close_notify if there is a session */
	if (client->ssl != NULL)
		PR_Close(client->ssl);
	client->ssl = NULL;
}
