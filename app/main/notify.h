/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a service manager is told, as sd_notify(3) describes it: ready, reloading, stopping, alive.
 * Without NOTIFY_SOCKET in the environment all of it does nothing.
 */
#pragma once

#include <rte_config.h>

#include <stdbool.h>
#include <stdint.h>

#include "config/error.h"

struct gateway;

/* Main's own. */
struct notify {
	int socket;            /* -1: nobody wants to know */
	uint64_t interval;     /* microseconds between two signs of life; 0: none are wanted */
	uint64_t due;          /* when the next one is sent, or as soon as it may be */
	unsigned int n_missed; /* intervals that have gone by without one */
	uint64_t heartbeat[RTE_MAX_LCORE]; /* of workers, then cores, at the last one */
};

/*
 * Connects to the socket: before privileges are dropped. Returns 0, or -EINVAL if it cannot, or if
 * WATCHDOG_USEC is not a number.
 */
int notify_open(struct notify *notify, struct error *error);
void notify_close(struct notify *notify);

/* now is microseconds of CLOCK_MONOTONIC, here and below. Once the lcores run: signs of life are due from now on. */
void notify_ready(struct gateway *gateway, const char *status, uint64_t now);

/* Around a reload. */
void notify_reloading(const struct notify *notify, uint64_t now);
void notify_reloaded(const struct notify *notify, const char *status);

/* Before the shutdown, which may take so many seconds more than usual. */
void notify_stopping(const struct notify *notify, uint64_t seconds);

/*
 * To be called often. Sends a sign of life when one is due, but not before every worker and handshake
 * core has gone through its loop since the last one: one that is stuck makes the service manager act.
 */
void notify_alive(struct gateway *gateway, uint64_t now);
