/* SPDX-License-Identifier: BSD-3-Clause */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <stdlib.h>
#include <string.h>

#include "cookies.h"
#include "unit.h"

const uint8_t cookie_secret[HG_COOKIE_SECRET_LEN] = { 0x5e, 0xc2, 0xe7, [31] = 1 };
struct hg_cookie_batch *cookie_batch;

struct hg_cookie_keys
cookie_keys(uint64_t now, uint32_t rotation, uint32_t lifetime, enum hg_cookie_binding binding)
{
	struct hg_cookie_keys keys;

	assert_int_equal(
		hg_cookie_keys_derive(&keys, cookie_secret, now, rotation, lifetime, binding), 0);
	return keys;
}

void
cookie_hello(struct cookie_asked *asked, uint8_t family, unsigned int n, uint8_t session_id_len)
{
	static const uint8_t offer[10] = { 0, 6, 0xc0, 0x2b, 0xc0, 0x2f, 0, 0xff, 1, 0 };

	memset(asked, 0, sizeof(*asked));
	for (unsigned int i = 0; i < sizeof(asked->tuple); i++)
		asked->tuple[i] = (uint8_t)(i * 7 + n);
	asked->client[0] = 0xfe;
	asked->client[1] = 0xfd;
	for (unsigned int i = 0; i < 32; i++)
		asked->client[2 + i] = (uint8_t)(i + n);
	asked->client[34] = session_id_len;
	memset(asked->client + 35, 0x51, session_id_len);
	memcpy(asked->offer, offer, sizeof(offer));
	asked->hello = (struct hg_cookie_hello){
		.tuple = asked->tuple,
		.client = asked->client,
		.offer = asked->offer,
		.cookie = asked->cookie,
		.client_len = (uint16_t)(35 + session_id_len),
		.offer_len = sizeof(offer),
		.family = family,
	};
}

void
cookie_give(struct cookie_asked *asked, const uint8_t cookie[HG_COOKIE_LEN])
{
	memcpy(asked->cookie, cookie, HG_COOKIE_LEN);
	asked->hello.cookie_len = HG_COOKIE_LEN;
}

void
cookie_expect(uint8_t ret[HG_COOKIE_LEN], const struct cookie_asked *asked, uint64_t now,
	uint32_t rotation, enum hg_cookie_binding binding)
{
	uint64_t epoch = now / rotation;
	uint8_t label[27] = "hellogate cookie v2", key[32], tag[32], message[HG_COOKIE_MESSAGE_MAX];
	size_t n = 0, tuple_len = asked->hello.family == 4 ? 12 : 36;

	for (unsigned int b = 0; b < 8; b++)
		label[19 + b] = (uint8_t)(epoch >> (56 - 8 * b));
	assert_non_null(HMAC(EVP_sha256(), cookie_secret, sizeof(cookie_secret), label,
		sizeof(label), key, NULL));
	ret[0] = (uint8_t)(0x40 | epoch % 32);
	ret[1] = (uint8_t)(now >> 16);
	ret[2] = (uint8_t)(now >> 8);
	ret[3] = (uint8_t)now;
	memcpy(message, ret, 4);
	n = 4;
	message[n++] = asked->hello.family;
	memcpy(message + n, asked->hello.tuple, tuple_len);
	n += tuple_len;
	if (binding == HG_COOKIE_BIND_HELLO) {
		memcpy(message + n, asked->hello.client, 2 + 32);
		n += 2 + 32;
	} else if (binding == HG_COOKIE_BIND_PARAMETERS) {
		memcpy(message + n, asked->hello.client, asked->hello.client_len);
		n += asked->hello.client_len;
		memcpy(message + n, asked->hello.offer, asked->hello.offer_len);
		n += asked->hello.offer_len;
	}
	assert_non_null(HMAC(EVP_sha256(), key, sizeof(key), message, n, tag, NULL));
	memcpy(ret + 4, tag, 16);
}

int
cookie_batch_open(void **state)
{
	size_t size = hg_cookie_batch_size(HG_COOKIE_BIND_PARAMETERS);

	(void)state;
	cookie_batch = aligned_alloc(64, size);
	if (cookie_batch == NULL)
		return -1;
	memset(cookie_batch, 0, size);
	return 0;
}

int
cookie_batch_close(void **state)
{
	(void)state;
	free(cookie_batch);
	return 0;
}

const struct hg_hmac_kernel *
cookie_kernel(void)
{
	return hg_hmac_kernel_find("scalar");
}
