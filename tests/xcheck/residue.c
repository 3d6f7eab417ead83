/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Does a function leave secrets behind? It is called on a stack of its own, and that stack and the
 * vector registers are then searched for every word that it should have wiped.
 */
#include "xcheck.h"

#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#ifdef __x86_64__
#include <cpuid.h>
#endif

#define STACK_SIZE 65536u
#define JOBS_MAX 64u
#define MESSAGE_LEN 112u
#define SECRET_LEN 32u
#define LONG_SECRET_LEN 100u
#define WORDS_MAX (64u + JOBS_MAX * 64u)
#define ENOUGH 3u /* words found: fewer may be chance */

struct search {
	/* What to call. */
	const struct hg_hmac_kernel *kernel; /* NULL: hg_hmac_key_init() */
	struct hg_hmac_job jobs[JOBS_MAX];
	size_t n_jobs;
	struct hg_hmac_key key;
	uint8_t secret[LONG_SECRET_LEN];
	size_t secret_len;
	/* What must not be found. */
	uint32_t words[WORDS_MAX];
	size_t n_words;
	/* Where. */
	_Alignas(64) uint8_t stack[STACK_SIZE];
	_Alignas(64) uint8_t registers[4096];
	ucontext_t caller, callee;
};

const char *
residue_unavailable(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return "a sanitizer moves locals about";
#elif !defined(__OPTIMIZE__)
	return "without optimisation every intermediate result is a local";
#else
	const char *preload = getenv("LD_PRELOAD");
#ifdef __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	__has_feature(memory_sanitizer)
	return "a sanitizer moves locals about";
#endif
#endif
	if (preload && strstr(preload, "vgpreload"))
		return "valgrind lets nobody read behind the end of a stack";
	return NULL;
#endif
}

/* Saves the vector registers: on x86 all of x87, SSE, AVX and AVX-512 that there is. */
static inline __attribute__((always_inline)) void
save_registers(uint8_t registers[4096], bool xsave)
{
#if defined(__x86_64__)
	if (xsave)
		__asm__ volatile("xsave64 (%0)" ::"r"(registers), "a"(0xe7), "d"(0) : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" ::"r"(registers) : "memory");
#elif defined(__aarch64__)
	(void)xsave;
	__asm__ volatile(".irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, "
			 "16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31\n\t"
			 "str q\\i, [%0, #16 * \\i]\n\t"
			 ".endr" ::"r"(registers)
			 : "memory");
#else
	(void)registers;
	(void)xsave;
#endif
}

static bool
have_xsave(void)
{
#ifdef __x86_64__
	unsigned int a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_OSXSAVE);
#else
	return false;
#endif
}

/* makecontext() passes integers alone. */
static struct search search;

static void
on_own_stack(void)
{
	bool xsave = have_xsave();

	if (search.kernel)
		search.kernel->run(search.jobs, search.n_jobs);
	else
		hg_hmac_key_init(&search.key, search.secret, search.secret_len);
	save_registers(search.registers, xsave);
}

static void
must_not_find(uint32_t word)
{
	if (search.n_words == WORDS_MAX)
		abort();
	search.words[search.n_words++] = word;
}

static void
must_not_find_bytes(const void *bytes, size_t n)
{
	for (size_t i = 0; i + 4 <= n; i += 4) {
		uint32_t word;

		memcpy(&word, (const uint8_t *)bytes + i, sizeof(word));
		must_not_find(word);
		must_not_find(__builtin_bswap32(word));
	}
}

static uint32_t
ror(uint32_t x, unsigned int n)
{
	return x >> n | x << (32 - n);
}

/*
 * What becomes of the inner digest in the message schedule of the outer block (FIPS 180-4, 6.2.2):
 * any sixteen words in sequence give it away.
 */
static void
must_not_find_schedule(const uint8_t digest[HG_HMAC_LEN])
{
	uint32_t w[64] = { [8] = 0x80000000, [15] = 768 };

	for (unsigned int i = 0; i < 8; i++) {
		memcpy(&w[i], digest + 4 * (size_t)i, sizeof(w[i]));
		w[i] = __builtin_bswap32(w[i]);
	}
	for (unsigned int i = 16; i < 64; i++) {
		w[i] = w[i - 16] + w[i - 7];
		w[i] += ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3;
		w[i] += ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10;
		must_not_find(w[i]);
	}
}

/* The digest of SHA256((secret ^ ipad) || message), which with the key's outer midstate is the tag. */
static void
must_not_find_inner(const uint8_t message[MESSAGE_LEN])
{
	uint8_t hashed[HG_SHA256_BLOCK + MESSAGE_LEN];
	uint8_t digest[HG_HMAC_LEN];

	memset(hashed, 0x36, HG_SHA256_BLOCK);
	for (size_t i = 0; i < SECRET_LEN; i++)
		hashed[i] ^= search.secret[i];
	memcpy(hashed + HG_SHA256_BLOCK, message, MESSAGE_LEN);
	oracle_sha256(hashed, sizeof(hashed), digest);
	must_not_find_bytes(digest, sizeof(digest));
	must_not_find_schedule(digest);
}

/* Bytes of a key, also as they are in its ipad and opad blocks. */
static void
must_not_find_padded(const uint8_t *bytes, size_t n)
{
	must_not_find_bytes(bytes, n);
	for (size_t i = 0; i + 4 <= n; i += 4) {
		uint32_t word;

		memcpy(&word, bytes + i, sizeof(word));
		word ^= 0x36363636;
		must_not_find_bytes(&word, sizeof(word));
		word ^= 0x36363636 ^ 0x5c5c5c5c;
		must_not_find_bytes(&word, sizeof(word));
	}
}

static bool
found_in(const uint8_t *memory, size_t size)
{
	unsigned int found = 0;

	for (size_t i = 0; i < size; i += 4) {
		uint32_t word;

		memcpy(&word, memory + i, sizeof(word));
		for (size_t w = 0; word != 0 && w < search.n_words; w++) {
			if (word == search.words[w]) {
				found++;
				break;
			}
		}
	}
	return found >= ENOUGH;
}

static const char *
call_and_search(void)
{
	memset(search.stack, 0, sizeof(search.stack));
	memset(search.registers, 0, sizeof(search.registers));
	getcontext(&search.callee);
	search.callee.uc_stack.ss_sp = search.stack;
	search.callee.uc_stack.ss_size = sizeof(search.stack);
	search.callee.uc_link = &search.caller;
	makecontext(&search.callee, on_own_stack, 0);
	swapcontext(&search.caller, &search.callee);
	if (found_in(search.stack, sizeof(search.stack)))
		return "the stack";
	if (found_in(search.registers, sizeof(search.registers)))
		return "a vector register";
	return NULL;
}

const char *
residue_of_run(const struct hg_hmac_kernel *kernel, size_t n_jobs)
{
	static uint8_t blocks[JOBS_MAX][MESSAGE_LEN + HG_HMAC_PAD_ROOM];
	struct rng rng = { 0x9e3779b97f4a7c15 + n_jobs };

	search.kernel = kernel;
	search.n_jobs = n_jobs;
	search.n_words = 0;
	rng_fill(&rng, search.secret, SECRET_LEN);
	hg_hmac_key_init(&search.key, search.secret, SECRET_LEN);
	must_not_find_bytes(&search.key, sizeof(search.key));
	for (size_t i = 0; i < n_jobs; i++) {
		rng_fill(&rng, blocks[i], MESSAGE_LEN);
		must_not_find_inner(blocks[i]);
		search.jobs[i].key = &search.key;
		search.jobs[i].blocks = blocks[i];
		search.jobs[i].n_blocks = hg_hmac_pad(blocks[i], MESSAGE_LEN);
	}
	return call_and_search();
}

const char *
residue_of_key_init(size_t secret_len)
{
	struct rng rng = { 0x2545f4914f6cdd1d };
	uint8_t digest[HG_HMAC_LEN];

	search.kernel = NULL;
	search.secret_len = secret_len;
	search.n_words = 0;
	rng_fill(&rng, search.secret, secret_len);
	hg_hmac_key_init(&search.key, search.secret, secret_len);
	must_not_find_bytes(&search.key, sizeof(search.key));
	must_not_find_padded(search.secret, secret_len);
	if (secret_len > HG_SHA256_BLOCK) {
		oracle_sha256(search.secret, secret_len, digest);
		must_not_find_padded(digest, sizeof(digest));
	}
	return call_and_search();
}

/* Leaves a few words of the key where its frame was. */
static void
leak(struct hg_hmac_job *jobs, size_t n)
{
	uint32_t kept[64] = { 0 };

	hg_hmac_kernel_find("scalar")->run(jobs, n);
	memcpy(kept + 5, jobs[0].key->outer, ENOUGH * sizeof(kept[0]));
	/* As if the array were used. */
	__asm__ volatile("" ::"r"(kept) : "memory");
}

static bool
usable(void)
{
	return true;
}

const char *
residue_of_leak(void)
{
	static const struct hg_hmac_kernel leaking = {
		.name = "leaking", .lanes = 1, .usable = usable, .run = leak
	};

	return residue_of_run(&leaking, 1);
}
