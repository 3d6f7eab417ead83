/* SPDX-License-Identifier: BSD-3-Clause */
#include "cookie/batch.h"

#include <string.h>

#include "base/bytes.h"
#include "base/secret.h"

#define FORMAT 1u
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

static const struct hg_hmac_key *
find_key(const struct hg_cookie_keys *keys, uint8_t epoch)
{
	for (unsigned int i = 0; i < HG_COOKIE_SLOTS; i++)
		if ((keys->slot[i].epoch & EPOCH_MASK) == epoch)
			return &keys->slot[i].mac;
	return NULL;
}

/* Judges all of a cookie but its tag. */
static enum hg_cookie_verdict
judge_header(const struct hg_cookie_batch *batch, const uint8_t *cookie, uint8_t cookie_len,
	const struct hg_hmac_key **ret_key)
{
	const struct hg_hmac_key *key;
	uint32_t age;

	if (cookie_len != HG_COOKIE_LEN || cookie[0] >> 5 != FORMAT)
		return HG_COOKIE_MALFORMED;
	key = find_key(batch->keys, cookie[0] & EPOCH_MASK);
	if (key == NULL)
		return HG_COOKIE_UNKNOWN_EPOCH;
	/*
	 * Modulo 2^24 seconds, or 194 days: shifted by the skew, the future is far beyond the
	 * lifetime.
	 */
	age = (batch->now - hg_load_be24(cookie + 1) + HG_COOKIE_CLOCK_SKEW) & TIME_MASK;
	if (age > batch->keys->lifetime + HG_COOKIE_CLOCK_SKEW)
		return HG_COOKIE_EXPIRED;
	*ret_key = key;
	return UNDECIDED;
}

void
hg_cookie_batch_check(struct hg_cookie_batch *batch, unsigned int number, const uint8_t *cookie,
	uint8_t cookie_len)
{
	const struct hg_hmac_job *mint = &batch->job[batch->hello[number].mint];
	struct hg_hmac_job *job = &batch->job[batch->n_jobs];
	uint8_t *message = batch->arena + batch->used;
	size_t len = (size_t)mint->n_blocks * HG_SHA256_BLOCK;
	const struct hg_hmac_key *key = NULL;

	batch->hello[number].verdict = (uint8_t)judge_header(batch, cookie, cookie_len, &key);
	if (key == NULL)
		return;
	/* What the fresh cookie is made of, padding and all, but for its first bytes. */
	memcpy(message, mint->blocks, len);
	memcpy(message, cookie, HG_COOKIE_HEADER_LEN);
	memcpy(batch->hello[number].tag, cookie + HG_COOKIE_HEADER_LEN, TAG_LEN);
	job->key = key;
	job->blocks = message;
	job->n_blocks = mint->n_blocks;
	batch->hello[number].check = (uint8_t)batch->n_jobs++;
	batch->used += (uint32_t)len;
}

void
hg_cookie_batch_run(struct hg_cookie_batch *batch, const struct hg_hmac_kernel *kernel)
{
	kernel->run(batch->job, batch->n_jobs);
	for (unsigned int i = 0; i < batch->n_hellos; i++) {
		const uint8_t *tag;

		if (batch->hello[i].verdict != UNDECIDED)
			continue;
		tag = batch->job[batch->hello[i].check].tag;
		batch->hello[i].verdict = hg_secret_equal(tag, batch->hello[i].tag, TAG_LEN)
						  ? HG_COOKIE_VALID
						  : HG_COOKIE_WRONG_TAG;
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
