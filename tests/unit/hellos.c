/* SPDX-License-Identifier: BSD-3-Clause */
#include "hellos.h"

#include <string.h>

static const uint8_t usual_suites[] = { 0xc0, 0x2b, 0xc0, 0x2f, 0x00, 0xff };
static const uint8_t usual_extensions[] = {
	0x00, 0x17, 0x00, 0x00,                         /* extended_master_secret */
	0x00, 0x0a, 0x00, 0x04, 0x00, 0x02, 0x00, 0x1d, /* supported_groups */
};

const struct hello_parts hello_usual = {
	.client_version = 0xfefd,
	.suites = usual_suites,
	.suites_len = sizeof(usual_suites),
	.extensions = usual_extensions,
	.extensions_len = sizeof(usual_extensions),
};

static uint8_t *
put(uint8_t *p, uint64_t v, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		p[i] = (uint8_t)(v >> 8 * (n - 1 - i));
	return p + n;
}

static uint8_t *
put_bytes(uint8_t *p, const uint8_t *bytes, size_t n)
{
	if (n != 0)
		memcpy(p, bytes, n);
	return p + n;
}

size_t
hello_build(uint8_t *datagram, const struct hello_parts *parts)
{
	uint8_t *p = datagram;
	size_t body_len;

	*p++ = 22;
	p = put(p, 0xfeff, 2);
	p = put(p, 0, 2);
	p = put(p, parts->record_seq, 6);
	p += 2;
	*p++ = 1;
	p += 3;
	p = put(p, parts->message_seq, 2);
	p = put(p, 0, 3);
	p += 3;
	p = put(p, parts->client_version, 2);
	for (unsigned int i = 0; i < 32; i++)
		*p++ = (uint8_t)(0xa0 + i);
	*p++ = parts->session_id_len;
	p = put_bytes(p, parts->session_id, parts->session_id_len);
	*p++ = parts->cookie_len;
	p = put_bytes(p, parts->cookie, parts->cookie_len);
	p = put(p, parts->suites_len, 2);
	p = put_bytes(p, parts->suites, parts->suites_len);
	p = put(p, 0x0100, 2);
	if (parts->extensions != NULL) {
		p = put(p, parts->extensions_len, 2);
		p = put_bytes(p, parts->extensions, parts->extensions_len);
	}

	body_len = (size_t)(p - datagram) - HELLO_AT_BODY;
	put(datagram + HELLO_AT_LENGTH, 12 + body_len, 2);
	put(datagram + HELLO_AT_MESSAGE_LEN, body_len, 3);
	put(datagram + HELLO_AT_FRAG_LEN, body_len, 3);
	return (size_t)(p - datagram);
}

void
hello_cut(uint8_t *datagram, size_t len)
{
	put(datagram + HELLO_AT_LENGTH, len - 13, 2);
	if (len >= HELLO_AT_BODY)
		put(datagram + HELLO_AT_FRAG_LEN, len - HELLO_AT_BODY, 3);
}
