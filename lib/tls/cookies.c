/* SPDX-License-Identifier: BSD-3-Clause */
#include "tls/cookies.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/secret.h"
#include "tls/schedule.h"
#include "tls/secret.h"

/*
 * What one thread works with while it settles a hello. Each has its own keys, a pure function of secret
 * and time, so nothing is shared but the list of those that rest.
 */
struct work {
	struct work *next;
	struct hg_cookie_keys *keys;
	uint64_t generation; /* of the settings that the keys follow from */
	uint64_t epoch;
	enum hg_cookie_binding
		binding; /* that of the settings; the batch binds to all it is given */
	struct hg_cookie_batch *batch;
};

struct settings {
	uint8_t secret[HG_COOKIE_SECRET_LEN];
	uint8_t previous[HG_COOKIE_SECRET_LEN];
	bool has_previous;
	uint32_t lifetime;
	uint32_t rotation;
	enum hg_cookie_binding binding;
};

struct hg_tls_cookies {
	atomic_uint references;
	struct hg_hmac_ladder ladder;
	uint64_t (*now)(void *arg);
	void *now_arg;
	pthread_mutex_t lock;      /* for all that follows */
	struct settings *settings; /* replaced as a whole */
	uint64_t generation;
	struct work *resting;
	struct hg_tls_cookies_counts counts;
};

static uint64_t
wall_clock(void *arg)
{
	(void)arg;
	return (uint64_t)time(NULL);
}

int
hg_tls_cookies_blame(struct hg_tls_error *error, int err, const char *setting, const char *text)
{
	if (error != NULL) {
		*error = (struct hg_tls_error){ .setting = setting };
		snprintf(error->text, sizeof(error->text), "%s", text);
	}
	return err;
}

static int
check_options(const struct hg_tls_cookies_options *options, struct hg_tls_error *error)
{
	uint32_t lifetime, rotation;

	if (options == NULL)
		return hg_tls_cookies_blame(error, -EINVAL, "options", "no options are given");
	lifetime = options->lifetime != 0 ? options->lifetime : HG_TLS_COOKIES_LIFETIME;
	rotation = options->rotation != 0 ? options->rotation : HG_TLS_COOKIES_ROTATION;
	if (options->secret == NULL || options->secret_len != HG_COOKIE_SECRET_LEN)
		return hg_tls_cookies_blame(error, -EINVAL, "secret", "the secret is not 32 bytes");
	if ((options->previous == NULL) != (options->previous_len == 0) ||
		(options->previous != NULL && options->previous_len != HG_COOKIE_SECRET_LEN))
		return hg_tls_cookies_blame(
			error, -EINVAL, "previous", "the previous secret is not 32 bytes");
	if (lifetime > HG_COOKIE_LIFETIME_MAX)
		return hg_tls_cookies_blame(
			error, -EINVAL, "lifetime", "the lifetime is more than 8388608 seconds");
	if (rotation < lifetime)
		return hg_tls_cookies_blame(
			error, -EINVAL, "rotation", "the rotation is shorter than the lifetime");
	if (options->binding > HG_COOKIE_BIND_ADDRESS)
		return hg_tls_cookies_blame(error, -EINVAL, "binding", "there is no such binding");
	return 0;
}

/* For options that have been checked; NULL without memory. */
static struct settings *
settings_new(const struct hg_tls_cookies_options *options)
{
	struct settings *settings = hg_tls_secret_alloc(sizeof(*settings));

	if (settings == NULL)
		return NULL;
	memcpy(settings->secret, options->secret, HG_COOKIE_SECRET_LEN);
	settings->has_previous = options->previous != NULL;
	if (settings->has_previous)
		memcpy(settings->previous, options->previous, HG_COOKIE_SECRET_LEN);
	settings->lifetime = options->lifetime != 0 ? options->lifetime : HG_TLS_COOKIES_LIFETIME;
	settings->rotation = options->rotation != 0 ? options->rotation : HG_TLS_COOKIES_ROTATION;
	settings->binding = options->binding;
	return settings;
}

/* The fastest kernel for each size, none of which may give a wrong tag. */
static bool
choose_kernels(struct hg_hmac_ladder *ladder)
{
	const struct hg_hmac_kernel *reference = hg_hmac_kernel_find("scalar");

	hg_hmac_ladder_measure(ladder);
	for (size_t n = 1; n <= HG_COOKIE_JOBS; n++)
		if (!hg_hmac_self_test(hg_hmac_ladder_pick(ladder, n)))
			hg_hmac_ladder_force(ladder, reference);
	return hg_hmac_self_test(hg_hmac_ladder_pick(ladder, 1));
}

int
hg_tls_cookies_new(struct hg_tls_cookies **ret_cookies,
	const struct hg_tls_cookies_options *options, struct hg_tls_error *error)
{
	struct hg_tls_cookies *cookies;
	int err;

	if (ret_cookies == NULL)
		return hg_tls_cookies_blame(
			error, -EINVAL, "cookies", "there is no place for the result");
	err = check_options(options, error);
	if (err != 0)
		return err;
	cookies = calloc(1, sizeof(*cookies));
	if (cookies == NULL)
		return hg_tls_cookies_blame(error, -ENOMEM, "cookies", "no memory");
	cookies->settings = settings_new(options);
	if (cookies->settings == NULL) {
		err = hg_tls_cookies_blame(error, -ENOMEM, "secret", "no memory for secrets");
		goto out;
	}
	if (!choose_kernels(&cookies->ladder)) {
		err = hg_tls_cookies_blame(
			error, -EIO, "cookies", "HMAC-SHA256 gives wrong results on this machine");
		goto out;
	}
	cookies->now = options->now != NULL ? options->now : wall_clock;
	cookies->now_arg = options->now_arg;
	err = -pthread_mutex_init(&cookies->lock, NULL);
	if (err != 0) {
		hg_tls_cookies_blame(error, err, "cookies", "no memory for a lock");
		goto out;
	}
	atomic_init(&cookies->references, 1);
	*ret_cookies = cookies;
	return 0;
out:
	hg_tls_secret_free(cookies->settings, sizeof(struct settings));
	free(cookies);
	return err;
}

static void
work_free(struct work *work)
{
	hg_tls_secret_free(work->keys, sizeof(*work->keys));
	free(work->batch);
	free(work);
}

static void
work_free_all(struct work *work)
{
	while (work != NULL) {
		struct work *next = work->next;

		work_free(work);
		work = next;
	}
}

/* For settings with that binding, which those of its generation all have. */
static struct work *
work_new(enum hg_cookie_binding binding)
{
	struct work *work = malloc(sizeof(*work));

	if (work == NULL)
		return NULL;
	work->keys = hg_tls_secret_alloc(sizeof(*work->keys));
	work->batch =
		aligned_alloc(_Alignof(struct hg_cookie_batch), hg_cookie_batch_size(binding));
	if (work->keys == NULL || work->batch == NULL) {
		work_free(work);
		return NULL;
	}
	work->generation = UINT64_MAX; /* of nothing yet */
	return work;
}

int
hg_tls_cookies_change(struct hg_tls_cookies *cookies, const struct hg_tls_cookies_options *options,
	struct hg_tls_error *error)
{
	struct settings *former, *settings;
	struct work *resting;
	int err;

	if (cookies == NULL)
		return hg_tls_cookies_blame(error, -EINVAL, "cookies", "there are no cookies");
	err = check_options(options, error);
	if (err != 0)
		return err;
	settings = settings_new(options);
	if (settings == NULL)
		return hg_tls_cookies_blame(error, -ENOMEM, "secret", "no memory for secrets");
	pthread_mutex_lock(&cookies->lock);
	former = cookies->settings;
	resting = cookies->resting;
	cookies->settings = settings;
	cookies->resting = NULL;
	cookies->generation++; /* what is at work now goes when it comes to rest */
	pthread_mutex_unlock(&cookies->lock);
	hg_tls_secret_free(former, sizeof(*former));
	work_free_all(resting);
	return 0;
}

void
hg_tls_cookies_hold(struct hg_tls_cookies *cookies)
{
	atomic_fetch_add_explicit(&cookies->references, 1, memory_order_relaxed);
}

void
hg_tls_cookies_free(struct hg_tls_cookies *cookies)
{
	if (cookies == NULL ||
		atomic_fetch_sub_explicit(&cookies->references, 1, memory_order_acq_rel) != 1)
		return;
	pthread_mutex_destroy(&cookies->lock);
	work_free_all(cookies->resting);
	hg_tls_secret_free(cookies->settings, sizeof(*cookies->settings));
	free(cookies);
}

/* Keys for the time now. The lock is held. */
static void
work_renew(struct work *work, const struct hg_tls_cookies *cookies, uint64_t now)
{
	const struct settings *settings = cookies->settings;
	uint64_t epoch = hg_cookie_epoch(now, settings->rotation);

	if (work->generation == cookies->generation && work->epoch == epoch)
		return;
	/* It cannot fail: the options were checked. */
	hg_cookie_keys_derive(work->keys, settings->secret, now, settings->rotation,
		settings->lifetime, HG_COOKIE_BIND_PARAMETERS);
	work->binding = settings->binding;
	if (settings->has_previous)
		hg_cookie_keys_accept(work->keys, settings->previous);
	work->generation = cookies->generation;
	work->epoch = epoch;
}

static struct work *
take_work(struct hg_tls_cookies *cookies, uint64_t now)
{
	struct work *work;

	pthread_mutex_lock(&cookies->lock);
	work = cookies->resting;
	if (work != NULL)
		cookies->resting = work->next;
	else
		work = work_new(
			cookies->settings
				->binding); /* once for each thread that is here at the same time */
	if (work != NULL)
		work_renew(work, cookies, now);
	pthread_mutex_unlock(&cookies->lock);
	return work;
}

/* count: one of cookies->counts to be raised, or NULL. */
static void
rest_work(struct hg_tls_cookies *cookies, struct work *work, uint64_t *count)
{
	struct work *stale = NULL;

	pthread_mutex_lock(&cookies->lock);
	if (count != NULL)
		++*count;
	if (work->generation == cookies->generation) {
		work->next = cookies->resting;
		cookies->resting = work;
	} else {
		stale = work;
	}
	pthread_mutex_unlock(&cookies->lock);
	if (stale != NULL)
		work_free(stale);
}

/* What a cookie is bound to beside the addresses, of all that is known of the hello. */
static void
choose_bound(struct hg_cookie_hello *hello, const struct hg_tls_asked *asked,
	enum hg_cookie_binding binding)
{
	hello->client = hello->offer = asked->tuple; /* nothing of it */
	if (asked->seen != HG_TLS_ALWAYS && binding == HG_COOKIE_BIND_ADDRESS)
		return;
	hello->client = asked->client;
	hello->client_len = HG_COOKIE_HELLO_LEN;
	if (asked->seen != HG_TLS_ALWAYS && binding == HG_COOKIE_BIND_HELLO)
		return;
	hello->client_len = asked->client_len;
	hello->offer = asked->offer;
	hello->offer_len = asked->offer_len;
}

/* Runs a batch of one. */
static enum hg_cookie_verdict
run_batch(struct work *work, const struct hg_hmac_ladder *ladder, uint64_t now,
	const struct hg_tls_asked *asked, uint8_t ret_fresh[HG_COOKIE_LEN])
{
	struct hg_cookie_hello hello = {
		.tuple = asked->tuple,
		.cookie = asked->cookie,
		/* None of ours is longer: cut to size it is malformed, too. */
		.cookie_len =
			(uint8_t)(asked->cookie_len < UINT8_MAX ? asked->cookie_len : UINT8_MAX),
		.family = asked->family,
	};

	choose_bound(&hello, asked, work->binding);
	hg_cookie_batch_begin(work->batch, work->keys, now);
	hg_cookie_batch_add(work->batch, &hello); /* the caller has looked at the lengths */
	hg_cookie_batch_run(work->batch, hg_hmac_ladder_pick(ladder, work->batch->n_jobs));
	hg_cookie_batch_mint(work->batch, 0, ret_fresh);
	return hg_cookie_batch_verdict(work->batch, 0);
}

/* As much of a hello a binding needs. */
static enum hg_tls_seen
least_seen(enum hg_cookie_binding binding)
{
	switch (binding) {
	case HG_COOKIE_BIND_ADDRESS:
		return HG_TLS_UNSEEN;
	case HG_COOKIE_BIND_HELLO:
		return HG_TLS_HELLO;
	default:
		return HG_TLS_BOUND;
	}
}

int
hg_tls_cookies_settle(struct hg_tls_cookies *cookies, const struct hg_tls_asked *asked,
	uint8_t ret_fresh[HG_COOKIE_LEN])
{
	uint64_t now = cookies->now(cookies->now_arg);
	struct work *work = take_work(cookies, now);
	enum hg_cookie_verdict verdict;
	enum hg_tls_seen least;

	if (work == NULL)
		return -ENOMEM;
	least = least_seen(work->binding);
	if (asked->seen < least && asked->seen == HG_TLS_UNSEEN) {
		rest_work(cookies, work, NULL);
		return -ENODATA;
	}
	if (asked->seen < least) {
		/*
		 * An error would end in one of DTLSv1_listen(), over which a server may give up. Nobody
		 * accepts zeroes: their format is 0.
		 */
		memset(ret_fresh, 0, HG_COOKIE_LEN);
		rest_work(cookies, work, &cookies->counts.unbound);
		return 0;
	}
	verdict = run_batch(work, &cookies->ladder, now, asked, ret_fresh);
	if (verdict == HG_COOKIE_VALID && asked->unusable) {
		rest_work(cookies, work, &cookies->counts.unusable);
		return 0;
	}
	rest_work(cookies, work, &cookies->counts.verdict[verdict]);
	return verdict == HG_COOKIE_VALID;
}

void
hg_tls_cookies_count(struct hg_tls_cookies *cookies, struct hg_tls_cookies_counts *ret_counts)
{
	pthread_mutex_lock(&cookies->lock);
	*ret_counts = cookies->counts;
	pthread_mutex_unlock(&cookies->lock);
}
