/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <time.h>

#include "hmac/hmac.h"
#include "hmac/kernels.h"

#define BATCH_MAX (1u << (HG_HMAC_STEPS - 1)) /* whose measurement stands for all larger ones */
#define TRIAL_BLOCKS 1u                       /* as a cookie over IPv4 has, by default */
#define TRIAL_ROUNDS 4u
#define TRIAL_NS 8000u /* for one kernel at one batch size in one round */

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/*
 * The shortest of as many runs as fit into TRIAL_NS: what an interruption or a cold cache adds is not
 * the kernel's. The runs of a kernel follow each other, so that one whose instructions slow the clock
 * down (AVX-512 on some CPUs) pays for that itself.
 */
static uint64_t
time_kernel(const struct hg_hmac_kernel *kernel, struct hg_hmac_job *jobs, size_t n)
{
	uint64_t best = UINT64_MAX;
	uint64_t from = now_ns();
	uint64_t until = from + TRIAL_NS;

	while (from < until) {
		uint64_t to;

		kernel->run(jobs, n);
		to = now_ns();
		if (to - from < best)
			best = to - from;
		from = to;
	}
	return best;
}

/* The fastest for batches of n; of several within a sixteenth, which is noise, the last. */
static const struct hg_hmac_kernel *
fastest(const struct hg_hmac_kernel *const *kernels, size_t n_kernels, struct hg_hmac_job *jobs,
	size_t n)
{
	uint64_t took[HG_HMAC_KERNELS_MAX], least = UINT64_MAX;
	size_t best = 0;

	for (size_t k = 0; k < n_kernels; k++)
		took[k] = UINT64_MAX;
	for (unsigned int round = 0; round < TRIAL_ROUNDS; round++) {
		for (size_t k = 0; k < n_kernels; k++) {
			uint64_t t = time_kernel(kernels[k], jobs, n);

			took[k] = t < took[k] ? t : took[k];
			least = t < least ? t : least;
		}
	}
	for (size_t k = 0; k < n_kernels; k++)
		if (took[k] <= least + least / 16)
			best = k;
	return kernels[best];
}

void
hg_hmac_ladder_measure(struct hg_hmac_ladder *ladder)
{
	uint8_t blocks[BATCH_MAX][TRIAL_BLOCKS * HG_SHA256_BLOCK] = { 0 };
	const struct hg_hmac_kernel *usable[HG_HMAC_KERNELS_MAX];
	const struct hg_hmac_kernel *const *kernels;
	struct hg_hmac_key key = { 0 };
	struct hg_hmac_job jobs[BATCH_MAX];
	size_t n_kernels, n_usable = 0;

	for (unsigned int i = 0; i < BATCH_MAX; i++)
		jobs[i] = (struct hg_hmac_job){ &key, blocks[i], TRIAL_BLOCKS, { 0 } };
	kernels = hg_hmac_kernels(&n_kernels);
	for (size_t k = 0; k < n_kernels; k++)
		if (kernels[k]->usable())
			usable[n_usable++] = kernels[k];
	for (unsigned int i = 0; i < HG_HMAC_STEPS; i++)
		ladder->step[i] = fastest(usable, n_usable, jobs, (size_t)1 << i);
}

void
hg_hmac_ladder_force(struct hg_hmac_ladder *ladder, const struct hg_hmac_kernel *kernel)
{
	for (unsigned int i = 0; i < HG_HMAC_STEPS; i++)
		ladder->step[i] = kernel;
}

void
hg_hmac_ladder_describe(const struct hg_hmac_ladder *ladder, char *ret, size_t size)
{
	size_t used = 0;

	*ret = '\0';
	for (unsigned int i = 0; i < HG_HMAC_STEPS && used < size; i++) {
		const char *name = ladder->step[i]->name;
		int n;

		if (i + 1 < HG_HMAC_STEPS && ladder->step[i + 1] == ladder->step[i])
			continue;
		if (i + 1 < HG_HMAC_STEPS)
			n = snprintf(ret + used, size - used, "%s to %u, ", name, 1u << i);
		else
			n = snprintf(ret + used, size - used, "%s", name);
		used += (size_t)n;
	}
}
