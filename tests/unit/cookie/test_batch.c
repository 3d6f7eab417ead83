/* SPDX-License-Identifier: BSD-3-Clause */
/* Batches of cookies: what they hold, and what they say when that is too much. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cookies.h"
#include "unit.h"

#define CHANGE (472222u * COOKIE_ROTATION) /* of the epoch */

static const uint8_t other_secret[HG_COOKIE_SECRET_LEN] = "another secret of the same size";

#define BATCH_SIZE hg_cookie_batch_size(HG_COOKIE_BIND_PARAMETERS)
/* Gives the hello a cookie that is good now. */
static void
mint(struct cookie_asked *asked, enum hg_cookie_binding binding)
{
	uint8_t cookie[HG_COOKIE_LEN];

	cookie_expect(cookie, asked, COOKIE_NOW, COOKIE_ROTATION, binding);
	cookie_give(asked, cookie);
}

/* Batches of every size and kernel in which the hellos differ in all that a verdict depends on. */
static void
mixed_batches(enum hg_cookie_binding binding)
{
	static struct cookie_asked asked[HG_COOKIE_BATCH_MAX];
	enum hg_cookie_verdict expected[HG_COOKIE_BATCH_MAX];
	struct hg_cookie_keys keys =
		cookie_keys(COOKIE_NOW, COOKIE_ROTATION, COOKIE_LIFETIME, binding);
	const struct hg_hmac_kernel *const *kernels;
	uint8_t cookie[HG_COOKIE_LEN], fresh[HG_COOKIE_LEN];
	size_t n_kernels;

	kernels = hg_hmac_kernels(&n_kernels);
	for (unsigned int i = 0; i < HG_COOKIE_BATCH_MAX; i++) {
		cookie_hello(&asked[i], i % 3 == 0 ? 6 : 4, i, (uint8_t)(i % 33));
		expected[i] = (enum hg_cookie_verdict)(i % HG_COOKIE_VERDICTS);
		if (expected[i] == HG_COOKIE_NONE)
			continue;
		cookie_expect(cookie, &asked[i],
			expected[i] == HG_COOKIE_EXPIRED ? COOKIE_NOW - COOKIE_LIFETIME - 1
							 : COOKIE_NOW,
			COOKIE_ROTATION, binding);
		if (expected[i] == HG_COOKIE_MALFORMED)
			cookie[0] ^= 0x40;
		else if (expected[i] == HG_COOKIE_UNKNOWN_EPOCH)
			cookie[0] = (uint8_t)(0x40 | (COOKIE_NOW / COOKIE_ROTATION + 2) % 32);
		else if (expected[i] == HG_COOKIE_WRONG_TAG)
			cookie[4 + i % 16] ^= 1;
		cookie_give(&asked[i], cookie);
	}
	for (size_t k = 0; k < n_kernels; k++)
		for (unsigned int n = 0; kernels[k]->usable() && n <= HG_COOKIE_BATCH_MAX; n++) {
			hg_cookie_batch_begin(cookie_batch, &keys, COOKIE_NOW);
			for (unsigned int i = 0; i < n; i++)
				assert_int_equal(
					hg_cookie_batch_add(cookie_batch, &asked[i].hello), i);
			hg_cookie_batch_run(cookie_batch, kernels[k]);
			for (unsigned int i = 0; i < n; i++) {
				assert_int_equal(
					hg_cookie_batch_verdict(cookie_batch, i), expected[i]);
				cookie_expect(
					cookie, &asked[i], COOKIE_NOW, COOKIE_ROTATION, binding);
				hg_cookie_batch_mint(cookie_batch, i, fresh);
				assert_memory_equal(fresh, cookie, HG_COOKIE_LEN);
			}
		}
}

static void
test_mixed_batches(void **state)
{
	(void)state;
	mixed_batches(HG_COOKIE_BIND_HELLO);
	mixed_batches(HG_COOKIE_BIND_PARAMETERS);
	mixed_batches(HG_COOKIE_BIND_ADDRESS);
}

/* The bytes of a hello are not needed any more once it is added. */
static void
test_hello_is_copied(void **state)
{
	struct hg_cookie_keys keys =
		cookie_keys(COOKIE_NOW, COOKIE_ROTATION, COOKIE_LIFETIME, HG_COOKIE_BIND_HELLO);
	struct cookie_asked asked;

	(void)state;
	cookie_hello(&asked, 4, 1, 8);
	mint(&asked, HG_COOKIE_BIND_HELLO);
	hg_cookie_batch_begin(cookie_batch, &keys, COOKIE_NOW);
	assert_int_equal(hg_cookie_batch_add(cookie_batch, &asked.hello), 0);
	memset(&asked, 0xee, sizeof(asked));
	hg_cookie_batch_run(cookie_batch, cookie_kernel());
	assert_int_equal(hg_cookie_batch_verdict(cookie_batch, 0), HG_COOKIE_VALID);
}

static void
test_batch_is_full(void **state)
{
	struct hg_cookie_keys keys =
		cookie_keys(COOKIE_NOW, COOKIE_ROTATION, COOKIE_LIFETIME, HG_COOKIE_BIND_HELLO);
	struct hg_cookie_batch *before = aligned_alloc(64, BATCH_SIZE);
	struct cookie_asked asked;

	(void)state;
	assert_non_null(before);
	cookie_hello(&asked, 6, 1, 32);
	mint(&asked, HG_COOKIE_BIND_HELLO);
	hg_cookie_batch_begin(cookie_batch, &keys, COOKIE_NOW);
	for (unsigned int i = 0; i < HG_COOKIE_BATCH_MAX; i++)
		assert_int_equal(hg_cookie_batch_add(cookie_batch, &asked.hello), i);
	memcpy(before, cookie_batch, BATCH_SIZE);
	assert_int_equal(hg_cookie_batch_add(cookie_batch, &asked.hello), -ENOSPC);
	assert_memory_equal(cookie_batch, before, BATCH_SIZE);
	hg_cookie_batch_run(cookie_batch, cookie_kernel());
	for (unsigned int i = 0; i < HG_COOKIE_BATCH_MAX; i++)
		assert_int_equal(hg_cookie_batch_verdict(cookie_batch, i), HG_COOKIE_VALID);
	hg_cookie_batch_begin(cookie_batch, &keys, COOKIE_NOW);
	assert_int_equal(hg_cookie_batch_add(cookie_batch, &asked.hello), 0);
	free(before);
}

/* 64 of the largest hellos that there can be, each with a cookie to check, fill the arena and no more. */
static void
test_largest_batch(void **state)
{
	struct hg_cookie_keys keys = cookie_keys(
		COOKIE_NOW, COOKIE_ROTATION, COOKIE_LIFETIME, HG_COOKIE_BIND_PARAMETERS);
	uint8_t *offer = malloc(HG_COOKIE_BOUND_MAX);
	uint8_t cookie[HG_COOKIE_LEN];
	struct cookie_asked asked;

	(void)state;
	assert_non_null(offer);
	memset(offer, 0x0f, HG_COOKIE_BOUND_MAX);
	cookie_hello(&asked, 6, 1, 32);
	asked.hello.offer = offer;
	asked.hello.offer_len = HG_COOKIE_BOUND_MAX - 67;
	mint(&asked, HG_COOKIE_BIND_PARAMETERS);
	for (unsigned int round = 0; round < 2; round++) {
		hg_cookie_batch_begin(cookie_batch, &keys, COOKIE_NOW);
		for (unsigned int i = 0; i < HG_COOKIE_BATCH_MAX; i++)
			assert_int_equal(hg_cookie_batch_add(cookie_batch, &asked.hello), i);
		hg_cookie_batch_run(cookie_batch, cookie_kernel());
		for (unsigned int i = 0; i < HG_COOKIE_BATCH_MAX; i++) {
			assert_int_equal(hg_cookie_batch_verdict(cookie_batch, i), HG_COOKIE_VALID);
			hg_cookie_batch_mint(cookie_batch, i, cookie);
			assert_memory_equal(cookie, asked.cookie, HG_COOKIE_LEN);
		}
		hg_cookie_keys_accept(&keys, other_secret); /* for the second round */
	}
	free(offer);
}

/* Cookies of two secrets, each of two epochs, good, spoilt, too old, in one batch. */
static void
test_former_secret(void **state)
{
	static const struct {
		bool former, spoilt;
		uint64_t issued;
		enum hg_cookie_verdict alone, accepted;
	} cases[] = {
		{ true, false, CHANGE, HG_COOKIE_WRONG_TAG, HG_COOKIE_VALID },
		{ true, false, CHANGE - 1, HG_COOKIE_WRONG_TAG, HG_COOKIE_VALID },
		{ true, true, CHANGE, HG_COOKIE_WRONG_TAG, HG_COOKIE_WRONG_TAG },
		{ true, false, CHANGE - COOKIE_LIFETIME, HG_COOKIE_EXPIRED, HG_COOKIE_EXPIRED },
		{ false, false, CHANGE, HG_COOKIE_VALID, HG_COOKIE_VALID },
		{ false, false, CHANGE - 1, HG_COOKIE_VALID, HG_COOKIE_VALID },
		{ false, true, CHANGE, HG_COOKIE_WRONG_TAG, HG_COOKIE_WRONG_TAG },
	};
	const uint64_t now = CHANGE + 1;
	struct cookie_asked asked[sizeof(cases) / sizeof(cases[0])];
	uint8_t cookie[HG_COOKIE_LEN], fresh[HG_COOKIE_LEN];
	struct hg_cookie_keys keys;
	size_t n = sizeof(cases) / sizeof(cases[0]), n_kernels;
	const struct hg_hmac_kernel *const *kernels = hg_hmac_kernels(&n_kernels);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const uint8_t *secret = cases[i].former ? other_secret : cookie_secret;

		cookie_hello(&asked[i], i % 2 == 0 ? 4 : 6, (unsigned int)i, 32);
		hg_cookie_keys_derive(&keys, secret, cases[i].issued, COOKIE_ROTATION,
			COOKIE_LIFETIME, HG_COOKIE_BIND_HELLO);
		hg_cookie_batch_begin(cookie_batch, &keys, cases[i].issued);
		hg_cookie_batch_add(cookie_batch, &asked[i].hello);
		hg_cookie_batch_run(cookie_batch, cookie_kernel());
		hg_cookie_batch_mint(cookie_batch, 0, cookie);
		cookie[HG_COOKIE_LEN - 1] ^= cases[i].spoilt;
		cookie_give(&asked[i], cookie);
	}
	keys = cookie_keys(now, COOKIE_ROTATION, COOKIE_LIFETIME, HG_COOKIE_BIND_HELLO);
	for (unsigned int accepted = 0; accepted < 2; accepted++) {
		for (size_t k = 0; k < n_kernels; k++) {
			if (!kernels[k]->usable())
				continue;
			hg_cookie_batch_begin(cookie_batch, &keys, now);
			for (size_t i = 0; i < n; i++)
				hg_cookie_batch_add(cookie_batch, &asked[i].hello);
			hg_cookie_batch_run(cookie_batch, kernels[k]);
			for (size_t i = 0; i < n; i++) {
				assert_int_equal(
					hg_cookie_batch_verdict(cookie_batch, (unsigned int)i),
					accepted ? cases[i].accepted : cases[i].alone);
				/* New ones are of the present secret, whatever is accepted. */
				cookie_expect(fresh, &asked[i], now, COOKIE_ROTATION,
					HG_COOKIE_BIND_HELLO);
				hg_cookie_batch_mint(cookie_batch, (unsigned int)i, cookie);
				assert_memory_equal(cookie, fresh, HG_COOKIE_LEN);
			}
		}
		hg_cookie_keys_accept(&keys, other_secret);
	}
}

static void
test_hello_too_large(void **state)
{
	struct hg_cookie_keys keys = cookie_keys(
		COOKIE_NOW, COOKIE_ROTATION, COOKIE_LIFETIME, HG_COOKIE_BIND_PARAMETERS);
	struct hg_cookie_batch *before = aligned_alloc(64, BATCH_SIZE);
	uint8_t *offer = calloc(1, UINT16_MAX);
	struct cookie_asked asked, large;

	(void)state;
	assert_non_null(before);
	assert_non_null(offer);
	cookie_hello(&asked, 4, 1, 0);
	mint(&asked, HG_COOKIE_BIND_PARAMETERS);
	cookie_hello(&large, 4, 1, 0);
	large.hello.offer = offer;
	hg_cookie_batch_begin(cookie_batch, &keys, COOKIE_NOW);
	assert_int_equal(hg_cookie_batch_add(cookie_batch, &asked.hello), 0);
	memcpy(before, cookie_batch, BATCH_SIZE);
	large.hello.offer_len = HG_COOKIE_BOUND_MAX - 35 + 1;
	assert_int_equal(hg_cookie_batch_add(cookie_batch, &large.hello), -EMSGSIZE);
	large.hello.offer_len = UINT16_MAX; /* the sum of both lengths has more than 16 bits */
	assert_int_equal(hg_cookie_batch_add(cookie_batch, &large.hello), -EMSGSIZE);
	assert_memory_equal(cookie_batch, before, BATCH_SIZE);
	large.hello.offer_len = HG_COOKIE_BOUND_MAX - 35;
	assert_int_equal(hg_cookie_batch_add(cookie_batch, &large.hello), 1);
	hg_cookie_batch_run(cookie_batch, cookie_kernel());
	assert_int_equal(hg_cookie_batch_verdict(cookie_batch, 0), HG_COOKIE_VALID);
	assert_int_equal(hg_cookie_batch_verdict(cookie_batch, 1), HG_COOKIE_NONE);
	free(offer);
	free(before);
}

static void
test_age(void **state)
{
	uint8_t cookie[HG_COOKIE_LEN] = { 0x40, 0x12, 0x34, 0x56 };
	const uint64_t made = UINT64_C(5) << 24 | 0x123456;

	(void)state;
	assert_int_equal(hg_cookie_age(cookie, made), 0);
	assert_int_equal(hg_cookie_age(cookie, made + 1), 1);
	assert_int_equal(hg_cookie_age(cookie, made + 86400), 86400);
	/* By a clock that is ahead. */
	assert_int_equal(hg_cookie_age(cookie, made - HG_COOKIE_CLOCK_SKEW), 0);
	/* Made just before the 24 bits came round. */
	memset(cookie + 1, 0xff, 3);
	assert_int_equal(hg_cookie_age(cookie, (UINT64_C(7) << 24) + 4), 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mixed_batches),
		cmocka_unit_test(test_hello_is_copied),
		cmocka_unit_test(test_batch_is_full),
		cmocka_unit_test(test_largest_batch),
		cmocka_unit_test(test_former_secret),
		cmocka_unit_test(test_hello_too_large),
		cmocka_unit_test(test_age),
	};

	return cmocka_run_group_tests(tests, cookie_batch_open, cookie_batch_close);
}
