/* SPDX-License-Identifier: BSD-3-Clause */
#include "show/telemetry.h"

#include <rte_telemetry.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "show/commands.h"

/* Telemetry's callbacks have no argument of ours, and its thread outlives the gateway. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct gateway *served;

static int
answer(const char *command, const char *params, struct rte_tel_data *data)
{
	int err = -ENODEV;

	pthread_mutex_lock(&lock);
	for (size_t i = 0; served != NULL && i < commands_n; i++)
		if (strcmp(commands[i].name, command) == 0) {
			pthread_mutex_lock(&served->config_lock);
			err = commands[i].show(served, params, data);
			pthread_mutex_unlock(&served->config_lock);
		}
	pthread_mutex_unlock(&lock);
	return err;
}

void
telemetry_serve(struct gateway *gateway)
{
	pthread_mutex_lock(&lock);
	served = gateway;
	pthread_mutex_unlock(&lock);
	for (size_t i = 0; gateway != NULL && i < commands_n; i++)
		rte_telemetry_register_cmd(commands[i].name, answer, commands[i].help);
}
