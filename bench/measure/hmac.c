/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Times HMAC-SHA256 over batches of short messages: every kernel of lib/hmac that runs here, OpenSSL
 * and intel-ipsec-mb. Prints one JSON object.
 *
 * Timed is all that a message costs once its bytes lie in memory: padding (hg_hmac_pad(); the others
 * pad inside), filling in what differs from job to job, the MAC, the tag in memory. Keys, contexts
 * and managers are ready before. The ways take turns, slice by slice, so that a disturbance falls on
 * all of them; of a way's slices the least counts.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "clock.h"
#include "peers/hmac_peers.h"

#define ROUNDS_MAX 10000u
#define SLICE_NS 40000u
#define RUNS_PER_LOOK 4u /* batches between two looks at the clock */

/* An IPv4 cookie bound to the hello, and one bound to all parameters, as OpenSSL's client has them. */
static const size_t lens[] = { 51, PEER_LEN_MAX };
static const size_t batches[] = { 1, 4, 8, 16, 32, PEER_BATCH_MAX };

#define N_LENS (sizeof(lens) / sizeof(lens[0]))
#define N_BATCHES (sizeof(batches) / sizeof(batches[0]))

static struct work work;
static struct hg_hmac_key key;
static double *slices[PEER_WAYS_MAX][N_LENS][N_BATCHES]; /* ns per message, one of each round */

static const uint8_t *
tag_in_job(const struct work *from, size_t i)
{
	return from->job[i].tag;
}

static void
run_kernel(const struct way *way, struct work *with, size_t len, size_t batch)
{
	const struct hg_hmac_kernel *kernel = way->kernel;

	for (size_t i = 0; i < batch; i++) {
		with->job[i].key = &key;
		with->job[i].blocks = with->message[i];
		with->job[i].n_blocks = hg_hmac_pad(with->message[i], len);
	}
	kernel->run(with->job, batch);
}

static unsigned int
add_kernels(struct way *ways)
{
	const struct hg_hmac_kernel *const *kernels;
	unsigned int n_ways = 0;
	size_t n;

	kernels = hg_hmac_kernels(&n);
	for (size_t i = 0; i < n && n_ways < PEER_WAYS_MAX; i++) {
		if (!kernels[i]->usable())
			continue;
		ways[n_ways] = (struct way){ "", run_kernel, tag_in_job, kernels[i], NULL };
		snprintf(ways[n_ways].name, sizeof(ways->name), "%s", kernels[i]->name);
		n_ways++;
	}
	return n_ways;
}

static void
fill_work(void)
{
	uint32_t x = 1;

	for (size_t i = 0; i < sizeof(work.message); i++) {
		x = x * 1664525 + 1013904223;
		work.message[i / sizeof(work.message[0])][i % sizeof(work.message[0])] =
			(uint8_t)(x >> 24);
	}
	for (unsigned int i = 0; i < PEER_SECRET_LEN; i++)
		work.secret[i] = (uint8_t)(i + 1);
	hg_hmac_key_init(&key, work.secret, PEER_SECRET_LEN);
}

/* Whoever computes something else does not compete. */
static bool
check(const struct way *way, size_t len, size_t batch)
{
	memset(work.tag, 0, sizeof(work.tag));
	memset(work.job, 0, sizeof(work.job));
	way->run(way, &work, len, batch);
	for (size_t i = 0; i < batch; i++) {
		uint8_t right[EVP_MAX_MD_SIZE];

		HMAC(EVP_sha256(), work.secret, PEER_SECRET_LEN, work.message[i], len, right, NULL);
		if (memcmp(way->tag(&work, i), right, PEER_TAG_LEN) != 0) {
			fprintf(stderr, "hmac: %s is wrong for message %zu of %zu of %zu bytes\n",
				way->name, i, batch, len);
			return false;
		}
	}
	return true;
}

/* Nanoseconds for a message: the mean over a slice of time. */
static double
time_slice(const struct way *way, size_t len, size_t batch)
{
	size_t messages = 0;
	double from, to;

	way->run(way, &work, len, batch); /* its code and data are in the cache from here on */
	from = clock_ns(CLOCK_MONOTONIC);
	do {
		for (unsigned int i = 0; i < RUNS_PER_LOOK; i++)
			way->run(way, &work, len, batch);
		messages += RUNS_PER_LOOK * batch;
		to = clock_ns(CLOCK_MONOTONIC);
	} while (to - from < SLICE_NS);
	return (to - from) / (double)messages;
}

static void
measure(const struct way *ways, unsigned int n_ways, unsigned int rounds)
{
	for (unsigned int round = 0; round < rounds; round++)
		for (size_t l = 0; l < N_LENS; l++)
			for (size_t b = 0; b < N_BATCHES; b++)
				for (unsigned int w = 0; w < n_ways; w++)
					slices[w][l][b][round] =
						time_slice(&ways[w], lens[l], batches[b]);
}

static int
compare(const void *a, const void *b)
{
	double x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

static void
print(const struct way *ways, unsigned int n_ways, unsigned int rounds)
{
	struct hg_hmac_ladder ladder;
	const char *between = "";

	hg_hmac_ladder_measure(&ladder);
	printf("{\"rounds\": %u, \"slice_ns\": %u, \"chosen\": \"%s\", \"cells\": [", rounds,
		SLICE_NS, hg_hmac_ladder_pick(&ladder, 32)->name);
	for (unsigned int w = 0; w < n_ways; w++)
		for (size_t l = 0; l < N_LENS; l++)
			for (size_t b = 0; b < N_BATCHES; b++) {
				double *ns = slices[w][l][b];

				qsort(ns, rounds, sizeof(*ns), compare);
				printf("%s\n{\"way\": \"%s\", \"ours\": %s, \"bytes\": %zu, "
				       "\"batch\": %zu, \"best_ns\": %.2f, \"median_ns\": %.2f}",
					between, ways[w].name,
					ways[w].kernel != NULL ? "true" : "false", lens[l],
					batches[b], ns[0], ns[rounds / 2]);
				between = ",";
			}
	printf("]}\n");
}

int
main(int argc, char **argv)
{
	unsigned long rounds = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
	struct way ways[PEER_WAYS_MAX];
	unsigned int n_ways;

	if (rounds == 0 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: hmac ROUNDS (1 to %u)\n", ROUNDS_MAX);
		return 2;
	}
	fill_work();
	n_ways = peers_add(ways, add_kernels(ways), &work);
	for (unsigned int w = 0; w < n_ways; w++)
		for (size_t l = 0; l < N_LENS; l++)
			for (size_t b = 0; b < N_BATCHES; b++) {
				slices[w][l][b] = calloc(rounds, sizeof(double));
				if (slices[w][l][b] == NULL ||
					!check(&ways[w], lens[l], batches[b]))
					return EXIT_FAILURE;
			}
	measure(ways, n_ways, (unsigned int)rounds);
	print(ways, n_ways, (unsigned int)rounds);
	return EXIT_SUCCESS;
}
