/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Does the time that something takes depend on a secret? Under valgrind, what memcheck takes for
 * uninitialised is followed through every instruction, and every branch and every address that
 * depends on it is reported. So secrets are declared uninitialised, and nothing may be reported:
 * a proof over the machine code as it is shipped, where a stopwatch would only find what is large.
 *
 * What a cookie was worth is no secret, as the answer to the hello tells it: one branch for each
 * hello may depend on it, whatever is wrong with the cookie and wherever.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "cookie/batch.h"
#include "cookie/keys.h"
#include "hmac/hmac.h"

#if defined(__has_include) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#define HAVE_MEMCHECK 1
#endif
#endif

#ifdef HAVE_MEMCHECK

#define NOW UINT64_C(1700000000)
#define ROTATION 3600u
#define LIFETIME 60u
#define HELLOS 20u /* more than any kernel has lanes */

static unsigned int n_results, n_failed;

static void
result(bool ok, const char *what, const char *where)
{
	n_results++;
	n_failed += !ok;
	printf("%s %u - %s%s\n", ok ? "ok" : "not ok", n_results, what, where);
	fflush(stdout);
}

/* How many branches and addresses have depended on a secret so far. */
static unsigned int
leaks(void)
{
	return VALGRIND_COUNT_ERRORS;
}

static void
hide(void *p, size_t n)
{
	VALGRIND_MAKE_MEM_UNDEFINED(p, n);
}

static void
publish(const void *p, size_t n)
{
	VALGRIND_MAKE_MEM_DEFINED(p, n);
}

/* What the tests are there to find. */
static __attribute__((noinline)) bool
equal_with_early_exit(const volatile uint8_t *a, const volatile uint8_t *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (a[i] != b[i])
			return false;
	return true;
}

static void
check_the_checker(void)
{
	static const uint8_t table[256] = { 1, 2, 3 };
	uint8_t secret[16] = { 0 }, other[16] = { 0 }, index = 2;
	unsigned int before = leaks();
	volatile uint8_t value;
	volatile bool equal;

	hide(secret, sizeof(secret));
	equal = equal_with_early_exit(secret, other, sizeof(secret));
	result(leaks() > before, "a compare that stops at the first difference is found", "");
	before = leaks();
	hide(&index, 1);
	value = table[index];
	result(leaks() > before, "a table looked up by a secret is found", "");
	(void)equal;
	(void)value;
}

static void
check_compare(void)
{
	uint8_t secret[64] = { 0 }, other[64] = { 0 };
	unsigned int before = leaks();
	bool right = true;

	for (size_t n = 0; n <= sizeof(secret); n++)
		for (size_t wrong = 0; wrong <= n; wrong++) {
			bool equal;

			if (wrong < n)
				other[wrong] ^= 1;
			hide(secret, sizeof(secret));
			equal = hg_secret_equal(secret, other, n);
			publish(&equal, sizeof(equal));
			publish(secret, sizeof(secret));
			right = right && equal == (wrong == n);
			if (wrong < n)
				other[wrong] ^= 1;
		}
	result(leaks() == before, "hg_secret_equal() has no branch that depends on the bytes", "");
	result(right, "hg_secret_equal() is right", "");
}

static void
check_kernel(const struct hg_hmac_kernel *kernel)
{
	static uint8_t blocks[HELLOS][256 + HG_HMAC_PAD_ROOM];
	struct hg_hmac_job jobs[HELLOS];
	unsigned int before = leaks();
	struct hg_hmac_key key;
	uint8_t secret[HG_HMAC_LEN];

	memset(secret, 7, sizeof(secret));
	hide(secret, sizeof(secret));
	hg_hmac_key_init(&key, secret, sizeof(secret));
	for (unsigned int n = 1; n <= HELLOS; n++) {
		for (unsigned int i = 0; i < n; i++) {
			size_t len = 40 + (size_t)i * 9;

			memset(blocks[i], (int)i, len);
			jobs[i] = (struct hg_hmac_job){ .key = &key, .blocks = blocks[i] };
			jobs[i].n_blocks = hg_hmac_pad(blocks[i], len);
		}
		kernel->run(jobs, n);
	}
	result(leaks() == before, "no branch or address depends on the key: kernel ", kernel->name);
}

enum tag {
	RIGHT,
	FIRST_BYTE_WRONG,
	LAST_BYTE_WRONG,
	ALL_WRONG,
	TAGS,
};

/* The cookies of one kind for a whole burst. Returns the leaks, or UINT32_MAX for a wrong verdict. */
static unsigned int
check_burst(struct hg_cookie_batch *batch, const struct hg_cookie_keys *keys,
	const struct hg_hmac_kernel *kernel, enum tag tag)
{
	static uint8_t cookie[HELLOS][HG_COOKIE_LEN];
	uint8_t tuple[12] = { 198, 18, 0, 2, 198, 18, 0, 1, 0xc0, 0, 0x16, 0x34 };
	uint8_t client[35] = { 0xfe, 0xfd }, offer[6] = { 0, 2, 0xc0, 0x2b, 1, 0 };
	unsigned int before;

	for (unsigned int round = 0; round < 2; round++) { /* mint, then check */
		hg_cookie_batch_begin(batch, keys, NOW);
		for (unsigned int i = 0; i < HELLOS; i++) {
			struct hg_cookie_hello hello = {
				.tuple = tuple,
				.client = client,
				.offer = offer,
				.cookie = cookie[i],
				.client_len = sizeof(client),
				.offer_len = sizeof(offer),
				.cookie_len = round == 0 ? 0 : HG_COOKIE_LEN,
				.family = 4,
			};

			client[2] = (uint8_t)i;
			if (hg_cookie_batch_add(batch, &hello) < 0)
				abort();
		}
		before = leaks();
		hg_cookie_batch_run(batch, kernel);
		for (unsigned int i = 0; round == 0 && i < HELLOS; i++) {
			hg_cookie_batch_mint(batch, i, cookie[i]);
			publish(cookie[i], HG_COOKIE_LEN); /* it goes out on the wire */
			if (tag == FIRST_BYTE_WRONG || tag == ALL_WRONG)
				cookie[i][4] ^= 1;
			if (tag == LAST_BYTE_WRONG || tag == ALL_WRONG)
				cookie[i][HG_COOKIE_LEN - 1] ^= 1;
			for (size_t at = 5; tag == ALL_WRONG && at < HG_COOKIE_LEN - 1; at++)
				cookie[i][at] ^= 0xff;
		}
	}
	before = leaks() - before;
	for (unsigned int i = 0; i < HELLOS; i++) {
		publish(&batch->hello[i].verdict, sizeof(batch->hello[i].verdict));
		if (hg_cookie_batch_verdict(batch, i) !=
			(tag == RIGHT ? HG_COOKIE_VALID : HG_COOKIE_WRONG_TAG))
			return UINT32_MAX;
	}
	return before;
}

static void
derive_keys(struct hg_cookie_keys *keys)
{
	uint8_t secret[HG_COOKIE_SECRET_LEN];
	unsigned int before = leaks();

	memset(secret, 7, sizeof(secret));
	hide(secret, sizeof(secret));
	if (hg_cookie_keys_derive(keys, secret, NOW, ROTATION, LIFETIME, HG_COOKIE_BIND_HELLO) != 0)
		abort();
	result(leaks() == before, "no branch or address depends on the cookie secret", "");
}

static void
check_cookies(const struct hg_cookie_keys *keys, const struct hg_hmac_kernel *kernel)
{
	struct hg_cookie_batch *batch = aligned_alloc(
		_Alignof(struct hg_cookie_batch), hg_cookie_batch_size(HG_COOKIE_BIND_HELLO));
	unsigned int found[TAGS];

	if (batch == NULL)
		abort();
	for (enum tag tag = RIGHT; tag < TAGS; tag++)
		found[tag] = check_burst(batch, keys, kernel, tag);
	printf("# %u, %u, %u and %u branches for %u cookies\n", found[RIGHT],
		found[FIRST_BYTE_WRONG], found[LAST_BYTE_WRONG], found[ALL_WRONG], HELLOS);
	result(found[RIGHT] <= HELLOS && found[FIRST_BYTE_WRONG] == found[RIGHT] &&
			found[LAST_BYTE_WRONG] == found[RIGHT] && found[ALL_WRONG] == found[RIGHT],
		"a cookie takes as long whatever is wrong with its tag: kernel ", kernel->name);
	free(batch);
}

int
main(void)
{
	const struct hg_hmac_kernel *const *kernels;
	struct hg_cookie_keys keys;
	size_t n;

	if (!RUNNING_ON_VALGRIND) {
		puts("1..0 # SKIP not under valgrind");
		return 0;
	}
	check_the_checker();
	check_compare();
	derive_keys(&keys);
	kernels = hg_hmac_kernels(&n);
	for (size_t i = 0; i < n; i++) {
		/* As far as valgrind knows the instructions: it tells so by CPUID. */
		if (!kernels[i]->usable())
			continue;
		check_kernel(kernels[i]);
		check_cookies(&keys, kernels[i]);
	}
	printf("1..%u\n", n_results);
	return n_failed != 0;
}

#else

int
main(void)
{
	puts("1..0 # SKIP valgrind/memcheck.h is missing, or a sanitizer is there");
	return 0;
}

#endif
