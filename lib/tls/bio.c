/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "base/bytes.h"
#include "tls/internal.h"
#include "wire/record.h"

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

/*
 * Numbers the records of epoch 0 in a datagram, from that of the hello on: RFC 6347 4.2.1 wants it for the
 * ServerHello, and OpenSSL 3.2 to 4.0 begin anew, so that a client which had to repeat its hello takes
 * what they send for a replay. The numbers of epoch 0 are neither authenticated nor part of what is.
 */
static void
number(struct hg_tls_session *session, uint8_t *datagram, size_t len)
{
	size_t n;

	for (; (n = hg_tls_record_len(datagram, len)) != 0; datagram += n, len -= n)
		if (hg_load_be16(datagram + HG_RECORD_EPOCH) == 0)
			hg_store_be48(datagram + HG_RECORD_SEQ, session->out_seq++);
}

/* Of len bytes of whole records those that go into one datagram of max bytes: one record at least. */
static size_t
fill(const uint8_t *records, size_t len, size_t max)
{
	size_t n = hg_tls_record_len(records, len), more;

	if (n == 0)
		return len;
	while ((more = hg_tls_record_len(records + n, len - n)) != 0 && n + more <= max)
		n += more;
	return n;
}

static int
bio_write(BIO *bio, const char *data, int len)
{
	struct hg_tls_session *session = BIO_get_data(bio);
	const uint8_t *datagram = (const uint8_t *)data;
	uint8_t own[HG_RECORD_LEN + HG_RECORD_CIPHERTEXT_MAX];
	size_t n = (size_t)len, part;

	BIO_clear_retry_flags(bio);
	if (len <= 0)
		return 0;
	if (n > HG_RECORD_LEN && n <= sizeof(own) &&
		hg_load_be16(datagram + HG_RECORD_EPOCH) == 0) {
		memcpy(own, data, n);
		number(session, own, n);
		datagram = own;
	}
	/* OpenSSL 3.0 forgets what encryption adds to a Finished, and fills a datagram beyond the limit. */
	for (; n != 0; datagram += part, n -= part) {
		part = n <= session->flight_max ? n : fill(datagram, n, session->flight_max);
		session->lost |= !session->send(session->arg, datagram, part);
	}
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
		return (long)session->flight_max;
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
	/*
	 * A type without a number of its own: BIO_get_new_index() has 127 for the whole process, and what
	 * it gives out then is the flag that says "this BIO has a file descriptor".
	 */
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "hellogate datagram");

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
