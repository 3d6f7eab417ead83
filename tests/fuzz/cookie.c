/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lib/cookie and the kernels of lib/hmac: a batch of hellos, each with no cookie, any cookie, or one that
 * was made for it or for another, then perhaps damaged. An input says which; see read_setup() and
 * read_hello(). Fresh cookies and verdicts are OpenSSL's; a cookie is valid only if nothing that it is
 * bound to has changed and its time has come and not gone; every kernel gives the same tags.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cookie/batch.h"
#include "fuzz.h"
#include "hmac/hmac.h"
#include "lab.h"

#define TIME_MAX UINT64_C(0xffffffffff)
#define ROTATION_MAX 2592000u /* of the configuration */
#define CLIENT_MAX 67u
#define OFFER_MAX HG_COOKIE_BOUND_MAX

/* Where a hello's cookie comes from. */
enum source { NONE, ANY, OWN, ANOTHERS, SOURCES };

/* What a cookie is bound to. */
struct bound {
	uint8_t family;
	uint8_t tuple[36];
	uint8_t client[CLIENT_MAX];
	uint8_t offer[OFFER_MAX + 1];
	size_t client_len;
	size_t offer_len;
};

struct asked {
	struct bound bound;
	uint8_t cookie[255];
	size_t cookie_len;
	bool genuine; /* the cookie was made with the secret, and then: */
	struct bound made_for;
	uint8_t made[HG_COOKIE_LEN];
	uint64_t time; /* at which it was issued, with the key of: */
	uint64_t epoch;
};

static struct {
	struct lab_clock clock;
	struct hg_cookie_keys keys;
	struct asked asked[HG_COOKIE_BATCH_MAX];
	unsigned int n;
	struct hg_cookie_batch *batch;
} state;

static struct lab_bound
lab_bound(const struct bound *bound)
{
	return (struct lab_bound){
		.tuple = bound->tuple,
		.family = bound->family,
		.client = bound->client,
		.offer = bound->offer,
		.client_len = bound->client_len,
		.offer_len = bound->offer_len,
	};
}

static bool
same_bound(const struct bound *a, const struct bound *b)
{
	if (a->family != b->family || memcmp(a->tuple, b->tuple, a->family == 4 ? 12 : 36) != 0)
		return false;
	if (state.clock.binding == HG_COOKIE_BIND_ADDRESS)
		return true;
	if (state.clock.binding == HG_COOKIE_BIND_HELLO)
		return memcmp(a->client, b->client, 2 + 32) == 0;
	return a->client_len == b->client_len && a->offer_len == b->offer_len &&
	       memcmp(a->client, b->client, a->client_len) == 0 &&
	       memcmp(a->offer, b->offer, a->offer_len) == 0;
}

/* No larger than it has to be. */
static struct hg_cookie_batch *
batch_of(enum hg_cookie_binding binding)
{
	static struct hg_cookie_batch *batch[3];

	if (batch[binding] == NULL)
		batch[binding] = aligned_alloc(
			_Alignof(struct hg_cookie_batch), hg_cookie_batch_size(binding));
	fuzz_require(batch[binding] != NULL, "no memory");
	return batch[binding];
}

static void
read_setup(struct fuzz_input *in)
{
	state.n = 0;
	state.clock.binding = (enum hg_cookie_binding)(fuzz_take(in, 1) % 3);
	state.batch = batch_of(state.clock.binding);
	state.clock.rotation = (uint32_t)fuzz_take(in, 3) % ROTATION_MAX + 1;
	state.clock.lifetime = (uint32_t)fuzz_take(in, 3) % state.clock.rotation + 1;
	state.clock.now = fuzz_take(in, 5); /* up to TIME_MAX */
	fuzz_require(hg_cookie_keys_derive(&state.keys, lab_secret, state.clock.now,
			     state.clock.rotation, state.clock.lifetime, state.clock.binding) == 0,
		"no keys for rotation %u, lifetime %u", state.clock.rotation, state.clock.lifetime);
}

/* A hello by few bytes: equal ones make equal hellos. */
static void
fill(struct bound *bound, struct fuzz_input *in)
{
	unsigned int peer = (unsigned int)fuzz_take(in, 1);
	uint8_t pattern = (uint8_t)fuzz_take(in, 1);
	unsigned int session_id_len = (unsigned int)fuzz_take(in, 1) % 33;
	unsigned int offer_len = (unsigned int)fuzz_take(in, 2);

	bound->family = peer % 2 == 0 ? 4 : 6;
	lab_tuple(bound->tuple, bound->family, peer / 2, 0);
	bound->client_len = 35 + session_id_len;
	memset(bound->client, pattern, bound->client_len);
	bound->client[34] = (uint8_t)session_id_len;
	bound->offer_len = offer_len < 0xe000 ? offer_len % 100 : offer_len % (OFFER_MAX + 2);
	memset(bound->offer, pattern, bound->offer_len);
}

/* Issues a cookie for a hello at another time, with the key of that time or, rarely, another. */
static void
issue(struct asked *asked, const struct bound *to, struct fuzz_input *in)
{
	struct lab_bound bound = lab_bound(to);
	uint8_t shift = (uint8_t)fuzz_take(in, 1);
	/* Around now: by seconds, by parts of the lifetime, by rotations, or anywhere. */
	int64_t away = (int8_t)fuzz_take(in, 1);

	if (shift % 4 == 1)
		away = away * state.clock.lifetime / 16;
	else if (shift % 4 == 2)
		away *= state.clock.rotation;
	else if (shift % 4 == 3)
		away *= 1 << 17; /* 128 of them are the 24 bits of a cookie's time */
	asked->time = (state.clock.now - (uint64_t)away) & TIME_MAX;
	asked->epoch = asked->time / state.clock.rotation;
	if (shift >= 0xf0 && asked->epoch >= 2)
		asked->epoch += fuzz_take(in, 1) % 5 - 2;
	asked->genuine = true;
	asked->made_for = *to;
	lab_mint(asked->made, &bound, state.clock.binding, asked->time, asked->epoch);
	memcpy(asked->cookie, asked->made, HG_COOKIE_LEN);
	asked->cookie_len = HG_COOKIE_LEN;
}

/* Flips one bit of the cookie or of what it is made for. */
static void
damage(struct asked *asked, struct fuzz_input *in)
{
	struct bound *bound = &asked->bound;
	uint8_t *field[] = { asked->cookie, bound->tuple, bound->client, bound->offer };
	size_t len[] = { asked->cookie_len, bound->family == 4 ? 12 : 36, bound->client_len,
		bound->offer_len };
	unsigned int which = (unsigned int)fuzz_take(in, 1) % 5;
	unsigned int bit = (unsigned int)fuzz_take(in, 2);

	if (which == 4) /* the same bytes, but of the other family */
		bound->family = bound->family == 4 ? 6 : 4;
	else if (len[which] != 0)
		field[which][bit / 8 % len[which]] ^= (uint8_t)(1u << bit % 8);
}

static void
read_hello(struct fuzz_input *in)
{
	struct asked *asked = &state.asked[state.n];
	uint8_t how = (uint8_t)fuzz_take(in, 1);
	enum source source = how % SOURCES;

	asked->genuine = false;
	asked->cookie_len = 0;
	fill(&asked->bound, in);
	if (source == ANY) {
		asked->cookie_len = (size_t)fuzz_take(in, 1);
		for (size_t i = 0; i < asked->cookie_len; i++)
			asked->cookie[i] = (uint8_t)fuzz_take(in, 1);
	} else if (source == OWN) {
		issue(asked, &asked->bound, in);
	} else if (source == ANOTHERS && state.n > 0) {
		issue(asked, &state.asked[fuzz_take(in, 1) % state.n].bound, in);
	}
	for (unsigned int i = how / SOURCES % 4; i > 0; i--)
		damage(asked, in);
	state.n++;
}

/* Is it valid, going by its history alone? */
static bool
deserves(const struct asked *asked)
{
	uint64_t current = state.clock.now / state.clock.rotation;

	if (memcmp(asked->cookie, asked->made, HG_COOKIE_LEN) != 0 ||
		!same_bound(&asked->bound, &asked->made_for) || asked->epoch + 1 < current ||
		asked->epoch > current + 1)
		return false;
	return asked->time <= state.clock.now + HG_COOKIE_CLOCK_SKEW &&
	       asked->time + state.clock.lifetime >= state.clock.now;
}

static bool
is_too_long(const struct bound *bound)
{
	return state.clock.binding == HG_COOKIE_BIND_PARAMETERS &&
	       bound->client_len + bound->offer_len > HG_COOKIE_BOUND_MAX;
}

static void
add_all(void)
{
	int number = 0;

	hg_cookie_batch_begin(state.batch, &state.keys, state.clock.now);
	for (unsigned int i = 0; i < state.n; i++) {
		const struct asked *asked = &state.asked[i];
		const struct hg_cookie_hello hello = {
			.tuple = asked->bound.tuple,
			.client = asked->bound.client,
			.offer = asked->bound.offer,
			.cookie = asked->cookie,
			.client_len = (uint16_t)asked->bound.client_len,
			.offer_len = (uint16_t)asked->bound.offer_len,
			.cookie_len = (uint8_t)asked->cookie_len,
			.family = asked->bound.family,
		};
		int got = hg_cookie_batch_add(state.batch, &hello);

		fuzz_require(got == (is_too_long(&asked->bound) ? -EMSGSIZE : number),
			"hello %u is number %d", i, got);
		number += got >= 0;
	}
}

static void
check(const struct asked *asked, unsigned int number)
{
	struct lab_bound bound = lab_bound(&asked->bound);
	enum hg_cookie_verdict verdict = hg_cookie_batch_verdict(state.batch, number);
	enum hg_cookie_verdict wanted =
		lab_verdict(&state.clock, &bound, asked->cookie, asked->cookie_len);
	uint8_t fresh[HG_COOKIE_LEN], right[HG_COOKIE_LEN];

	fuzz_require(verdict == wanted, "hello %u: verdict %d, not %d", number, verdict, wanted);
	if (asked->genuine)
		fuzz_require((verdict == HG_COOKIE_VALID) == deserves(asked),
			"hello %u: verdict %d on a cookie issued at %llu", number, verdict,
			(unsigned long long)asked->time);
	hg_cookie_batch_mint(state.batch, number, fresh);
	lab_mint(right, &bound, state.clock.binding, state.clock.now,
		state.clock.now / state.clock.rotation);
	fuzz_require_same("fresh cookie", fresh, right, HG_COOKIE_LEN);
}

/* Every kernel on the same jobs, which are compared with the reference's. */
static void
compare_kernels(void)
{
	static struct hg_hmac_job wanted[2 * HG_COOKIE_BATCH_MAX];
	size_t n;
	const struct hg_hmac_kernel *const *kernel = lab_kernels(&n);
	size_t size = state.batch->n_jobs * sizeof(wanted[0]);

	for (size_t k = 0; k < n; k++) {
		struct hg_hmac_job *job = state.batch->job;

		for (unsigned int i = 0; i < state.batch->n_jobs; i++)
			memset(job[i].tag, 0xa5, sizeof(job[i].tag));
		kernel[k]->run(job, state.batch->n_jobs);
		if (k == 0)
			memcpy(wanted, job, size);
		fuzz_require_same(
			kernel[k]->name, (const uint8_t *)job, (const uint8_t *)wanted, size);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { .p = data, .left = size };
	unsigned int number = 0;

	read_setup(&in);
	while (in.left > 0 && state.n < HG_COOKIE_BATCH_MAX)
		read_hello(&in);
	add_all();
	compare_kernels();
	hg_cookie_batch_run(state.batch, hg_hmac_kernel_find("scalar"));
	for (unsigned int i = 0; i < state.n; i++)
		if (!is_too_long(&state.asked[i].bound))
			check(&state.asked[i], number++);
	return 0;
}
