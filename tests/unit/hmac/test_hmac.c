/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "hmac/hmac.h"
#include "unit.h"

#define MESSAGE_MAX 320u

struct vector {
	const char *secret;
	size_t secret_len;
	const char *message;
	const char *tag; /* hexadecimal; a prefix is compared as far as it goes */
};

#define TEN(s) s s s s s s s s s s

/* RFC 4231, 4.2 to 4.8 */
static const struct vector rfc4231[] = {
	{ TEN("\x0b") TEN("\x0b"), 20, "Hi There",
		"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
	{ "Jefe", 4, "what do ya want for nothing?",
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
	{ TEN("\xaa") TEN("\xaa"), 20, TEN("\xdd\xdd\xdd\xdd\xdd"),
		"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
	{ "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15"
	  "\x16\x17\x18\x19",
		25, TEN("\xcd\xcd\xcd\xcd\xcd"),
		"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
	{ TEN("\x0c") TEN("\x0c"), 20, "Test With Truncation", "a3b6167473100ee06e0c796c2955552b" },
	{ TEN(TEN("\xaa")) TEN("\xaa\xaa\xaa") "\xaa", 131,
		"Test Using Larger Than Block-Size Key - Hash Key First",
		"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
	{ TEN(TEN("\xaa")) TEN("\xaa\xaa\xaa") "\xaa", 131,
		"This is a test using a larger than block-size key and a larger than block-size "
		"data. The key needs to be hashed before being used by the HMAC algorithm.",
		"9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
};

#define N_RFC4231 (sizeof(rfc4231) / sizeof(rfc4231[0]))

static void
assert_tag(const struct hg_hmac_job *job, const char *expected)
{
	char hex[2 * HG_HMAC_LEN + 1];

	for (unsigned int i = 0; i < HG_HMAC_LEN; i++)
		snprintf(hex + 2 * (size_t)i, 3, "%02x", job->tag[i]);
	hex[strlen(expected)] = '\0';
	assert_string_equal(hex, expected);
}

/* One message, by the reference kernel. */
static void
mac_one(struct hg_hmac_job *job, const struct hg_hmac_key *key, const char *message)
{
	uint8_t blocks[MESSAGE_MAX];
	size_t len = strlen(message);

	memcpy(blocks, message, len);
	job->key = key;
	job->blocks = blocks;
	job->n_blocks = hg_hmac_pad(blocks, len);
	hg_hmac_kernel_find("scalar")->run(job, 1);
	job->blocks = NULL;
}

static void
test_rfc4231_in_one_burst(void **state)
{
	static uint8_t blocks[N_RFC4231][MESSAGE_MAX];
	struct hg_hmac_key keys[N_RFC4231];
	struct hg_hmac_job jobs[N_RFC4231];
	const struct hg_hmac_kernel *const *kernels;
	size_t n_kernels;

	(void)state;
	for (size_t i = 0; i < N_RFC4231; i++) {
		const struct vector *v = &rfc4231[i];
		size_t len = strlen(v->message);

		hg_hmac_key_init(&keys[i], (const uint8_t *)v->secret, v->secret_len);
		memcpy(blocks[i], v->message, len);
		jobs[i].key = &keys[i];
		jobs[i].blocks = blocks[i];
		jobs[i].n_blocks = hg_hmac_pad(blocks[i], len);
	}
	kernels = hg_hmac_kernels(&n_kernels);
	for (size_t k = 0; k < n_kernels; k++) {
		if (!kernels[k]->usable())
			continue;
		for (size_t i = 0; i < N_RFC4231; i++)
			memset(jobs[i].tag, 0, HG_HMAC_LEN);
		kernels[k]->run(jobs, N_RFC4231);
		for (size_t i = 0; i < N_RFC4231; i++)
			assert_tag(&jobs[i], rfc4231[i].tag);
	}
}

static void
test_empty_burst(void **state)
{
	const struct hg_hmac_kernel *const *kernels;
	struct hg_hmac_job job = { 0 };
	size_t n_kernels;

	(void)state;
	kernels = hg_hmac_kernels(&n_kernels);
	for (size_t k = 0; k < n_kernels; k++) {
		if (!kernels[k]->usable())
			continue;
		kernels[k]->run(&job, 0);
		kernels[k]->run(NULL, 0);
	}
	for (unsigned int i = 0; i < HG_HMAC_LEN; i++)
		assert_int_equal(job.tag[i], 0);
}

/* FIPS 180-4, 5.1.1: one 1 bit, zeros, the length in bits; here with the ipad block counted in. */
static void
test_pad(void **state)
{
	static const struct {
		size_t len;
		uint32_t n_blocks;
	} cases[] = { { 0, 1 }, { 1, 1 }, { 54, 1 }, { 55, 1 }, { 56, 2 }, { 63, 2 }, { 64, 2 },
		{ 65, 2 }, { 118, 2 }, { 119, 2 }, { 120, 3 }, { 127, 3 }, { 128, 3 }, { 183, 3 },
		{ 184, 4 } };

	(void)state;
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		size_t len = cases[c].len, end = 64 * (size_t)cases[c].n_blocks;
		uint64_t bits = 0;
		uint8_t buffer[MESSAGE_MAX];

		memset(buffer, 0xee, sizeof(buffer));
		assert_int_equal(hg_hmac_pad(buffer, len), cases[c].n_blocks);
		for (size_t i = 0; i < len; i++)
			assert_int_equal(buffer[i], 0xee);
		assert_int_equal(buffer[len], 0x80);
		for (size_t i = len + 1; i < end - 8; i++)
			assert_int_equal(buffer[i], 0);
		for (size_t i = end - 8; i < end; i++)
			bits = bits << 8 | buffer[i];
		assert_int_equal(bits, 8 * (64 + len));
		for (size_t i = len + HG_HMAC_PAD_ROOM; i < sizeof(buffer); i++)
			assert_int_equal(buffer[i], 0xee);
	}
}

/* A secret of more than a block is hashed first, one of a block is not (RFC 2104, 2). */
static void
test_secret_lengths(void **state)
{
	static const struct {
		size_t len;
		const char *tag;
	} cases[] = {
		{ 0, "eb08c1f56d5ddee07f7bdf80468083da06b64cf4fac64fe3a90883df5feacae4" },
		{ 1, "1d72ed3e520cacc0facc9055c3538f33590a0a553693e74a545037b76b3511c8" },
		{ 63, "5e0934216d1c9ea4892636a8e4dac7655470291437b6b5b727da932e9775aedd" },
		{ 64, "7b21645467d2de9cc21888098156568fb274a02e480f5e46c06e36577886a271" },
		{ 65, "2ab060d6162b39080046313a8584e7e3ad3ecb399bf8ce1ddfdf7cf3b961c11c" },
		{ 200, "c8d1c616a845ec62c0859d53e55446e6b981867e405bd68ddf459cb4557f2170" },
	};

	(void)state;
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		uint8_t secret[200];
		struct hg_hmac_key key;
		struct hg_hmac_job job;

		for (size_t i = 0; i < sizeof(secret); i++)
			secret[i] = (uint8_t)(3 * i + 1);
		hg_hmac_key_init(&key, cases[c].len > 0 ? secret : NULL, cases[c].len);
		mac_one(&job, &key, "message");
		assert_tag(&job, cases[c].tag);
	}
}

static void
test_find(void **state)
{
	static const char *const unknown[] = { "", "sse", "Scalar", "scalar ", "avx51", "avx5122" };
	const struct hg_hmac_kernel *const *kernels;
	size_t n_kernels;

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		assert_null(hg_hmac_kernel_find(unknown[i]));
	kernels = hg_hmac_kernels(&n_kernels);
	assert_true(n_kernels > 0);
	assert_string_equal(kernels[0]->name, "scalar");
	assert_true(kernels[0]->usable());
	for (size_t k = 0; k < n_kernels; k++)
		assert_ptr_equal(hg_hmac_kernel_find(kernels[k]->name), kernels[k]);
}

/* Every kernel of the build is in the list of all that there are, once. */
static void
test_names(void **state)
{
	static const char *const names[] = {
#define NAME(symbol, name) name,
		HG_HMAC_KERNELS(NAME)
#undef NAME
	};
	size_t n_kernels, found = 0;

	(void)state;
	hg_hmac_kernels(&n_kernels);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		found += hg_hmac_kernel_find(names[i]) != NULL;
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(names[i], names[j]);
	}
	assert_int_equal(found, n_kernels);
}

static void
test_ladder_measured(void **state)
{
	struct hg_hmac_ladder ladder;

	(void)state;
	hg_hmac_ladder_measure(&ladder);
	for (unsigned int i = 0; i < HG_HMAC_STEPS; i++) {
		assert_ptr_equal(hg_hmac_kernel_find(ladder.step[i]->name), ladder.step[i]);
		assert_true(ladder.step[i]->usable());
		assert_true(hg_hmac_self_test(ladder.step[i]));
	}
}

/* Each step ends at a power of two; the last has no end. */
static void
test_ladder_pick(void **state)
{
	struct hg_hmac_kernel kernel[HG_HMAC_STEPS];
	struct hg_hmac_ladder ladder;
	size_t n = 0;

	(void)state;
	for (unsigned int i = 0; i < HG_HMAC_STEPS; i++)
		ladder.step[i] = &kernel[i];
	for (unsigned int i = 0; i < HG_HMAC_STEPS; i++)
		for (; n <= (size_t)1 << i; n++)
			assert_ptr_equal(hg_hmac_ladder_pick(&ladder, n), &kernel[i]);
	for (; n < 1000; n++)
		assert_ptr_equal(hg_hmac_ladder_pick(&ladder, n), &kernel[HG_HMAC_STEPS - 1]);
}

static void
test_ladder_describe(void **state)
{
	const struct hg_hmac_kernel one = { .name = "one" }, two = { .name = "two" };
	char text[HG_HMAC_LADDER_TEXT], full[HG_HMAC_LADDER_TEXT];
	struct hg_hmac_ladder ladder;

	(void)state;
	hg_hmac_ladder_force(&ladder, &two);
	hg_hmac_ladder_describe(&ladder, text, sizeof(text));
	assert_string_equal(text, "two");
	ladder.step[0] = &one;
	ladder.step[1] = &one;
	ladder.step[3] = &one;
	hg_hmac_ladder_describe(&ladder, full, sizeof(full));
	assert_string_equal(full, "one to 2, two to 4, one to 8, two");
	for (size_t size = 1; size < strlen(full) + 1; size++) {
		memset(text, 'x', sizeof(text));
		hg_hmac_ladder_describe(&ladder, text, size);
		assert_int_equal(strlen(text), size - 1);
		assert_memory_equal(text, full, size - 1);
		assert_int_equal(text[size], 'x');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc4231_in_one_burst),
		cmocka_unit_test(test_empty_burst),
		cmocka_unit_test(test_pad),
		cmocka_unit_test(test_secret_lengths),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_ladder_measured),
		cmocka_unit_test(test_ladder_pick),
		cmocka_unit_test(test_ladder_describe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
