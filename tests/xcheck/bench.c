/* SPDX-License-Identifier: BSD-3-Clause */
#include "xcheck.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"

#define BATCH_MAX 64u
#define LEN_MAX 112u
#define ROUNDS 60u
#define SLICE_NS 60000u
#define ROWS_MAX 16u

/* One IPv4 hello without and one with what clients usually send, as they are MACed. */
static const size_t lens[] = { 45, LEN_MAX };
static const size_t batches[] = { 1, 4, 8, 16, 32, BATCH_MAX };

#define N_BATCHES (sizeof(batches) / sizeof(batches[0]))

struct work {
	uint8_t blocks[BATCH_MAX][LEN_MAX + HG_HMAC_PAD_ROOM];
	struct hg_hmac_key key;
	struct hg_hmac_job jobs[BATCH_MAX];
	struct oracle *oracle;
	size_t len;
};

static void
run(struct work *work, const struct hg_hmac_kernel *kernel, size_t batch)
{
	if (kernel) {
		kernel->run(work->jobs, batch);
		return;
	}
	for (size_t i = 0; i < batch; i++)
		oracle_mac(work->oracle, 0, work->blocks[i], work->len, work->jobs[i].tag);
}

/* Nanoseconds for a message: the mean over a slice of time. */
static double
time_slice(struct work *work, const struct hg_hmac_kernel *kernel, size_t batch)
{
	double from = clock_ns(CLOCK_MONOTONIC), to;
	size_t messages = 0;

	do {
		for (unsigned int i = 0; i < 8; i++)
			run(work, kernel, batch);
		messages += 8 * batch;
		to = clock_ns(CLOCK_MONOTONIC);
	} while (to - from < SLICE_NS);
	return (to - from) / (double)messages;
}

static void
bench_len(struct work *work, size_t len)
{
	double least[ROWS_MAX][N_BATCHES];
	const struct hg_hmac_kernel *rows[ROWS_MAX];
	const struct hg_hmac_kernel *const *kernels;
	size_t n_kernels, n_rows = 0;
	uint32_t n_blocks = 0;

	work->len = len;
	for (size_t i = 0; i < BATCH_MAX; i++) {
		n_blocks = hg_hmac_pad(work->blocks[i], len);
		work->jobs[i] =
			(struct hg_hmac_job){ &work->key, work->blocks[i], n_blocks, { 0 } };
	}
	kernels = hg_hmac_kernels(&n_kernels);
	for (size_t k = 0; k < n_kernels && n_rows < ROWS_MAX - 1; k++)
		if (kernels[k]->usable())
			rows[n_rows++] = kernels[k];
	rows[n_rows++] = NULL;

	for (size_t r = 0; r < n_rows; r++)
		for (size_t b = 0; b < N_BATCHES; b++)
			least[r][b] = 1e9;
	/* The rows take turns, so that a disturbance does not fall on one of them alone. */
	for (unsigned int round = 0; round < ROUNDS; round++) {
		for (size_t r = 0; r < n_rows; r++) {
			for (size_t b = 0; b < N_BATCHES; b++) {
				double ns = time_slice(work, rows[r], batches[b]);

				if (ns < least[r][b])
					least[r][b] = ns;
			}
		}
	}

	printf("\n%zu-byte messages (%u blocks each): ns per message at a batch of ..., and ns per "
	       "block\n%-16s",
		len, n_blocks + 1, "");
	for (size_t b = 0; b < N_BATCHES; b++)
		printf("%8zu", batches[b]);
	printf("   |");
	for (size_t b = 0; b < N_BATCHES; b++)
		printf("%7zu", batches[b]);
	printf("\n");
	for (size_t r = 0; r < n_rows; r++) {
		printf("%-16s", rows[r] ? rows[r]->name : "OpenSSL EVP_MAC");
		for (size_t b = 0; b < N_BATCHES; b++)
			printf("%8.1f", least[r][b]);
		printf("   |");
		for (size_t b = 0; b < N_BATCHES; b++)
			printf("%7.1f", least[r][b] / (n_blocks + 1));
		printf("\n");
	}
}

void
bench(struct oracle *oracle)
{
	char chosen[HG_HMAC_LADDER_TEXT];
	struct hg_hmac_ladder ladder;
	static struct work work;
	size_t len;
	const uint8_t *secret = oracle_secret(oracle, 0, &len);

	work.oracle = oracle;
	hg_hmac_key_init(&work.key, secret, len);
	printf("least of %u slices of %u us each; OpenSSL: one EVP_MAC context, reused\n", ROUNDS,
		SLICE_NS / 1000);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
		bench_len(&work, lens[i]);
	hg_hmac_ladder_measure(&ladder);
	hg_hmac_ladder_describe(&ladder, chosen, sizeof(chosen));
	printf("\nhg_hmac_ladder_measure(): %s\n", chosen);
}
