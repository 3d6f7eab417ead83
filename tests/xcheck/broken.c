/* SPDX-License-Identifier: BSD-3-Clause */
#include "xcheck.h"

#include <stdlib.h>
#include <string.h>

#define LANES 4u
#define JOBS_MAX 64u

static void
honest(struct hg_hmac_job *jobs, size_t n)
{
	hg_hmac_kernel_find("scalar")->run(jobs, n);
}

static bool
usable(void)
{
	return true;
}

static void
one_bit_in_one_batch(struct hg_hmac_job *jobs, size_t n)
{
	honest(jobs, n);
	if (n == 7)
		jobs[3].tag[31] ^= 0x01;
}

static void
last_of_largest_batch(struct hg_hmac_job *jobs, size_t n)
{
	honest(jobs, n);
	if (n == 2 * LANES)
		jobs[n - 1].tag[0] ^= 0x80;
}

static void
single_message(struct hg_hmac_job *jobs, size_t n)
{
	honest(jobs, n);
	if (n == 1)
		jobs[0].tag[16] ^= 0x10;
}

static void
forgets_the_last(struct hg_hmac_job *jobs, size_t n)
{
	honest(jobs, n == 5 ? 4 : n);
}

static void
writes_one_too_many(struct hg_hmac_job *jobs, size_t n)
{
	honest(jobs, n == LANES - 1 ? LANES : n);
}

static void
writes_when_empty(struct hg_hmac_job *jobs, size_t n)
{
	honest(jobs, n > 0 ? n : 1);
}

static void
with_copies(struct hg_hmac_job *jobs, size_t n, void (*spoil)(struct hg_hmac_job *copies, size_t n))
{
	struct hg_hmac_job copies[JOBS_MAX];

	if (n > JOBS_MAX)
		abort();
	for (size_t i = 0; i < n; i++)
		copies[i] = jobs[i];
	spoil(copies, n);
	honest(copies, n);
	for (size_t i = 0; i < n; i++)
		memcpy(jobs[i].tag, copies[i].tag, HG_HMAC_LEN);
}

static void
equal_lengths(struct hg_hmac_job *copies, size_t n)
{
	for (size_t i = 1; i < n; i++)
		copies[i].n_blocks = copies[0].n_blocks;
}

static void
length_of_the_first(struct hg_hmac_job *jobs, size_t n)
{
	with_copies(jobs, n, equal_lengths);
}

static void
equal_keys(struct hg_hmac_job *copies, size_t n)
{
	for (size_t i = 1; i < n; i++)
		copies[i].key = copies[0].key;
}

static void
key_of_the_first(struct hg_hmac_job *jobs, size_t n)
{
	with_copies(jobs, n, equal_keys);
}

static void
three_blocks(struct hg_hmac_job *copies, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (copies[i].n_blocks > 3)
			copies[i].n_blocks = 3;
}

static void
at_most_three_blocks(struct hg_hmac_job *jobs, size_t n)
{
	with_copies(jobs, n, three_blocks);
}

static void
idle(struct hg_hmac_job *jobs, size_t n)
{
	(void)jobs;
	(void)n;
}

#define KERNEL(function)                                                             \
	{                                                                            \
		.name = #function, .lanes = LANES, .usable = usable, .run = function \
	}

static const struct broken broken[] = {
	{ "flips one bit of one tag in bursts of 7", KERNEL(one_bit_in_one_batch) },
	{ "flips a bit of the last tag of its largest burst", KERNEL(last_of_largest_batch) },
	{ "flips a bit when there is a single message", KERNEL(single_message) },
	{ "leaves out the fifth of five tags", KERNEL(forgets_the_last) },
	{ "writes the tag of a job behind the burst", KERNEL(writes_one_too_many) },
	{ "writes a tag for an empty burst", KERNEL(writes_when_empty) },
	{ "takes all messages to be as long as the first", KERNEL(length_of_the_first) },
	{ "uses the first job's key for all", KERNEL(key_of_the_first) },
	{ "ignores the fourth block", KERNEL(at_most_three_blocks) },
	{ "writes nothing", KERNEL(idle) },
};

const struct broken *
broken_kernels(size_t *ret_n)
{
	*ret_n = sizeof(broken) / sizeof(broken[0]);
	return broken;
}

const struct hg_hmac_kernel *
unbroken_kernel(void)
{
	static const struct hg_hmac_kernel kernel = KERNEL(honest);

	return &kernel;
}
