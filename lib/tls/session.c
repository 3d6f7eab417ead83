/* SPDX-License-Identifier: BSD-3-Clause */
#include "tls/session.h"

#include <openssl/err.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "tls/internal.h"

#define RECORD_MAX 16384u /* RFC 6347 4.1: plaintext of one record */
#define RECORD_HEADER_LEN 13u
#define CONTENT_APPLICATION_DATA 23

struct hg_tls_session *
hg_tls_session_new(
	const struct hg_tls_context *context, size_t datagram_max, hg_tls_send_fn *send, void *arg)
{
	struct hg_tls_session *session = calloc(1, sizeof(*session));
	BIO *bio = NULL;

	if (session == NULL)
		return NULL;
	session->context = context;
	session->datagram_max = datagram_max;
	session->send = send;
	session->send_arg = arg;
	session->ssl = SSL_new(context->ssl[0]);
	bio = BIO_new(context->bio);
	if (session->ssl == NULL || bio == NULL) {
		BIO_free(bio);
		hg_tls_session_free(session);
		return NULL;
	}
	BIO_set_data(bio, session);
	SSL_set_bio(session->ssl, bio, bio);
	SSL_set_app_data(session->ssl, session);
	SSL_set_mtu(session->ssl, (long)datagram_max);
	SSL_set_accept_state(session->ssl);
	return session;
}

void
hg_tls_session_free(struct hg_tls_session *session)
{
	if (session == NULL)
		return;
	SSL_free(session->ssl);
	free(session);
}

/* Lets OpenSSL work on what is there and judges how far it got. */
static enum hg_tls_state
advance(struct hg_tls_session *session)
{
	int result, error;

	if (session->state != HG_TLS_HANDSHAKE)
		return session->state;
	ERR_clear_error();
	result = SSL_accept(session->ssl);
	if (result == 1) {
		session->state = HG_TLS_ESTABLISHED;
		return session->state;
	}
	error = SSL_get_error(session->ssl, result);
	if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
		session->state = HG_TLS_FAILED;
	ERR_clear_error();
	return session->state;
}

enum hg_tls_state
hg_tls_session_enter(struct hg_tls_session *session, const uint8_t *hello, size_t len,
	size_t record_len, const uint8_t *cookie, size_t cookie_len)
{
	BIO_ADDR *peer = BIO_ADDR_new();
	int result = 0;

	session->cookie_len = (uint8_t)cookie_len;
	memcpy(session->cookie, cookie, cookie_len);
	session->in = hello;
	session->in_len = record_len;
	ERR_clear_error();
	if (peer != NULL)
		result = DTLSv1_listen(session->ssl, peer);
	BIO_ADDR_free(peer);
	session->in = NULL;
	if (result != 1) {
		ERR_clear_error();
		session->state = HG_TLS_FAILED;
		return session->state;
	}
	if (advance(session) == HG_TLS_FAILED)
		return session->state;
	return hg_tls_session_feed(session, hello + record_len, len - record_len);
}

/* RFC 6347 4.1: the length of the record at the start of p, header included, or 0 if it is cut off. */
static size_t
length_of_record(const uint8_t *p, size_t len)
{
	size_t n;

	if (len < RECORD_HEADER_LEN)
		return 0;
	n = RECORD_HEADER_LEN + hg_load_be16(p + 11);
	return n <= len ? n : 0;
}

/* Application data without protection: never a client's, and OpenSSL would end the handshake over it. */
static bool
is_forged(const uint8_t *record)
{
	return record[0] == CONTENT_APPLICATION_DATA && hg_load_be16(record + 3) == 0;
}

enum hg_tls_state
hg_tls_session_feed(struct hg_tls_session *session, const uint8_t *datagram, size_t len)
{
	size_t n;

	/* During the handshake one record at a time, as if each had a datagram of its own. */
	while (session->state == HG_TLS_HANDSHAKE && (n = length_of_record(datagram, len)) != 0) {
		if (!is_forged(datagram)) {
			session->in = datagram;
			session->in_len = n;
			advance(session);
		}
		datagram += n;
		len -= n;
	}
	session->in = NULL;
	if (session->state == HG_TLS_ESTABLISHED && len != 0) {
		session->in = datagram;
		session->in_len = len;
	}
	return session->state;
}

size_t
hg_tls_session_read(struct hg_tls_session *session, uint8_t *buffer, size_t size)
{
	size_t n = 0;
	int error;

	if (session->state != HG_TLS_ESTABLISHED)
		return 0;
	/* The usual end: OpenSSL has taken the datagram, and nothing of it is left. */
	if (session->in == NULL && SSL_has_pending(session->ssl) == 0)
		return 0;
	while (SSL_read_ex(session->ssl, buffer, size, &n) == 1)
		if (n != 0) /* an empty record is legal, and no end */
			return n;
	error = SSL_get_error(session->ssl, 0);
	if (error == SSL_ERROR_ZERO_RETURN)
		session->state = HG_TLS_CLOSED;
	else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
		session->state = HG_TLS_FAILED;
	ERR_clear_error();
	session->in = NULL;
	return 0;
}

enum hg_tls_state
hg_tls_session_state(const struct hg_tls_session *session)
{
	return session->state;
}

bool
hg_tls_session_resumed(const struct hg_tls_session *session)
{
	return SSL_session_reused(session->ssl) == 1;
}

int
hg_tls_session_write(struct hg_tls_session *session, const uint8_t *data, size_t len)
{
	size_t n;

	if (session->state != HG_TLS_ESTABLISHED)
		return -EPIPE;
	if (len > RECORD_MAX)
		return -EMSGSIZE;
	if (len == 0) /* OpenSSL has no way to send an empty record */
		return 0;
	if (SSL_write_ex(session->ssl, data, len, &n) == 1)
		return 0;
	ERR_clear_error();
	return -EPIPE;
}

int64_t
hg_tls_session_timeout(struct hg_tls_session *session)
{
	struct timeval left;

	if (DTLSv1_get_timeout(session->ssl, &left) != 1)
		return -1;
	return (int64_t)left.tv_sec * 1000000 + left.tv_usec;
}

enum hg_tls_state
hg_tls_session_expire(struct hg_tls_session *session)
{
	ERR_clear_error();
	if (DTLSv1_handle_timeout(session->ssl) < 0 && session->state == HG_TLS_HANDSHAKE)
		session->state = HG_TLS_FAILED;
	ERR_clear_error();
	return session->state;
}

void
hg_tls_session_close(struct hg_tls_session *session)
{
	ERR_clear_error();
	if (session->state == HG_TLS_ESTABLISHED || session->state == HG_TLS_CLOSED)
		SSL_shutdown(session->ssl);
	ERR_clear_error();
}
