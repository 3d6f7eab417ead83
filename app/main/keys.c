/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/keys.h"

#include "gateway/clock.h"
#include "gateway/gateway.h"
#include "main/wait.h"
#include "port/log.h"
#include "tls/context.h"
#include "tls/secret.h"

LOG_TYPE(keys);

struct hg_cookie_keys *
keys_make(const struct config_gateway *settings, uint64_t now)
{
	struct hg_cookie_keys *keys = hg_tls_secret_alloc(sizeof(*keys));

	if (keys == NULL)
		return NULL;
	hg_cookie_keys_derive(keys, settings->secret, now, settings->key_rotation,
		settings->cookie_lifetime, settings->cookie_binding);
	if (settings->former_secret != NULL)
		hg_cookie_keys_accept(keys, settings->former_secret);
	return keys;
}

void
keys_free(const struct hg_cookie_keys *keys)
{
	struct hg_cookie_keys *mine = (struct hg_cookie_keys *)(uintptr_t)keys;

	hg_tls_secret_free(mine, sizeof(*mine));
}

static const struct hg_cookie_keys *
current(const struct gateway *gateway)
{
	return atomic_load_explicit(&gateway->keys, memory_order_relaxed);
}

void
keys_use(struct gateway *gateway, struct hg_cookie_keys *keys)
{
	const struct hg_cookie_keys *old = current(gateway);

	atomic_store_explicit(&gateway->keys, keys, memory_order_release);
	if (old == NULL)
		return;
	wait_for_grace(gateway);
	keys_free(old);
}

void
keys_rotate(struct gateway *gateway, uint64_t now)
{
	const struct config *config = gateway->config;
	uint64_t epoch = hg_cookie_epoch(now, config->gateway.key_rotation);
	struct hg_cookie_keys *keys;

	if (current(gateway)->slot[HG_COOKIE_CURRENT].epoch == epoch)
		return;
	keys = keys_make(&config->gateway, now);
	if (keys == NULL)
		return; /* the next key of the old ones is good for another rotation */
	keys_use(gateway, keys);
	for (unsigned int i = 0; i < config->n_listeners; i++)
		if (config->listener[i].tls != NULL) /* a guard has none */
			hg_tls_context_renew_tickets(config->listener[i].tls);
	LOG(INFO, "key epoch %" PRIu64 "\n", epoch);
}

int
keys_open(struct gateway *gateway, struct error *error)
{
	struct hg_cookie_keys *keys;
	uint64_t now = clock_seconds();

	atomic_store_explicit(&gateway->now, now, memory_order_relaxed);
	keys = keys_make(&gateway->config->gateway, now);
	if (keys == NULL)
		return error_set(error, "no memory for keys");
	keys_use(gateway, keys);
	return 0;
}

void
keys_close(struct gateway *gateway)
{
	keys_free(current(gateway));
	atomic_store_explicit(&gateway->keys, NULL, memory_order_relaxed);
}
