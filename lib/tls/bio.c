/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "tls/internal.h"

static int
bio_read(BIO *bio, char *buffer, int size)
{
	struct hg_tls_session *session = BIO_get_data(bio);
	size_t n;

	BIO_clear_retry_flags(bio);
	if (session->in == NULL || size <= 0) {
		BIO_set_retry_read(bio);
		return -1;
	}
	n = session->in_len < (size_t)size ? session->in_len : (size_t)size;
	memcpy(buffer, session->in, n);
	session->in = NULL;
	return (int)n;
}

static int
bio_write(BIO *bio, const char *data, int len)
{
	struct hg_tls_session *session = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (len <= 0)
		return 0;
	session->send(session->send_arg, (const uint8_t *)data, (size_t)len);
	return len;
}

static long
bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	struct hg_tls_session *session = BIO_get_data(bio);

	(void)number;
	(void)pointer;
	switch (command) {
	case BIO_CTRL_FLUSH:
	case BIO_CTRL_DGRAM_SET_CONNECTED:
	case BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT: /* the caller asks for the timeout itself */
		return 1;
	case BIO_CTRL_DGRAM_QUERY_MTU:
	case BIO_CTRL_DGRAM_GET_MTU:
	case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
		return (long)session->datagram_max;
	default:
		return 0;
	}
}

static int
bio_create(BIO *bio)
{
	BIO_set_init(bio, 1);
	return 1;
}

BIO_METHOD *
hg_tls_bio_method(void)
{
	BIO_METHOD *method =
		BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "hellogate datagram");

	if (method == NULL)
		return NULL;
	if (BIO_meth_set_read(method, bio_read) != 1 ||
		BIO_meth_set_write(method, bio_write) != 1 ||
		BIO_meth_set_ctrl(method, bio_ctrl) != 1 ||
		BIO_meth_set_create(method, bio_create) != 1) {
		BIO_meth_free(method);
		return NULL;
	}
	return method;
}
