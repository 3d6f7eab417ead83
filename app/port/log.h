/* SPDX-License-Identifier: BSD-3-Clause */
/* Where messages go: one line each on stderr, with its priority if the journal reads it. */
#pragma once

#include <rte_log.h>

/*
 * LOG_TYPE(port); once in a file that has messages, outside functions: their log type, here hellogate.port. From
 * INFO up they are shown, unless --log-level of EAL says otherwise.
 */
#define LOG_TYPE(name) static RTE_LOG_REGISTER(log_type, hellogate.name, INFO)

/* LOG(WARNING, "port %s: the device does not stop\n", name): a message, as printf(). */
#define LOG(level, ...) rte_log(RTE_LOG_##level, log_type, "hellogate: " __VA_ARGS__)

/* From now on; before the first message. */
void log_open(void);

/* Says why the process does not start, or not go on: a sentence without a full stop. */
void log_refusal(const char *sentence);
