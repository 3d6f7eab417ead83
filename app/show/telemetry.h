/* SPDX-License-Identifier: BSD-3-Clause */
/* DPDK telemetry commands: /hellogate/... Read-only. */
#pragma once

struct gateway;

/* Registers the commands, once per process; they answer for gateway until it is NULL. */
void telemetry_serve(struct gateway *gateway);
