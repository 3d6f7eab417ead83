/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <string.h>

#include "fuzz.h"

#define EPOCHS 64u /* whose keys are remembered */
#define KERNELS_MAX 8u
#define LONGER 128u /* bytes that a hello may have beyond what a batch takes */

const uint8_t lab_secret[HG_COOKIE_SECRET_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32 };

const struct hg_net_host lab_host[LAB_PORTS] = {
	{
		.mac = { 2, 0, 0, 0, 0, 10 },
		.n_ipv4 = 2,
		.n_ipv6 = 1,
		.ipv4 = { { { 198, 18, 0, 1 }, { 198, 18, 0, 255 }, { 198, 18, 0, 0 } },
			{ { 198, 18, 7, 1 }, { 198, 18, 7, 1 }, { 198, 18, 7, 1 } } },
		.ipv6 = { { 0x20, 1, 0, 2, [15] = 1 } },
	},
	{
		.mac = { 2, 0, 0, 0, 0, 11 },
		.n_ipv4 = 1,
		.n_ipv6 = 1,
		.ipv4 = { { { 192, 0, 2, 1 }, { 192, 0, 2, 255 }, { 192, 0, 2, 0 } } },
		.ipv6 = { { 0xfe, 0x80, [15] = 11 } },
	},
};

void
lab_tuple(uint8_t ret[36], uint8_t family, unsigned int peer, unsigned int port)
{
	const struct hg_net_host *host = &lab_host[port % LAB_PORTS];
	const uint8_t ports[4] = { 0x4e, (uint8_t)(0x20 + peer), LAB_LISTENER_PORT >> 8,
		LAB_LISTENER_PORT & 255 };

	memset(ret, 0, 36);
	if (family == 4) {
		memcpy(ret, (const uint8_t[4]){ 198, 19, 0, (uint8_t)(1 + peer) }, 4);
		memcpy(ret + 4, host->ipv4[0].address, 4);
		memcpy(ret + 8, ports, 4);
	} else {
		memcpy(ret, (const uint8_t[8]){ 0x20, 1, 0, 2, 0, 0, 0, 1 }, 8);
		ret[15] = (uint8_t)(1 + peer);
		memcpy(ret + 16, host->ipv6[0], 16);
		memcpy(ret + 32, ports, 4);
	}
}

const struct hg_hmac_kernel *const *
lab_kernels(size_t *ret_n)
{
	static const struct hg_hmac_kernel *usable[KERNELS_MAX];
	static size_t n_usable;
	static bool asked;
	size_t n;
	const struct hg_hmac_kernel *const *all = hg_hmac_kernels(&n);

	/* Asked once: CPUID is slow in a virtual machine. */
	fuzz_require(n <= KERNELS_MAX, "%zu kernels", n);
	for (size_t i = 0; !asked && i < n; i++)
		if (all[i]->usable())
			usable[n_usable++] = all[i];
	asked = true;
	*ret_n = n_usable;
	return usable;
}

static void
mac(uint8_t ret[32], const uint8_t key[32], const void *message, size_t len)
{
	fuzz_require(HMAC(EVP_sha256(), key, 32, message, len, ret, NULL) != NULL, "OpenSSL");
}

static const uint8_t *
key_of(uint64_t epoch)
{
	static struct {
		bool known;
		uint64_t epoch;
		uint8_t key[32];
	} memory[EPOCHS];
	uint8_t message[27] = "hellogate cookie v2";
	unsigned int i = epoch % EPOCHS;

	if (!memory[i].known || memory[i].epoch != epoch) {
		for (unsigned int b = 0; b < 8; b++)
			message[19 + b] = (uint8_t)(epoch >> (56 - 8 * b));
		mac(memory[i].key, lab_secret, message, sizeof(message));
		memory[i].epoch = epoch;
		memory[i].known = true;
	}
	return memory[i].key;
}

static void
put_tag(uint8_t cookie[HG_COOKIE_LEN], const struct lab_bound *bound,
	enum hg_cookie_binding binding, uint64_t epoch)
{
	uint8_t message[HG_COOKIE_MESSAGE_MAX + LONGER], tag[32];
	size_t n = 4, tuple_len = bound->family == 4 ? 12 : 36;

	memcpy(message, cookie, 4);
	message[n++] = bound->family;
	memcpy(message + n, bound->tuple, tuple_len);
	n += tuple_len;
	if (binding == HG_COOKIE_BIND_HELLO) {
		memcpy(message + n, bound->client, 2 + 32);
		n += 2 + 32;
	} else if (binding == HG_COOKIE_BIND_PARAMETERS) {
		memcpy(message + n, bound->client, bound->client_len);
		n += bound->client_len;
		if (bound->offer_len != 0)
			memcpy(message + n, bound->offer, bound->offer_len);
		n += bound->offer_len;
	}
	mac(tag, key_of(epoch), message, n);
	memcpy(cookie + 4, tag, HG_COOKIE_LEN - 4);
}

void
lab_mint(uint8_t ret_cookie[HG_COOKIE_LEN], const struct lab_bound *bound,
	enum hg_cookie_binding binding, uint64_t issued, uint64_t epoch)
{
	ret_cookie[0] = (uint8_t)(0x40 | epoch % 32);
	ret_cookie[1] = (uint8_t)(issued >> 16);
	ret_cookie[2] = (uint8_t)(issued >> 8);
	ret_cookie[3] = (uint8_t)issued;
	put_tag(ret_cookie, bound, binding, epoch);
}

enum hg_cookie_verdict
lab_verdict(const struct lab_clock *clock, const struct lab_bound *bound, const uint8_t *cookie,
	size_t cookie_len)
{
	uint64_t current = clock->now / clock->rotation, epoch = current - 1;
	uint8_t right[HG_COOKIE_LEN];
	uint32_t age;

	if (cookie_len == 0)
		return HG_COOKIE_NONE;
	if (cookie_len != HG_COOKIE_LEN || cookie[0] / 32 != 2)
		return HG_COOKIE_MALFORMED;
	while (epoch != current + 2 && epoch % 32 != cookie[0] % 32)
		epoch++;
	if (epoch == current + 2)
		return HG_COOKIE_UNKNOWN_EPOCH;
	/* From -5 seconds to the lifetime, as far as 24 bits can tell. */
	age = (uint32_t)(clock->now - (cookie[1] * 65536u + cookie[2] * 256u + cookie[3]));
	if ((age & 0xffffff) > clock->lifetime && (age & 0xffffff) < (1u << 24) - 5)
		return HG_COOKIE_EXPIRED;
	memcpy(right, cookie, 4);
	put_tag(right, bound, clock->binding, epoch);
	return memcmp(right, cookie, HG_COOKIE_LEN) == 0 ? HG_COOKIE_VALID : HG_COOKIE_WRONG_TAG;
}
