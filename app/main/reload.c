/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/reload.h"

#include <errno.h>

#include "config/listener.h"
#include "config/reload.h"
#include "gateway/clock.h"
#include "gateway/gateway.h"
#include "main/generation.h"
#include "main/keys.h"
#include "main/notify.h"
#include "main/private.h"
#include "port/log.h"

LOG_TYPE(reload);

void
reload_warn(const struct config *config)
{
	for (unsigned int i = 0; i < config->n_listeners; i++) {
		const struct config_listener *listener = &config->listener[i];
		const char *warning = config_listener_warning(listener);

		if (warning != NULL)
			LOG(WARNING, "listener %s: %s\n", listener->name, warning);
	}
}

static int
take_effect(struct gateway *gateway, struct config *config, struct error *error)
{
	struct hg_cookie_keys *keys;

	if (config_reload_check(config, gateway->config, error) != 0)
		return -EINVAL;
	keys = keys_make(&config->gateway, clock_seconds());
	if (keys == NULL)
		return error_set(error, "no memory for keys");
	if (generation_enter(gateway, config, error) != 0) {
		keys_free(keys);
		return -EINVAL;
	}
	keys_use(gateway, keys);
	return 0;
}

static int
reload(struct gateway *gateway, struct error *error)
{
	struct config *config;

	if (config_load(&config, gateway->config->ini->path, error) != 0)
		return -EINVAL;
	if (take_effect(gateway, config, error) != 0) {
		config_free(config);
		return -EINVAL;
	}
	return 0;
}

void
reload_run(struct gateway *gateway)
{
	const struct notify *notify = &gateway->private->notify;
	struct error error;

	notify_reloading(notify, clock_microseconds());
	if (reload(gateway, &error) == 0) {
		LOG(NOTICE, "reloaded %s\n", gateway->config->ini->path);
		reload_warn(gateway->config);
		notify_reloaded(notify, "reloaded");
	} else {
		LOG(ERR, "not reloaded: %s\n", error.text);
		notify_reloaded(notify, "not reloaded, see the log");
	}
}
