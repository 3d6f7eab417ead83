/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Holds every HMAC kernel that this CPU can run against the reference kernel and against OpenSSL, on
 * memory that ends where the input ends. Speaks TAP; with --bench it prints timings instead.
 */
#include "xcheck.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEN_MAX 300u  /* of messages of which every length is tried */
#define BATCH_MAX 64u /* every batch up to this size is tried */
#define HUGE_BATCH_MAX 200u
#define HUGE_LEN_MAX 3800u /* fits a slot, with its padding and any misalignment */
#define SLOT_SIZE 4096u
#define ROUNDS 24u

/* Where a message lies in its slot. */
enum place { AT_END, AT_START, MISALIGNED, N_PLACES };

struct check {
	struct rng rng;
	uint64_t seed;
	struct oracle *oracle;
	const struct hg_hmac_kernel *kernel;
	struct arena slots[BATCH_MAX];
	struct arena keys, jobs;
	/* For each message: what was put into its slot, and the right tag. */
	uint8_t copy[BATCH_MAX][SLOT_SIZE];
	const uint8_t *blocks[BATCH_MAX];
	uint32_t n_blocks[BATCH_MAX];
	unsigned int secret[BATCH_MAX];
	uint8_t tag[BATCH_MAX][HG_HMAC_LEN];
	unsigned int tests, failures;
};

static void __attribute__((format(printf, 3, 4)))
report(struct check *check, bool ok, const char *format, ...)
{
	va_list args;

	printf("%sok %u - ", ok ? "" : "not ", ++check->tests);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	check->failures += !ok;
	fflush(stdout);
}

static bool __attribute__((format(printf, 2, 3)))
wrong(const struct check *check, const char *format, ...)
{
	va_list args;

	printf("# %s: ", check->kernel->name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf(" (--seed %llu)\n", (unsigned long long)check->seed);
	return false;
}

/* The keys end where their arena ends. */
static struct hg_hmac_key *
keys_of(const struct check *check)
{
	void *p = check->keys.start + check->keys.size - N_SECRETS * sizeof(struct hg_hmac_key);

	return p;
}

/* Fills slot i with a message of len bytes, and computes its tag. */
static void
put_message(struct check *check, unsigned int i, size_t len, unsigned int secret)
{
	uint8_t *copy = check->copy[i];
	struct arena *slot = &check->slots[i];
	uint8_t *at = slot->start;
	size_t size;

	rng_fill(&check->rng, copy, len);
	oracle_mac(check->oracle, secret, copy, len, check->tag[i]);
	check->secret[i] = secret;
	check->n_blocks[i] = hg_hmac_pad(copy, len);
	size = (size_t)check->n_blocks[i] * HG_SHA256_BLOCK;
	switch ((enum place)rng_below(&check->rng, N_PLACES)) {
	case AT_START:
		break;
	case MISALIGNED:
		at += 1 + rng_below(&check->rng, 63);
		break;
	default:
		at += slot->size - size;
	}
	memcpy(at, copy, size);
	check->blocks[i] = at;
}

/* Runs n jobs over the first `messages` slots, repeated as needed. */
static bool
run_burst(struct check *check, const struct hg_hmac_kernel *kernel, unsigned int n,
	unsigned int messages)
{
	struct hg_hmac_job *jobs =
		(void *)(check->jobs.start + check->jobs.size - n * sizeof(*jobs));
	struct hg_hmac_key *keys = keys_of(check);

	for (unsigned int i = 0; i < n; i++) {
		unsigned int m = i % messages;

		jobs[i].key = &keys[check->secret[m]];
		jobs[i].blocks = check->blocks[m];
		jobs[i].n_blocks = check->n_blocks[m];
		for (unsigned int j = 0; j < HG_HMAC_LEN; j++)
			jobs[i].tag[j] = check->tag[m][j] ^ 0xff;
	}
	kernel->run(jobs, n);
	for (unsigned int i = 0; i < n; i++) {
		unsigned int m = i % messages;
		size_t size = (size_t)check->n_blocks[m] * HG_SHA256_BLOCK;

		if (memcmp(jobs[i].tag, check->tag[m], HG_HMAC_LEN) != 0)
			return wrong(check, "%s: tag %u of %u (%u blocks, secret %u) is wrong",
				kernel->name, i, n, check->n_blocks[m], check->secret[m]);
		if (jobs[i].key != &keys[check->secret[m]] || jobs[i].blocks != check->blocks[m] ||
			jobs[i].n_blocks != check->n_blocks[m])
			return wrong(check, "%s: job %u of %u has changed", kernel->name, i, n);
		if (memcmp(check->blocks[m], check->copy[m], size) != 0)
			return wrong(check, "%s: message %u of %u has changed", kernel->name, i, n);
	}
	return true;
}

/* The reference against OpenSSL first, then the kernel: which of the two is wrong is no riddle. */
static bool
compare(struct check *check, unsigned int n, unsigned int messages)
{
	if (!run_burst(check, hg_hmac_kernel_find("scalar"), n, messages))
		return false;
	return run_burst(check, check->kernel, n, messages);
}

static unsigned int
any_secret(struct check *check)
{
	return rng_below(&check->rng, N_SECRETS);
}

static bool
equal_burst(struct check *check, unsigned int n, size_t len)
{
	unsigned int secret = any_secret(check);

	for (unsigned int i = 0; i < n; i++)
		put_message(check, i, len, secret);
	return compare(check, n, n);
}

static bool
every_length(struct check *check)
{
	for (size_t len = 0; len <= LEN_MAX; len++) {
		if (!equal_burst(check, 1, len) || !equal_burst(check, check->kernel->lanes, len) ||
			!equal_burst(check, 1 + rng_below(&check->rng, BATCH_MAX), len))
			return wrong(check, "length %zu", len);
	}
	return true;
}

static bool
every_batch(struct check *check)
{
	for (unsigned int n = 1; n <= BATCH_MAX; n++)
		for (unsigned int round = 0; round < ROUNDS; round++)
			if (!equal_burst(check, n, rng_below(&check->rng, LEN_MAX + 1)))
				return false;
	return true;
}

static bool
mixed(struct check *check)
{
	for (unsigned int n = 1; n <= BATCH_MAX; n++) {
		for (unsigned int round = 0; round < ROUNDS; round++) {
			/* From lengths that are almost equal to lengths of all sizes. */
			uint32_t spread = 1 + rng_below(&check->rng, LEN_MAX + 1);
			uint32_t least = rng_below(&check->rng, LEN_MAX + 2 - spread);

			for (unsigned int i = 0; i < n; i++)
				put_message(check, i, least + rng_below(&check->rng, spread),
					any_secret(check));
			if (!compare(check, n, n))
				return false;
		}
	}
	return true;
}

/* A few messages of up to 60 blocks among short ones. */
static bool
stragglers(struct check *check)
{
	for (unsigned int n = 1; n <= BATCH_MAX; n++) {
		for (unsigned int round = 0; round < ROUNDS; round++) {
			uint32_t one_in = 1 + rng_below(&check->rng, n);

			for (unsigned int i = 0; i < n; i++) {
				bool is_long = rng_below(&check->rng, one_in) == 0;

				put_message(check, i,
					rng_below(&check->rng, is_long ? HUGE_LEN_MAX + 1 : 130),
					any_secret(check));
			}
			if (!compare(check, n, n))
				return false;
		}
	}
	return true;
}

/* More jobs than any kernel takes at once; some share a message. */
static bool
huge_batches(struct check *check)
{
	for (unsigned int n = BATCH_MAX + 1; n <= HUGE_BATCH_MAX; n++) {
		unsigned int messages = 1 + rng_below(&check->rng, BATCH_MAX);
		uint32_t spread = 1 + rng_below(&check->rng, LEN_MAX + 1);

		for (unsigned int i = 0; i < messages; i++)
			put_message(check, i, rng_below(&check->rng, spread), any_secret(check));
		if (!compare(check, n, messages))
			return false;
	}
	return true;
}

static bool
self_test(struct check *check)
{
	return hg_hmac_self_test(check->kernel);
}

static bool
no_residue(struct check *check)
{
	for (unsigned int n = 1; n <= BATCH_MAX; n++) {
		const char *where = residue_of_run(check->kernel, n);

		if (where)
			return wrong(check, "a burst of %u leaves secrets in %s", n, where);
	}
	return true;
}

static const struct {
	const char *what;
	bool (*passes)(struct check *check);
	const char *(*unavailable)(void);
} cases[] = {
	{ "self-test", self_test, NULL },
	{ "every length, equal ones in a burst", every_length, NULL },
	{ "every batch size, equal lengths", every_batch, NULL },
	{ "every batch size, mixed lengths and keys", mixed, NULL },
	{ "long messages among short ones", stragglers, NULL },
	{ "bursts beyond 64", huge_batches, NULL },
	{ "no secrets left behind", no_residue, residue_unavailable },
};

#define N_CASES (sizeof(cases) / sizeof(cases[0]))
#define N_LONE 3u /* tests that concern no kernel in particular */

static void
check_kernel(struct check *check, const struct hg_hmac_kernel *kernel)
{
	check->kernel = kernel;
	for (size_t c = 0; c < N_CASES; c++) {
		const char *skip = cases[c].unavailable ? cases[c].unavailable() : NULL;

		if (!kernel->usable())
			skip = "not on this CPU";
		if (skip)
			report(check, true, "%s: %s # SKIP %s", kernel->name, cases[c].what, skip);
		else
			report(check, cases[c].passes(check), "%s: %s", kernel->name,
				cases[c].what);
	}
}

/* Proof that what passes above could have failed. */
static void
check_checks(struct check *check)
{
	const char *skip = residue_unavailable();
	const struct broken *broken;
	const char *where;
	size_t n;

	broken = broken_kernels(&n);
	for (size_t i = 0; i < n; i++)
		report(check, !hg_hmac_self_test(&broken[i].kernel),
			"self-test refuses a kernel that %s", broken[i].what);
	report(check, hg_hmac_self_test(unbroken_kernel()), "self-test accepts the same unbroken");

	if (skip) {
		report(check, true, "search for secrets finds a leak # SKIP %s", skip);
		report(check, true, "key derivation leaves no secrets behind # SKIP %s", skip);
		return;
	}
	where = residue_of_leak();
	report(check, where != NULL, "search for secrets finds a leak");
	where = residue_of_key_init(32);
	if (!where)
		where = residue_of_key_init(100);
	report(check, where == NULL, "key derivation leaves no secrets behind%s%s",
		where ? ", but in " : "", where ? where : "");
}

static void
open_memory(struct check *check)
{
	struct hg_hmac_key *keys;

	for (unsigned int i = 0; i < BATCH_MAX; i++)
		arena_open(&check->slots[i], SLOT_SIZE);
	arena_open(&check->jobs, HUGE_BATCH_MAX * sizeof(struct hg_hmac_job));
	arena_open(&check->keys, N_SECRETS * sizeof(struct hg_hmac_key));
	keys = keys_of(check);
	for (unsigned int i = 0; i < N_SECRETS; i++) {
		size_t len;
		const uint8_t *secret = oracle_secret(check->oracle, i, &len);

		hg_hmac_key_init(&keys[i], secret, len);
	}
}

static void
close_memory(struct check *check)
{
	for (unsigned int i = 0; i < BATCH_MAX; i++)
		arena_close(&check->slots[i]);
	arena_close(&check->jobs);
	arena_close(&check->keys);
}

int
main(int argc, char **argv)
{
	static struct check check = { .seed = 1 };
	const struct hg_hmac_kernel *const *kernels;
	size_t n_kernels, n_broken;

	if (argc == 3 && strcmp(argv[1], "--seed") == 0) {
		check.seed = strtoull(argv[2], NULL, 0);
	} else if (argc != 1 && !(argc == 2 && strcmp(argv[1], "--bench") == 0)) {
		fprintf(stderr, "usage: %s [--bench | --seed NUMBER]\n", argv[0]);
		return 2;
	}
	/* The generator never leaves 0, and neighbouring seeds must not begin alike. */
	check.rng.state = (check.seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	if (check.rng.state == 0)
		check.rng.state = 1;
	check.oracle = oracle_open(&check.rng);
	if (argc == 2) {
		bench(check.oracle);
		oracle_close(check.oracle);
		return 0;
	}

	open_memory(&check);
	kernels = hg_hmac_kernels(&n_kernels);
	broken_kernels(&n_broken);
	printf("1..%zu\n", n_kernels * N_CASES + n_broken + N_LONE);
	for (size_t k = 0; k < n_kernels; k++)
		check_kernel(&check, kernels[k]);
	check_checks(&check);
	close_memory(&check);
	oracle_close(check.oracle);
	return check.failures > 0;
}
