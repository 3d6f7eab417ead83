/* SPDX-License-Identifier: BSD-3-Clause */
/* What client and server say in the messages of a handshake, as far as it matters for the session. */
#include "base/bytes.h"
#include "tls/internal.h"
#include "wire/record.h"

#define EXTENSION_ENCRYPT_THEN_MAC 22u /* RFC 7366 */

/* Has a ServerHello, header and all, this extension? */
static bool
has_extension(const uint8_t *message, size_t len, unsigned int number)
{
	size_t at = HG_HANDSHAKE_LEN + 2 + SSL3_RANDOM_SIZE, n;

	if (at >= len)
		return false;
	at += 1u + message[at] + 2 + 1 +
	      2; /* session_id, suite, compression, length of extensions */
	while (at + 4 <= len) {
		if (hg_load_be16(message + at) == number)
			return true;
		n = hg_load_be16(message + at + 2);
		at += 4 + n;
	}
	return false;
}

/* Before OpenSSL looks for a session to resume. */
int
hg_tls_said_hello(SSL *ssl, int *alert, void *arg)
{
	struct hg_tls_session *session = SSL_get_app_data(ssl);
	const unsigned char *code;
	size_t len;

	(void)alert;
	(void)arg;
	session->asked = 0;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_max_fragment_length, &code, &len) == 1 &&
		len == 1)
		session->asked = *code;
	return SSL_CLIENT_HELLO_SUCCESS;
}

/*
 * From this ServerHello on, max_fragment_length holds, if it is agreed upon (RFC 6066 4). A client that needs
 * it may have no room for more than a record, so that datagrams of several are as long as one.
 */
static void
agree(struct hg_tls_session *session)
{
	uint8_t code = SSL_SESSION_get_max_fragment_length(SSL_get_session(session->ssl));

	if (code == TLSEXT_max_fragment_length_DISABLED)
		return;
	session->fragment_max = (uint16_t)(256u << code);
	if (session->flight_max > HG_RECORD_LEN + session->fragment_max)
		hg_tls_session_set_flight_max(session, HG_RECORD_LEN + session->fragment_max);
}

/* The last message of a flight is out: has it been said before? */
static void
end_flight(struct hg_tls_session *session, bool *said)
{
	if (!*said)
		session->repeats = 0;
	else if (session->repeats < UINT8_MAX)
		session->repeats++;
	*said = true;
}

void
hg_tls_said_hear(
	int write_p, int version, int type, const void *message, size_t len, SSL *ssl, void *arg)
{
	struct hg_tls_session *session = arg;
	struct hg_tls_said *said = &session->said;

	(void)version;
	(void)ssl;
	if (write_p == 0 || type != SSL3_RT_HANDSHAKE || len < HG_HANDSHAKE_LEN)
		return;
	switch (*(const uint8_t *)message) {
	case HG_HANDSHAKE_SERVER_HELLO:
		if (!said->hello) { /* not when it is sent again */
			said->mac_last = has_extension(message, len, EXTENSION_ENCRYPT_THEN_MAC);
			agree(session);
		}
		said->hello = true;
		break;
	case HG_HANDSHAKE_CERTIFICATE_REQUEST:
		said->certificate_request = true;
		break;
	case HG_HANDSHAKE_SERVER_HELLO_DONE:
		end_flight(session, &said->done);
		break;
	case HG_HANDSHAKE_FINISHED:
		end_flight(session, &said->finished);
		break;
	default:
		break;
	}
}
