/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cookies.h"
#include "unit.h"

/* One hello alone in a batch; returns its verdict, and its fresh cookie if ret_cookie is not NULL. */
static enum hg_cookie_verdict
ask(const struct hg_cookie_keys *keys, uint64_t now, const struct cookie_asked *asked,
	uint8_t *ret_cookie)
{
	hg_cookie_batch_begin(cookie_batch, keys, now);
	assert_int_equal(hg_cookie_batch_add(cookie_batch, &asked->hello), 0);
	hg_cookie_batch_run(cookie_batch, cookie_kernel());
	if (ret_cookie != NULL)
		hg_cookie_batch_mint(cookie_batch, 0, ret_cookie);
	return hg_cookie_batch_verdict(cookie_batch, 0);
}

/* Gives the hello a cookie made at the time issued under these keys. */
static void
mint(const struct hg_cookie_keys *keys, uint64_t issued, struct cookie_asked *asked)
{
	uint8_t cookie[HG_COOKIE_LEN];

	asked->hello.cookie_len = 0;
	assert_int_equal(ask(keys, issued, asked, cookie), HG_COOKIE_NONE);
	cookie_give(asked, cookie);
}

static void
test_known_answers(void **state)
{
	uint8_t expected[HG_COOKIE_LEN], cookie[HG_COOKIE_LEN];
	struct cookie_asked asked;

	(void)state;
	for (unsigned int i = 0; i < 12; i++)
		for (uint8_t session_id_len = 0; session_id_len <= 32; session_id_len++) {
			enum hg_cookie_binding binding = (enum hg_cookie_binding)(i / 4);
			struct hg_cookie_keys keys =
				cookie_keys(COOKIE_NOW, COOKIE_ROTATION, COOKIE_LIFETIME, binding);

			cookie_hello(&asked, (i & 1) != 0 ? 4 : 6, i, session_id_len);
			if ((i & 2) != 0)
				asked.hello.offer_len =
					0; /* the fragment ended behind the cookie */
			cookie_expect(expected, &asked, COOKIE_NOW, COOKIE_ROTATION, binding);
			assert_int_equal(ask(&keys, COOKIE_NOW, &asked, cookie), HG_COOKIE_NONE);
			assert_memory_equal(cookie, expected, HG_COOKIE_LEN);
			cookie_give(&asked, expected);
			assert_int_equal(ask(&keys, COOKIE_NOW, &asked, NULL), HG_COOKIE_VALID);
		}
}

static void
test_lifetime(void **state)
{
	static const struct {
		int age;
		enum hg_cookie_verdict verdict;
	} ages[] = {
		{ -1800, HG_COOKIE_EXPIRED },
		{ -(int)HG_COOKIE_CLOCK_SKEW - 1, HG_COOKIE_EXPIRED },
		{ -(int)HG_COOKIE_CLOCK_SKEW, HG_COOKIE_VALID },
		{ -1, HG_COOKIE_VALID },
		{ 0, HG_COOKIE_VALID },
		{ 1, HG_COOKIE_VALID },
		{ COOKIE_LIFETIME - 1, HG_COOKIE_VALID },
		{ COOKIE_LIFETIME, HG_COOKIE_VALID },
		{ COOKIE_LIFETIME + 1, HG_COOKIE_EXPIRED },
		{ COOKIE_LIFETIME + HG_COOKIE_CLOCK_SKEW, HG_COOKIE_EXPIRED },
		{ COOKIE_LIFETIME + HG_COOKIE_CLOCK_SKEW + 1, HG_COOKIE_EXPIRED },
		{ 1800, HG_COOKIE_EXPIRED },
	};
	struct hg_cookie_keys keys =
		cookie_keys(COOKIE_NOW, COOKIE_ROTATION, COOKIE_LIFETIME, HG_COOKIE_BIND_HELLO);
	struct cookie_asked asked;

	(void)state;
	assert_int_equal(HG_COOKIE_CLOCK_SKEW, 5);
	cookie_hello(&asked, 4, 1, 0);
	mint(&keys, COOKIE_NOW, &asked);
	for (unsigned int i = 0; i < sizeof(ages) / sizeof(ages[0]); i++)
		assert_int_equal(
			ask(&keys, (uint64_t)((int64_t)COOKIE_NOW + ages[i].age), &asked, NULL),
			ages[i].verdict);
}

/* The shortest and the longest lifetime: good for that long, and not for ever. */
static void
test_extreme_lifetimes(void **state)
{
	static const uint32_t lifetimes[] = { 0, 1, HG_COOKIE_LIFETIME_MAX - 1,
		HG_COOKIE_LIFETIME_MAX };
	struct cookie_asked asked;

	(void)state;
	cookie_hello(&asked, 4, 1, 0);
	for (unsigned int i = 0; i < sizeof(lifetimes) / sizeof(lifetimes[0]); i++) {
		uint64_t now = (uint64_t)UINT32_MAX << 2;
		struct hg_cookie_keys keys =
			cookie_keys(now, UINT32_MAX, lifetimes[i], HG_COOKIE_BIND_HELLO);

		mint(&keys, now, &asked);
		assert_int_equal(ask(&keys, now, &asked, NULL), HG_COOKIE_VALID);
		assert_int_equal(ask(&keys, now + lifetimes[i], &asked, NULL), HG_COOKIE_VALID);
		assert_int_equal(
			ask(&keys, now + lifetimes[i] + 1, &asked, NULL), HG_COOKIE_EXPIRED);
	}
}

/* The 24 bits of the time wrap every 194 days: no cookie dies of it. */
static void
test_time_wraps(void **state)
{
	uint64_t wrap = (uint64_t)102 << 24;
	struct hg_cookie_keys keys =
		cookie_keys(wrap, 1u << 22, COOKIE_LIFETIME, HG_COOKIE_BIND_HELLO);
	struct cookie_asked asked;

	(void)state;
	cookie_hello(&asked, 6, 1, 32);
	for (unsigned int issued = 1; issued <= COOKIE_LIFETIME; issued++) {
		mint(&keys, wrap - issued, &asked);
		assert_int_equal(
			ask(&keys, wrap - issued + COOKIE_LIFETIME, &asked, NULL), HG_COOKIE_VALID);
		assert_int_equal(ask(&keys, wrap - issued + COOKIE_LIFETIME + 1, &asked, NULL),
			HG_COOKIE_EXPIRED);
	}
	mint(&keys, wrap + 2, &asked);
	assert_int_equal(ask(&keys, wrap - 3, &asked, NULL), HG_COOKIE_VALID);
	assert_int_equal(ask(&keys, wrap - 4, &asked, NULL), HG_COOKIE_EXPIRED);
}

/* Made under each of the keys that a node has, and under those just beyond. */
static void
test_epochs(void **state)
{
	static const enum hg_cookie_verdict expected[] = {
		HG_COOKIE_UNKNOWN_EPOCH,
		HG_COOKIE_VALID,
		HG_COOKIE_VALID,
		HG_COOKIE_VALID,
		HG_COOKIE_UNKNOWN_EPOCH,
	};
	struct hg_cookie_keys keys, here;
	struct cookie_asked asked;

	(void)state;
	for (uint64_t epoch = 1000; epoch < 1064; epoch++) /* twice round the 5 bits */
		for (unsigned int i = 0; i < 5; i++) {
			uint64_t issued = epoch * COOKIE_ROTATION;

			/* Clocks that say the same, keys that rotated i - 2 epochs apart. */
			keys = cookie_keys(
				issued, COOKIE_ROTATION, COOKIE_LIFETIME, HG_COOKIE_BIND_HELLO);
			here = cookie_keys(issued + 2 * COOKIE_ROTATION - i * COOKIE_ROTATION,
				COOKIE_ROTATION, COOKIE_LIFETIME, HG_COOKIE_BIND_HELLO);
			cookie_hello(&asked, 4, i, 0);
			mint(&keys, issued, &asked);
			assert_int_equal(asked.cookie[0], 0x40 | epoch % 32);
			assert_int_equal(ask(&here, issued, &asked, NULL), expected[i]);
		}
}

/* Rotation ends no cookie before its time, be its lifetime as long as the rotation itself. */
static void
test_rotation_keeps_cookies(void **state)
{
	static const uint32_t rotations[] = { 6, 7, 60, 3600 };
	struct hg_cookie_keys keys;
	struct cookie_asked asked;

	(void)state;
	cookie_hello(&asked, 4, 1, 0);
	for (unsigned int r = 0; r < sizeof(rotations) / sizeof(rotations[0]); r++) {
		uint32_t rotation = rotations[r];
		uint64_t issued[] = { 100000ull * rotation, 100001ull * rotation - 1 };

		for (unsigned int i = 0; i < 2; i++) {
			keys = cookie_keys(issued[i], rotation, rotation, HG_COOKIE_BIND_HELLO);
			mint(&keys, issued[i], &asked);
			keys = cookie_keys(
				issued[i] + rotation, rotation, rotation, HG_COOKIE_BIND_HELLO);
			assert_int_equal(
				ask(&keys, issued[i] + rotation, &asked, NULL), HG_COOKIE_VALID);
			/* A node whose clock is 5 seconds behind. */
			keys = cookie_keys(issued[i] - 5, rotation, rotation, HG_COOKIE_BIND_HELLO);
			assert_int_equal(ask(&keys, issued[i] - 5, &asked, NULL), HG_COOKIE_VALID);
		}
	}
}

/* 32 rotations of 2^19 seconds later both epoch and time bits are as before: the key is not. */
static void
test_old_cookie_with_the_same_header(void **state)
{
	uint32_t rotation = 1u << 19;
	uint64_t now = 3300ull * rotation + 5;
	struct hg_cookie_keys keys =
		cookie_keys(now, rotation, COOKIE_LIFETIME, HG_COOKIE_BIND_HELLO);
	struct cookie_asked asked;

	(void)state;
	cookie_hello(&asked, 4, 1, 0);
	mint(&keys, now, &asked);
	assert_int_equal(ask(&keys, now, &asked, NULL), HG_COOKIE_VALID);
	now += 32ull * rotation;
	keys = cookie_keys(now, rotation, COOKIE_LIFETIME, HG_COOKIE_BIND_HELLO);
	assert_int_equal(ask(&keys, now, &asked, NULL), HG_COOKIE_WRONG_TAG);
}

static void
test_every_bit_flipped(void **state)
{
	struct hg_cookie_keys keys =
		cookie_keys(COOKIE_NOW, COOKIE_ROTATION, COOKIE_LIFETIME, HG_COOKIE_BIND_HELLO);
	unsigned int epoch = COOKIE_NOW / COOKIE_ROTATION % 32;
	struct cookie_asked asked;

	(void)state;
	cookie_hello(&asked, 4, 1, 32);
	mint(&keys, COOKIE_NOW, &asked);
	for (unsigned int bit = 0; bit < 8 * HG_COOKIE_LEN; bit++) {
		enum hg_cookie_verdict expected = HG_COOKIE_WRONG_TAG;
		unsigned int flipped, value = 1u << bit % 8;

		asked.cookie[bit / 8] ^= (uint8_t)value;
		flipped = asked.cookie[0] & 31u;
		if (bit < 8 && value >= 0x20)
			expected = HG_COOKIE_MALFORMED;
		else if (bit < 8 && (flipped - epoch + 1) % 32 > 2)
			expected = HG_COOKIE_UNKNOWN_EPOCH;
		else if (bit >= 8 && bit < 32) {
			uint32_t issued = (uint32_t)asked.cookie[1] << 16 |
					  (uint32_t)asked.cookie[2] << 8 | asked.cookie[3];
			int64_t age = (int64_t)(COOKIE_NOW & 0xffffff) - issued;

			if (age < -(int64_t)HG_COOKIE_CLOCK_SKEW || age > (int64_t)COOKIE_LIFETIME)
				expected = HG_COOKIE_EXPIRED;
		}
		assert_int_equal(ask(&keys, COOKIE_NOW, &asked, NULL), expected);
		asked.cookie[bit / 8] ^= (uint8_t)value;
	}
	assert_int_equal(ask(&keys, COOKIE_NOW, &asked, NULL), HG_COOKIE_VALID);
}

static void
test_malformed(void **state)
{
	struct hg_cookie_keys keys =
		cookie_keys(COOKIE_NOW, COOKIE_ROTATION, COOKIE_LIFETIME, HG_COOKIE_BIND_HELLO);
	struct cookie_asked asked;

	(void)state;
	cookie_hello(&asked, 4, 1, 0);
	mint(&keys, COOKIE_NOW, &asked);
	for (unsigned int len = 1; len < 256; len++) {
		asked.hello.cookie_len = (uint8_t)len;
		assert_int_equal(ask(&keys, COOKIE_NOW, &asked, NULL),
			len == HG_COOKIE_LEN ? HG_COOKIE_VALID : HG_COOKIE_MALFORMED);
	}
	asked.hello.cookie_len = HG_COOKIE_LEN;
	for (unsigned int format = 0; format < 8; format++) {
		asked.cookie[0] = (uint8_t)((asked.cookie[0] & 31u) | format << 5);
		assert_int_equal(ask(&keys, COOKIE_NOW, &asked, NULL),
			format == 2 ? HG_COOKIE_VALID : HG_COOKIE_MALFORMED);
	}
}

/* Flips each bit of len bytes of the hello: is the cookie refused for the first n bytes, and no other? */
static void
flip(const struct hg_cookie_keys *keys, struct cookie_asked *asked, uint8_t *bytes, size_t len,
	size_t n)
{
	for (size_t bit = 0; bit < 8 * len; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(ask(keys, COOKIE_NOW, asked, NULL),
			bit < 8 * n ? HG_COOKIE_WRONG_TAG : HG_COOKIE_VALID);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

/* Every bit of what is bound, changed: refused. Every other bit: not. */
static void
test_binding(void **state)
{
	static const size_t client[] = { [HG_COOKIE_BIND_HELLO] = 34,
		[HG_COOKIE_BIND_PARAMETERS] = 40,
		[HG_COOKIE_BIND_ADDRESS] = 0 };
	struct cookie_asked asked;

	(void)state;
	for (unsigned int form = 0; form < 6; form++) {
		enum hg_cookie_binding binding = (enum hg_cookie_binding)(form / 2);
		bool all = binding == HG_COOKIE_BIND_PARAMETERS;
		struct hg_cookie_keys keys =
			cookie_keys(COOKIE_NOW, COOKIE_ROTATION, COOKIE_LIFETIME, binding);
		uint8_t family = form % 2 == 0 ? 4 : 6;

		cookie_hello(&asked, family, form, 5);
		mint(&keys, COOKIE_NOW, &asked);
		flip(&keys, &asked, asked.tuple, 36, family == 4 ? 12 : 36);
		flip(&keys, &asked, asked.client, asked.hello.client_len, client[binding]);
		flip(&keys, &asked, asked.offer, asked.hello.offer_len,
			all ? asked.hello.offer_len : 0);
		assert_int_equal(ask(&keys, COOKIE_NOW, &asked, NULL), HG_COOKIE_VALID);
		asked.hello.offer_len = 0; /* the second hello is fragmented otherwise */
		assert_int_equal(ask(&keys, COOKIE_NOW, &asked, NULL),
			all ? HG_COOKIE_WRONG_TAG : HG_COOKIE_VALID);
	}
}

/* Mbed TLS 2.28 draws another session_id for each hello that carries a ticket. */
static void
test_other_session_id(void **state)
{
	struct cookie_asked first, second;

	(void)state;
	for (unsigned int binding = 0; binding < 3; binding++) {
		struct hg_cookie_keys keys = cookie_keys(COOKIE_NOW, COOKIE_ROTATION,
			COOKIE_LIFETIME, (enum hg_cookie_binding)binding);

		for (uint8_t len = 0; len <= 32; len += 16) {
			cookie_hello(&first, 4, 1, 32);
			mint(&keys, COOKIE_NOW, &first);
			cookie_hello(&second, 4, 1, len);
			memset(second.client + 35, 0x52, len);
			cookie_give(&second, first.cookie);
			assert_int_equal(ask(&keys, COOKIE_NOW, &second, NULL),
				binding == HG_COOKIE_BIND_PARAMETERS ? HG_COOKIE_WRONG_TAG
								     : HG_COOKIE_VALID);
		}
	}
}

/* A binding is not part of the header: a node with one must not take the cookies of another. */
static void
test_binding_modes_differ(void **state)
{
	struct cookie_asked asked;

	(void)state;
	for (unsigned int i = 0; i < 2 * 3 * 3; i++) {
		unsigned int made = i / 3 % 3, asks = i % 3;
		struct hg_cookie_keys keys[2];

		for (unsigned int k = 0; k < 2; k++)
			keys[k] = cookie_keys(COOKIE_NOW, COOKIE_ROTATION, COOKIE_LIFETIME,
				(enum hg_cookie_binding)(k == 0 ? made : asks));
		cookie_hello(&asked, i < 9 ? 4 : 6, 1, 0);
		mint(&keys[0], COOKIE_NOW, &asked);
		assert_int_equal(ask(&keys[1], COOKIE_NOW, &asked, NULL),
			made == asks ? HG_COOKIE_VALID : HG_COOKIE_WRONG_TAG);
	}
}

/* What is bound by default makes one block of SHA-256 for IPv4, two for IPv6. */
static void
test_blocks(void **state)
{
	struct hg_cookie_keys keys =
		cookie_keys(COOKIE_NOW, COOKIE_ROTATION, COOKIE_LIFETIME, HG_COOKIE_BIND_HELLO);
	struct cookie_asked asked;

	(void)state;
	hg_cookie_batch_begin(cookie_batch, &keys, COOKIE_NOW);
	for (unsigned int i = 0; i < 2; i++) {
		cookie_hello(&asked, i == 0 ? 4 : 6, i, 32);
		assert_int_equal(hg_cookie_batch_add(cookie_batch, &asked.hello), i);
		assert_int_equal(cookie_batch->job[i].n_blocks, i + 1);
	}
}

/* The same bytes in a row with another border between session_id, suites and compression. */
static void
test_injective(void **state)
{
	struct hg_cookie_keys keys = cookie_keys(
		COOKIE_NOW, COOKIE_ROTATION, COOKIE_LIFETIME, HG_COOKIE_BIND_PARAMETERS);
	struct cookie_asked asked, shifted;

	(void)state;
	cookie_hello(&asked, 4, 1, 4);
	mint(&keys, COOKIE_NOW, &asked);
	shifted = asked;
	shifted.hello.tuple = shifted.tuple;
	shifted.hello.client = shifted.client;
	shifted.hello.offer = shifted.offer;
	shifted.hello.cookie = shifted.cookie;
	assert_int_equal(ask(&keys, COOKIE_NOW, &shifted, NULL), HG_COOKIE_VALID);
	/* session_id takes over the first bytes of the offer */
	for (unsigned int n = 1; n <= asked.hello.offer_len; n++) {
		shifted.client[34] = (uint8_t)(4 + n);
		memcpy(shifted.client + 39, asked.offer, n);
		shifted.hello.client_len = (uint16_t)(39 + n);
		memcpy(shifted.offer, asked.offer + n, asked.hello.offer_len - n);
		shifted.hello.offer_len = (uint16_t)(asked.hello.offer_len - n);
		assert_int_equal(ask(&keys, COOKIE_NOW, &shifted, NULL), HG_COOKIE_WRONG_TAG);
	}
	/* the last suite becomes compression methods */
	shifted = asked;
	shifted.hello.tuple = shifted.tuple;
	shifted.hello.client = shifted.client;
	shifted.hello.offer = shifted.offer;
	shifted.hello.cookie = shifted.cookie;
	shifted.offer[1] = 4;
	shifted.offer[6] = 3;
	assert_int_equal(ask(&keys, COOKIE_NOW, &shifted, NULL), HG_COOKIE_WRONG_TAG);
}

/* An IPv4 tuple that continues as the hello of an IPv6 one would, and the other way round. */
static void
test_families_differ(void **state)
{
	struct hg_cookie_keys keys = cookie_keys(
		COOKIE_NOW, COOKIE_ROTATION, COOKIE_LIFETIME, HG_COOKIE_BIND_PARAMETERS);
	uint8_t row[36 + 67 + 10];
	struct cookie_asked six, four;

	(void)state;
	cookie_hello(&six, 6, 1, 32);
	memcpy(row, six.tuple, 36);
	memcpy(row + 36, six.client, 67);
	memcpy(row + 103, six.offer, 10);
	mint(&keys, COOKIE_NOW, &six);
	cookie_hello(&four, 4, 1, 32);
	cookie_give(&four, six.cookie);
	four.hello.tuple = row;
	four.hello.client = row + 12;
	four.hello.client_len = 67;
	four.hello.offer = row + 12 + 67;
	four.hello.offer_len = sizeof(row) - 12 - 67;
	assert_int_equal(ask(&keys, COOKIE_NOW, &four, NULL), HG_COOKIE_WRONG_TAG);
	mint(&keys, COOKIE_NOW, &four);
	cookie_give(&six, four.cookie);
	assert_int_equal(ask(&keys, COOKIE_NOW, &six, NULL), HG_COOKIE_WRONG_TAG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_answers),
		cmocka_unit_test(test_lifetime),
		cmocka_unit_test(test_extreme_lifetimes),
		cmocka_unit_test(test_time_wraps),
		cmocka_unit_test(test_epochs),
		cmocka_unit_test(test_rotation_keeps_cookies),
		cmocka_unit_test(test_old_cookie_with_the_same_header),
		cmocka_unit_test(test_every_bit_flipped),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_binding),
		cmocka_unit_test(test_other_session_id),
		cmocka_unit_test(test_binding_modes_differ),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_injective),
		cmocka_unit_test(test_families_differ),
	};

	return cmocka_run_group_tests(tests, cookie_batch_open, cookie_batch_close);
}
