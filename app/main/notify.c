/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Not libsystemd: its sd_notify() makes a new socket for every message, by a path that the process
 * may not reach any more once it has dropped its privileges, and brings five libraries along.
 */
#include "main/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "core/core.h"
#include "gateway/gateway.h"
#include "main/private.h"
#include "port/log.h"
#include "worker/loop.h"

LOG_TYPE(notify);

#define STOP_USEC 90000000u /* for a shutdown as such: systemd's own default */

__attribute__((format(printf, 2, 3))) static void
tell(const struct notify *notify, const char *format, ...)
{
	char text[1024];
	va_list args;

	if (notify->socket < 0)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (send(notify->socket, text, strlen(text), MSG_NOSIGNAL) < 0)
		LOG(WARNING, "the service manager does not listen: %s\n", strerror(errno));
}

/* How often signs of life are wanted, in microseconds; 0: never. */
static int
read_watchdog(uint64_t *ret_usec, struct error *error)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	*ret_usec = 0;
	if (usec == NULL || (pid != NULL && strtol(pid, NULL, 10) != getpid()))
		return 0;
	if (hg_text_number(usec, 1, UINT64_MAX, ret_usec) != 0)
		return error_set(error, "WATCHDOG_USEC=%s is not a number of microseconds", usec);
	return 0;
}

int
notify_open(struct notify *notify, struct error *error)
{
	const struct timeval longest = { .tv_usec = 100000 }; /* main has other things to do */
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len;
	uint64_t usec;

	*notify = (struct notify){ .socket = -1 };
	if (path == NULL)
		return 0;
	len = strlen(path);
	if ((path[0] != '/' && path[0] != '@') || len >= sizeof(address.sun_path))
		return error_set(error, "NOTIFY_SOCKET=%s is no address", path);
	if (read_watchdog(&usec, error) != 0)
		return -EINVAL;
	memcpy(address.sun_path, path, len);
	if (path[0] == '@')
		address.sun_path[0] = '\0'; /* unix(7): an abstract one */
	notify->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notify->socket < 0 ||
		setsockopt(notify->socket, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof(longest)) !=
			0 ||
		connect(notify->socket, (const struct sockaddr *)&address,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) != 0) {
		error_set(error, "cannot connect to NOTIFY_SOCKET=%s: %m", path);
		notify_close(notify);
		return -EINVAL;
	}
	/* Twice as often as is asked for, as sd_watchdog_enabled(3) recommends. */
	notify->interval = usec / 2 + usec % 2;
	return 0;
}

void
notify_close(struct notify *notify)
{
	if (notify->socket >= 0)
		close(notify->socket);
	notify->socket = -1;
}

void
notify_reloading(const struct notify *notify, uint64_t now)
{
	tell(notify, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=reloading", now);
}

void
notify_reloaded(const struct notify *notify, const char *status)
{
	tell(notify, "READY=1\nSTATUS=%s", status);
}

void
notify_stopping(const struct notify *notify, uint64_t seconds)
{
	tell(notify, "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=%" PRIu64,
		seconds * 1000000 + STOP_USEC);
}

/*
 * Each lcore counts the rounds of its loop: that is its heartbeat. Workers come first, then cores.
 * Returns false for one that has ended.
 */
static bool
read_heartbeat(const struct gateway *gateway, unsigned int i, uint64_t *ret_heartbeat)
{
	if (i < gateway->n_workers) {
		*ret_heartbeat = stats_get(&gateway->worker[i]->heartbeat);
		return atomic_load_explicit(&gateway->worker[i]->running, memory_order_acquire);
	}
	i -= gateway->n_workers;
	*ret_heartbeat = stats_get(&gateway->core[i]->heartbeat);
	return atomic_load_explicit(&gateway->core[i]->running, memory_order_acquire);
}

static void
note_heartbeats(struct gateway *gateway)
{
	for (unsigned int i = 0; i < gateway->n_workers + gateway->n_cores; i++)
		read_heartbeat(gateway, i, &gateway->private->notify.heartbeat[i]);
}

/* The first lcore that has not gone through its loop since they were noted, or their number. */
static unsigned int
find_stuck(const struct gateway *gateway)
{
	unsigned int i = 0, n = gateway->n_workers + gateway->n_cores;
	uint64_t heartbeat;

	while (i < n && (!read_heartbeat(gateway, i, &heartbeat) ||
				heartbeat != gateway->private->notify.heartbeat[i]))
		i++;
	return i;
}

static void
blame(const struct gateway *gateway, unsigned int i)
{
	bool worker = i < gateway->n_workers;

	LOG(ERR, "no sign of life: %s %u is stuck\n", worker ? "worker" : "handshake core",
		worker ? i : i - gateway->n_workers);
}

void
notify_ready(struct gateway *gateway, const char *status, uint64_t now)
{
	struct notify *notify = &gateway->private->notify;

	tell(notify, "READY=1\nSTATUS=%s", status);
	note_heartbeats(gateway);
	notify->due = now;
}

void
notify_alive(struct gateway *gateway, uint64_t now)
{
	struct notify *notify = &gateway->private->notify;
	unsigned int stuck;

	if (notify->socket < 0 || notify->interval == 0 || now < notify->due)
		return;
	stuck = find_stuck(gateway);
	if (stuck == gateway->n_workers + gateway->n_cores) {
		tell(notify, "WATCHDOG=1");
		note_heartbeats(gateway);
		notify->due = now + notify->interval;
		notify->n_missed = 0;
	} else if (now >= notify->due + (notify->n_missed + 1) * notify->interval) {
		notify->n_missed++;
		blame(gateway, stuck);
	}
}
