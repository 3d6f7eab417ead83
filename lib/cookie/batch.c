/* SPDX-License-Identifier: BSD-3-Clause */
#include "cookie/batch.h"

#include <string.h>

#include "base/bytes.h"
#include "base/secret.h"

#define FORMAT 2u
#define TAG_LEN (HG_COOKIE_LEN - HG_COOKIE_HEADER_LEN)
#define EPOCH_MASK 31u
#define TIME_MASK 0xffffffu
#define UNDECIDED HG_COOKIE_VERDICTS /* until the tag is known */

void
hg_cookie_batch_begin(
	struct hg_cookie_batch *batch, const struct hg_cookie_keys *keys, uint64_t now)
{
	batch->keys = keys;
	batch->now = (uint32_t)now & TIME_MASK;
	batch->n_hellos = 0;
	batch->n_jobs = 0;
	batch->used = 0;
	batch->header[0] =
		(uint8_t)(FORMAT << 5 | (keys->slot[HG_COOKIE_CURRENT].epoch & EPOCH_MASK));
	hg_store_be24(batch->header + 1, batch->now);
}

/* The slot of an epoch, or HG_COOKIE_SLOTS. */
static unsigned int
find_slot(const struct hg_cookie_keys *keys, uint8_t epoch)
{
	unsigned int i = 0;

	while (i < HG_COOKIE_SLOTS && (keys->slot[i].epoch & EPOCH_MASK) != epoch)
		i++;
	return i;
}

/* Judges all of a cookie but its tag. */
static enum hg_cookie_verdict
judge_header(const struct hg_cookie_batch *batch, const uint8_t *cookie, uint8_t cookie_len,
	unsigned int *ret_slot)
{
	uint32_t age;

	if (cookie_len != HG_COOKIE_LEN || cookie[0] >> 5 != FORMAT)
		return HG_COOKIE_MALFORMED;
	*ret_slot = find_slot(batch->keys, cookie[0] & EPOCH_MASK);
	if (*ret_slot == HG_COOKIE_SLOTS)
		return HG_COOKIE_UNKNOWN_EPOCH;
	/*
	 * Modulo 2^24 seconds, or 194 days: shifted by the skew, the future is far beyond the
	 * lifetime.
	 */
	age = (batch->now - hg_load_be24(cookie + 1) + HG_COOKIE_CLOCK_SKEW) & TIME_MASK;
	if (age > batch->keys->lifetime + HG_COOKIE_CLOCK_SKEW)
		return HG_COOKIE_EXPIRED;
	return UNDECIDED;
}

/* What the fresh cookie is made of, padding and all, but for its first bytes. */
static void
add_check(struct hg_cookie_batch *batch, const struct hg_hmac_job *mint,
	const struct hg_hmac_key *key, const uint8_t *cookie)
{
	struct hg_hmac_job *job = &batch->job[batch->n_jobs];
	size_t len = (size_t)mint->n_blocks * HG_SHA256_BLOCK;
	uint8_t *message = batch->arena + batch->used;

	memcpy(message, mint->blocks, len);
	memcpy(message, cookie, HG_COOKIE_HEADER_LEN);
	job->key = key;
	job->blocks = message;
	job->n_blocks = mint->n_blocks;
	batch->n_jobs++;
	batch->used += (uint32_t)len;
}

void
hg_cookie_batch_check(struct hg_cookie_batch *batch, unsigned int number, const uint8_t *cookie,
	uint8_t cookie_len)
{
	const struct hg_hmac_job *mint = &batch->job[batch->hello[number].mint];
	const struct hg_cookie_keys *keys = batch->keys;
	unsigned int slot = 0;

	batch->hello[number].verdict = (uint8_t)judge_header(batch, cookie, cookie_len, &slot);
	if (batch->hello[number].verdict != UNDECIDED)
		return;
	memcpy(batch->hello[number].tag, cookie + HG_COOKIE_HEADER_LEN, TAG_LEN);
	batch->hello[number].check = (uint8_t)batch->n_jobs;
	add_check(batch, mint, &keys->slot[slot].mac, cookie);
	if (keys->has_former)
		add_check(batch, mint, &keys->former[slot], cookie);
}

void
hg_cookie_batch_run(struct hg_cookie_batch *batch, const struct hg_hmac_kernel *kernel)
{
	unsigned int n_checks = batch->keys->has_former ? 2 : 1;

	kernel->run(batch->job, batch->n_jobs);
	for (unsigned int i = 0; i < batch->n_hellos; i++) {
		const struct hg_hmac_job *check = &batch->job[batch->hello[i].check];
		bool good = false;

		if (batch->hello[i].verdict != UNDECIDED)
			continue;
		for (unsigned int c = 0; c < n_checks; c++)
			good |= hg_secret_equal(check[c].tag, batch->hello[i].tag, TAG_LEN);
		batch->hello[i].verdict = good ? HG_COOKIE_VALID : HG_COOKIE_WRONG_TAG;
	}
}

void
hg_cookie_batch_mint(
	const struct hg_cookie_batch *batch, unsigned int number, uint8_t ret_cookie[HG_COOKIE_LEN])
{
	memcpy(ret_cookie, batch->header, HG_COOKIE_HEADER_LEN);
	memcpy(ret_cookie + HG_COOKIE_HEADER_LEN, batch->job[batch->hello[number].mint].tag,
		TAG_LEN);
}
