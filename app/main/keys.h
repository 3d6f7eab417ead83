/* SPDX-License-Identifier: BSD-3-Clause */
/* The keys of cookies: made of a configuration and the time, in effect, and gone. Main's own. */
#pragma once

#include <stdint.h>

#include "config/config.h"
#include "config/error.h"
#include "cookie/keys.h"

struct gateway;

/* For that time, in seconds since 1970, in locked memory. Returns NULL without memory. */
struct hg_cookie_keys *keys_make(const struct config_gateway *settings, uint64_t now);

/* Wipes them; NULL is none. */
void keys_free(const struct hg_cookie_keys *keys);

/* Puts keys into effect, whose owner is the gateway then. The old ones go when no worker can be using them. */
void keys_use(struct gateway *gateway, struct hg_cookie_keys *keys);

/* Replaces the keys, of cookies and of tickets, if the time asks for others. */
void keys_rotate(struct gateway *gateway, uint64_t now);

/* Sets the clock and the first keys. Returns 0 or -EINVAL; keys_close() in either case. */
int keys_open(struct gateway *gateway, struct error *error);
void keys_close(struct gateway *gateway);
