/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Minting and checking cookies for a whole burst of ClientHellos with one run of an HMAC kernel.
 *
 * A cookie is 20 bytes:
 *   0      format (3 bits, = 2), key epoch modulo 32 (5 bits)
 *   1-3    time of issue: seconds since 1970, low 24 bits, big endian
 *   4-19   HMAC-SHA256 truncated to 128 bits (RFC 2104 5) over bytes 0-3, address family (4 or 6),
 *          source and destination address, source and destination port, and by the binding
 *          hello:      client_version and random. For IPv4 that is one block of SHA-256 in all.
 *          parameters: client_version, random, session_id, cipher suites and compression methods,
 *                      each variable part preceded by its length.
 *          address:    nothing more.
 *          Never the extensions: clients may change them between their two hellos.
 *
 * Use: begin, add each hello, run, then read verdict and fresh cookie of each. Time is a parameter.
 * For every hello a fresh cookie is made and, if it brought one worth a look, that one is checked:
 * a wrong cookie takes as long as a right one.
 */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"
#include "cookie/keys.h"
#include "hmac/hmac.h"

#define HG_COOKIE_LEN 20u
#define HG_COOKIE_HEADER_LEN 4u
#define HG_COOKIE_BATCH_MAX 64u /* hellos */
#define HG_COOKIE_JOBS 3u /* of one hello at most: mint, check, check with the former secret */
#define HG_COOKIE_HELLO_LEN 34u   /* bytes of client_version and random */
#define HG_COOKIE_BOUND_MAX 2048u /* bytes of client and offer together */
#define HG_COOKIE_CLOCK_SKEW 5u   /* seconds that another node's clock may be ahead */

enum hg_cookie_verdict {
	HG_COOKIE_NONE, /* the hello brought none */
	HG_COOKIE_VALID,
	HG_COOKIE_MALFORMED,     /* wrong length or format */
	HG_COOKIE_UNKNOWN_EPOCH, /* its key is gone, or not yet known */
	HG_COOKIE_EXPIRED,       /* too old, or from the future */
	HG_COOKIE_WRONG_TAG,     /* made for another address or hello, or not by us */
	HG_COOKIE_VERDICTS,
};

/*
 * What one cookie is asked for and bound to; the pointers need only live until
 * hg_cookie_batch_add() returns.
 */
struct hg_cookie_hello {
	/*
	 * Source address, destination address, source port, destination port; network byte order.
	 */
	const uint8_t *tuple;
	const uint8_t *client; /* client_version, random, and then session_id with its length */
	const uint8_t *offer;  /* cipher suites and compression methods with their lengths */
	const uint8_t *cookie;
	uint16_t client_len; /* this and all of offer count for HG_COOKIE_BIND_PARAMETERS alone */
	uint16_t offer_len;
	uint8_t cookie_len; /* 0: none */
	uint8_t family;     /* 4: tuple has 12 bytes; 6: 36 */
};

#define HG_COOKIE_MESSAGE_MAX (HG_COOKIE_HEADER_LEN + 1u + 36u + HG_COOKIE_BOUND_MAX)

/*
 * Work space of one thread: hg_cookie_batch_size() bytes, aligned to 64, which need not be set to anything.
 * 40 KB, or 430 KB for HG_COOKIE_BIND_PARAMETERS, of which a burst touches what it needs. Holds no key.
 */
struct hg_cookie_batch {
	const struct hg_cookie_keys *keys;
	uint32_t now;
	unsigned int n_hellos;
	unsigned int n_jobs;
	uint32_t used;                        /* bytes of arena */
	uint8_t header[HG_COOKIE_HEADER_LEN]; /* of fresh cookies */
	struct {
		uint8_t verdict; /* enum hg_cookie_verdict */
		uint8_t mint;    /* job numbers */
		uint8_t check;   /* the first; the one with the former secret is behind it */
		uint8_t tag[HG_COOKIE_LEN - HG_COOKIE_HEADER_LEN]; /* that the hello brought */
	} hello[HG_COOKIE_BATCH_MAX];
	struct hg_hmac_job job[HG_COOKIE_JOBS * HG_COOKIE_BATCH_MAX];
	_Alignas(64) uint8_t arena[]; /* for messages of the largest size that the binding makes */
};

_Static_assert(HG_COOKIE_JOBS *HG_COOKIE_BATCH_MAX <= UINT8_MAX + 1, "job numbers fit in a byte");

/* Bytes for a batch whose keys have that binding; a multiple of 64. */
static inline size_t
hg_cookie_batch_size(enum hg_cookie_binding binding)
{
	size_t message = HG_COOKIE_MESSAGE_MAX - HG_COOKIE_BOUND_MAX + HG_COOKIE_HELLO_LEN;

	if (binding == HG_COOKIE_BIND_PARAMETERS)
		message = HG_COOKIE_MESSAGE_MAX;
	return sizeof(struct hg_cookie_batch) +
	       HG_COOKIE_JOBS * HG_COOKIE_BATCH_MAX * (message + HG_HMAC_PAD_ROOM);
}

_Static_assert(HG_COOKIE_JOBS *HG_COOKIE_BATCH_MAX % 64 == 0, "as its alignment asks for");

/*
 * Empties the batch, which has room for the binding of these keys. They must stay until the batch has run;
 * now in seconds since 1970.
 */
void hg_cookie_batch_begin(
	struct hg_cookie_batch *batch, const struct hg_cookie_keys *keys, uint64_t now);

/*
 * For hg_cookie_batch_add(): judges the cookie that a hello has brought, and if it is worth one adds a
 * job for its tag, or two if there is a former secret.
 */
void hg_cookie_batch_check(struct hg_cookie_batch *batch, unsigned int number,
	const uint8_t *cookie, uint8_t cookie_len);

/*
 * Adds a hello and returns its number, counted from 0. Returns -ENOSPC after HG_COOKIE_BATCH_MAX
 * hellos, and -EMSGSIZE if it is to be bound to its parameters, and client and offer exceed
 * HG_COOKIE_BOUND_MAX; the batch is unchanged then.
 *
 * Inline, as *hello then need not exist: written field by field just before, it would be read back
 * before it has reached the cache.
 */
static inline int
hg_cookie_batch_add(struct hg_cookie_batch *batch, const struct hg_cookie_hello *hello)
{
	struct hg_hmac_job *job = &batch->job[batch->n_jobs];
	uint8_t *message = batch->arena + batch->used, *p = message;
	enum hg_cookie_binding binding = batch->keys->binding;
	size_t tuple_len = hello->family == 4 ? 12 : 36;
	unsigned int number = batch->n_hellos;

	if (number == HG_COOKIE_BATCH_MAX)
		return -ENOSPC;
	if (binding == HG_COOKIE_BIND_PARAMETERS &&
		(size_t)hello->client_len + hello->offer_len > HG_COOKIE_BOUND_MAX)
		return -EMSGSIZE;
	memcpy(p, batch->header, HG_COOKIE_HEADER_LEN);
	p[HG_COOKIE_HEADER_LEN] = hello->family;
	p += HG_COOKIE_HEADER_LEN + 1;
	if (tuple_len == 12)
		memcpy(p, hello->tuple, 12);
	else
		memcpy(p, hello->tuple, 36);
	p += tuple_len;
	if (binding == HG_COOKIE_BIND_HELLO) {
		memcpy(p, hello->client, HG_COOKIE_HELLO_LEN);
		p += HG_COOKIE_HELLO_LEN;
	} else if (binding == HG_COOKIE_BIND_PARAMETERS) {
		memcpy(p, hello->client, hello->client_len);
		p += hello->client_len;
		memcpy(p, hello->offer, hello->offer_len);
		p += hello->offer_len;
	}
	job->key = &batch->keys->slot[HG_COOKIE_CURRENT].mac;
	job->blocks = message;
	job->n_blocks = hg_hmac_pad(message, (size_t)(p - message));
	batch->used += job->n_blocks * HG_SHA256_BLOCK;
	batch->hello[number].mint = (uint8_t)batch->n_jobs++;
	batch->hello[number].verdict = HG_COOKIE_NONE;
	batch->n_hellos++;
	if (hello->cookie_len != 0)
		hg_cookie_batch_check(batch, number, hello->cookie, hello->cookie_len);
	return (int)number;
}

/* Whole seconds since a valid cookie was made; 0 if a clock ahead of ours has made it. */
static inline uint32_t
hg_cookie_age(const uint8_t *cookie, uint64_t now)
{
	uint32_t age = ((uint32_t)now - hg_load_be24(cookie + 1)) & 0xffffff;

	return age < HG_COOKIE_LIFETIME_MAX ? age : 0;
}

/* Computes every tag and settles every verdict. */
void hg_cookie_batch_run(struct hg_cookie_batch *batch, const struct hg_hmac_kernel *kernel);

/* After the run, for the hello of that number: what its cookie was worth. */
static inline enum hg_cookie_verdict
hg_cookie_batch_verdict(const struct hg_cookie_batch *batch, unsigned int number)
{
	return (enum hg_cookie_verdict)batch->hello[number].verdict;
}

/* After the run: writes a fresh cookie for it. */
void hg_cookie_batch_mint(const struct hg_cookie_batch *batch, unsigned int number,
	uint8_t ret_cookie[HG_COOKIE_LEN]);
