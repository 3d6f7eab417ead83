/* SPDX-License-Identifier: BSD-3-Clause */
/* What the gateway counts, as Prometheus reads it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/gateway.h"

/*
 * All metrics as text: OpenMetrics 1.0.0 if open, or the text format 0.0.4 of Prometheus. started is
 * when the process was, in seconds since 1970. Returns what is to be given to free(), or NULL without
 * memory.
 */
char *metrics_write(const struct gateway *gateway, uint64_t started, bool open, size_t *ret_len);
