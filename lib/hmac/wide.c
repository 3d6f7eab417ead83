/* SPDX-License-Identifier: BSD-3-Clause */
#include "hmac/wide.h"

#include <stdbool.h>
#include <string.h>

#define CHUNK 64u      /* jobs that are sorted together */
#define BUCKETS 32u    /* the first holds all messages of so many blocks or more */
#define NARROW_JOBS 8u /* most that leave a group at a time */

static unsigned int
bucket(const struct hg_hmac_job *job)
{
	return job->n_blocks < BUCKETS ? BUCKETS - job->n_blocks : 0;
}

/*
 * Fills order with 0 to n - 1, longest message first, so that the lanes of a group end together and
 * an odd long message holds up as few others as can be.
 */
static void
sort(const struct hg_hmac_job *jobs, unsigned int n, uint8_t order[CHUNK])
{
	uint8_t end[BUCKETS + 1] = { 0 };
	bool equal = true;

	for (unsigned int i = 0; i < n; i++) {
		order[i] = (uint8_t)i;
		equal = equal && jobs[i].n_blocks == jobs[0].n_blocks;
	}
	if (equal)
		return;
	for (unsigned int i = 0; i < n; i++)
		end[bucket(&jobs[i])]++;
	for (unsigned int b = 1; b <= BUCKETS; b++)
		end[b] = (uint8_t)(end[b] + end[b - 1]);
	for (unsigned int i = 0; i < n; i++)
		order[--end[bucket(&jobs[i])]] = (uint8_t)i;
	/* Only the first bucket, now end[0] to end[1], holds messages of several lengths. */
	for (unsigned int i = 1; i < end[1]; i++) {
		uint8_t job = order[i];
		unsigned int at = i;

		for (; at > 0 && jobs[order[at - 1]].n_blocks < jobs[job].n_blocks; at--)
			order[at] = order[at - 1];
		order[at] = job;
	}
}

static void
mac_group(const struct hg_wide *wide, struct hg_wide_group *g, struct hg_hmac_job *jobs,
	const uint8_t *order, unsigned int used)
{
	uint8_t spare[HG_HMAC_LEN];
	unsigned int active = used;
	size_t done = 0;

	for (unsigned int l = 0; l < wide->lanes; l++) {
		struct hg_hmac_job *job = &jobs[order[l < used ? l : 0]];

		g->key[l] = job->key;
		g->blocks[l] = job->blocks;
		g->tag[l] = l < used ? job->tag : spare;
	}
	wide->begin(g, used);
	while (active > 0) {
		size_t end = jobs[order[active - 1]].n_blocks;

		wide->blocks(g, done, end - done, active);
		done = end;
		while (active > 0 && jobs[order[active - 1]].n_blocks == done)
			g->blocks[--active] = g->blocks[0];
	}
	wide->finish(g, used);
}

/*
 * How many of the `used` messages, from the longest on, had better go to the narrow kernel: as many
 * as save the group most. A sender chooses the length of its message, and must not get a whole
 * group's steps for it.
 */
static unsigned int
stragglers(const struct hg_wide *wide, const struct hg_hmac_job *jobs, const uint8_t *order,
	unsigned int used)
{
	int64_t longest = (int64_t)jobs[order[0]].n_blocks + 1;
	/* With the call, and what the longest costs more for having few or none beside it. */
	int64_t narrow = longest + 2;
	int64_t best = 0;
	unsigned int best_n = 0;

	for (unsigned int n = 1; n <= used && n <= NARROW_JOBS; n++) {
		int64_t rest = n < used ? (int64_t)jobs[order[n]].n_blocks + 1 : 0;
		int64_t saved;

		narrow += (int64_t)jobs[order[n - 1]].n_blocks + 1;
		saved = (longest - rest) * wide->narrow_blocks - narrow;
		if (saved > best) {
			best = saved;
			best_n = n;
		}
	}
	return best_n;
}

static void
mac_narrow(const struct hg_hmac_kernel *narrow, struct hg_hmac_job *jobs, const uint8_t *order,
	unsigned int n)
{
	struct hg_hmac_job alone[NARROW_JOBS];

	for (unsigned int i = 0; i < n; i++)
		alone[i] = jobs[order[i]];
	narrow->run(alone, n);
	for (unsigned int i = 0; i < n; i++)
		memcpy(jobs[order[i]].tag, alone[i].tag, HG_HMAC_LEN);
}

void
hg_wide_mac(const struct hg_wide *wide, struct hg_wide_group *g, struct hg_hmac_job *jobs, size_t n)
{
	uint8_t order[CHUNK];

	while (n > 0) {
		unsigned int chunk = n < CHUNK ? (unsigned int)n : CHUNK;
		unsigned int taken = 0;

		sort(jobs, chunk, order);
		while (taken < chunk) {
			const uint8_t *group = order + taken;
			unsigned int used = chunk - taken, narrow = 0;

			if (used > wide->lanes)
				used = wide->lanes;
			if (wide->narrow)
				narrow = stragglers(wide, jobs, group, used);
			if (narrow > 0)
				mac_narrow(wide->narrow, jobs, group, narrow);
			else
				mac_group(wide, g, jobs, group, used);
			taken += narrow > 0 ? narrow : used;
		}
		jobs += chunk;
		n -= chunk;
	}
}
