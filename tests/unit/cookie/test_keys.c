/* SPDX-License-Identifier: BSD-3-Clause */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <errno.h>
#include <string.h>

#include "cookie/keys.h"
#include "unit.h"

#define NOW 1700000000u

static const uint8_t secret[HG_COOKIE_SECRET_LEN] = { 0x5e, 0xc2, 0xe7, [31] = 1 };

static struct hg_cookie_keys
derive(uint64_t now, uint32_t rotation)
{
	struct hg_cookie_keys keys = { 0 };

	assert_int_equal(
		hg_cookie_keys_derive(&keys, secret, now, rotation, 1, HG_COOKIE_BIND_HELLO), 0);
	return keys;
}

static void
assert_same_slot(const struct hg_cookie_keys *a, unsigned int i, const struct hg_cookie_keys *b,
	unsigned int j)
{
	assert_true(a->slot[i].epoch == b->slot[j].epoch);
	assert_memory_equal(&a->slot[i].mac, &b->slot[j].mac, sizeof(a->slot[i].mac));
}

static void
assert_different_slot(const struct hg_cookie_keys *a, unsigned int i,
	const struct hg_cookie_keys *b, unsigned int j)
{
	assert_memory_not_equal(a->slot[i].mac.inner, b->slot[j].mac.inner, 32);
	assert_memory_not_equal(a->slot[i].mac.outer, b->slot[j].mac.outer, 32);
}

static void
test_epoch(void **state)
{
	(void)state;
	assert_true(hg_cookie_epoch(0, 3600) == 0);
	assert_true(hg_cookie_epoch(3599, 3600) == 0);
	assert_true(hg_cookie_epoch(3600, 3600) == 1);
	assert_true(hg_cookie_epoch(NOW, 1) == NOW);
	assert_true(hg_cookie_epoch(UINT64_MAX, 1) == UINT64_MAX);
	assert_true(hg_cookie_epoch(UINT64_MAX, UINT32_MAX) == UINT64_MAX / UINT32_MAX);
}

/* The key of every slot, by OpenSSL, and a MAC with it, by both. */
static void
test_known_answer(void **state)
{
	uint8_t message[27] = "hellogate cookie v2", key[32], tag[32];
	uint8_t padded[sizeof("message") + HG_HMAC_PAD_ROOM] = "message";
	struct hg_cookie_keys keys = derive(NOW, 3600);

	(void)state;
	for (unsigned int i = 0; i < HG_COOKIE_SLOTS; i++) {
		struct hg_hmac_job job = { .key = &keys.slot[i].mac, .blocks = padded };
		uint64_t epoch = NOW / 3600 - 1 + i;

		assert_true(keys.slot[i].epoch == epoch);
		for (unsigned int b = 0; b < 8; b++)
			message[19 + b] = (uint8_t)(epoch >> (56 - 8 * b));
		assert_non_null(HMAC(EVP_sha256(), secret, sizeof(secret), message, 27, key, NULL));
		assert_non_null(HMAC(
			EVP_sha256(), key, 32, (const unsigned char *)"message", 7, tag, NULL));
		job.n_blocks = hg_hmac_pad(padded, 7);
		hg_hmac_kernel_find("scalar")->run(&job, 1);
		assert_memory_equal(job.tag, tag, 32);
	}
}

static void
test_pure_function_of_secret_and_time(void **state)
{
	uint8_t other[HG_COOKIE_SECRET_LEN];
	struct hg_cookie_keys a = derive(NOW, 3600), b;

	(void)state;
	/* Any second of one epoch, any lifetime, any binding. */
	b = derive(NOW / 3600 * 3600, 3600);
	for (unsigned int i = 0; i < HG_COOKIE_SLOTS; i++)
		assert_same_slot(&a, i, &b, i);
	assert_int_equal(hg_cookie_keys_derive(&b, secret, NOW / 3600 * 3600 + 3599, 3600, 3600,
				 HG_COOKIE_BIND_ADDRESS),
		0);
	for (unsigned int i = 0; i < HG_COOKIE_SLOTS; i++)
		assert_same_slot(&a, i, &b, i);
	assert_int_equal(b.lifetime, 3600);
	assert_int_equal(b.binding, HG_COOKIE_BIND_ADDRESS);

	for (unsigned int bit = 0; bit < 8 * sizeof(secret); bit++) {
		memcpy(other, secret, sizeof(other));
		other[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(
			hg_cookie_keys_derive(&b, other, NOW, 3600, 1, HG_COOKIE_BIND_HELLO), 0);
		for (unsigned int i = 0; i < HG_COOKIE_SLOTS; i++)
			assert_different_slot(&a, i, &b, i);
	}
}

static void
test_rotation(void **state)
{
	static const uint32_t rotations[] = { 1, 2, 60, 3600, 2592000 };

	(void)state;
	for (unsigned int r = 0; r < sizeof(rotations) / sizeof(rotations[0]); r++) {
		uint32_t rotation = rotations[r];
		struct hg_cookie_keys now = derive(NOW, rotation), later, latest;

		later = derive(NOW + rotation, rotation);
		latest = derive(NOW + 2 * rotation, rotation);
		assert_same_slot(&now, HG_COOKIE_NEXT, &later, HG_COOKIE_CURRENT);
		assert_same_slot(&now, HG_COOKIE_CURRENT, &later, HG_COOKIE_PREVIOUS);
		assert_same_slot(&now, HG_COOKIE_NEXT, &latest, HG_COOKIE_PREVIOUS);
		for (unsigned int i = 0; i < HG_COOKIE_SLOTS; i++)
			for (unsigned int j = 0; j < i; j++)
				assert_different_slot(&now, i, &now, j);
		assert_different_slot(&now, HG_COOKIE_CURRENT, &later, HG_COOKIE_CURRENT);
	}
}

/* At the first and the last second that a 64-bit clock can say. */
static void
test_ends_of_time(void **state)
{
	struct hg_cookie_keys keys = derive(0, 3600), later = derive(3600, 3600);

	(void)state;
	assert_true(keys.slot[HG_COOKIE_CURRENT].epoch == 0);
	assert_same_slot(&keys, HG_COOKIE_CURRENT, &later, HG_COOKIE_PREVIOUS);
	assert_different_slot(&keys, HG_COOKIE_PREVIOUS, &keys, HG_COOKIE_CURRENT);
	assert_different_slot(&keys, HG_COOKIE_PREVIOUS, &keys, HG_COOKIE_NEXT);
	keys = derive(UINT64_MAX, 1);
	assert_true(keys.slot[HG_COOKIE_CURRENT].epoch == UINT64_MAX);
	assert_true(keys.slot[HG_COOKIE_PREVIOUS].epoch == UINT64_MAX - 1);
}

static void
test_refused(void **state)
{
	struct hg_cookie_keys keys, before;

	(void)state;
	memset(&keys, 0xa5, sizeof(keys));
	before = keys;
	assert_int_equal(
		hg_cookie_keys_derive(&keys, secret, NOW, 0, 0, HG_COOKIE_BIND_HELLO), -EINVAL);
	assert_int_equal(
		hg_cookie_keys_derive(&keys, secret, NOW, 0, 1, HG_COOKIE_BIND_HELLO), -EINVAL);
	assert_int_equal(
		hg_cookie_keys_derive(&keys, secret, NOW, 59, 60, HG_COOKIE_BIND_HELLO), -EINVAL);
	assert_int_equal(hg_cookie_keys_derive(&keys, secret, NOW, HG_COOKIE_LIFETIME_MAX - 1,
				 HG_COOKIE_LIFETIME_MAX, HG_COOKIE_BIND_HELLO),
		-EINVAL);
	/* The 24 bits of a cookie's time could not tell it from a new one. */
	assert_int_equal(hg_cookie_keys_derive(&keys, secret, NOW, UINT32_MAX,
				 HG_COOKIE_LIFETIME_MAX + 1, HG_COOKIE_BIND_HELLO),
		-EINVAL);
	assert_int_equal(hg_cookie_keys_derive(
				 &keys, secret, NOW, UINT32_MAX, UINT32_MAX, HG_COOKIE_BIND_HELLO),
		-EINVAL);
	assert_memory_equal(&keys, &before, sizeof(keys));
	assert_int_equal(
		hg_cookie_keys_derive(&keys, secret, NOW, 60, 60, HG_COOKIE_BIND_HELLO), 0);
	assert_int_equal(keys.lifetime, 60);
	assert_int_equal(hg_cookie_keys_derive(&keys, secret, NOW, 1, 0, HG_COOKIE_BIND_HELLO), 0);
	assert_int_equal(keys.lifetime, 0);
	assert_int_equal(hg_cookie_keys_derive(&keys, secret, NOW, HG_COOKIE_LIFETIME_MAX,
				 HG_COOKIE_LIFETIME_MAX, HG_COOKIE_BIND_HELLO),
		0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_epoch),
		cmocka_unit_test(test_known_answer),
		cmocka_unit_test(test_pure_function_of_secret_and_time),
		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_ends_of_time),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
