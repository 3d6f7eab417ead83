/* SPDX-License-Identifier: BSD-3-Clause */
/* A gateway of one worker and one core that are the test's hands: without EAL, ports or threads. */
#pragma once

#include "core/core.h"
#include "core/listener.h"
#include "gateway/gateway.h"
#include "port/port.h"

enum { LCORES_WORKER, LCORES_CORE, LCORES_N }; /* readers of gateway->qsbr */

struct lcores {
	struct gateway gateway;
	struct config_port config_port;
	struct port port;
	struct queue queue;
	struct listener listener[GATEWAY_LISTENERS_MAX];
	struct core core;
	struct core *cores[1];
	struct core_out out;
};

/* The session table is left out, and there is no generation yet. */
void lcores_open(struct lcores *lcores);
void lcores_close(struct lcores *lcores);

/* One of them has gone through its loop. */
void lcores_quiescent(struct lcores *lcores, unsigned int reader);
