/* SPDX-License-Identifier: BSD-3-Clause */
/* What was seen: a line a second, a summary, a JSON file. */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "command.h"
#include "config/error.h"
#include "engine.h"

#define REPORT_SCHEMA 1u

/* Of all engines together. */
struct report {
	uint64_t counter[COUNTERS_N];
	uint64_t fault[CHECK_FAULTS_N];
	uint64_t faults;         /* all of them */
	double seconds;          /* of sending, of the engine that took longest */
	struct histogram to_hvr; /* TSC cycles */
	struct histogram to_server_hello;
	unsigned int cookie_min; /* bytes; both 0 if there was none */
	unsigned int cookie_max;
};

/* What main may read while the engines run: counters and faults. */
void report_look(struct report *report, struct engine *const *engine, unsigned int n);

/* All of it, once they are done. */
void report_finish(struct report *report, struct engine *const *engine, unsigned int n);

/* What has happened in the last so many seconds. */
void report_line(
	const struct report *before, const struct report *now, double seconds, double since_start);

void report_print(const struct report *report, FILE *to);

/* Returns 0 or -EINVAL. */
int report_write_json(const struct report *report, const struct command *command, const char *path,
	struct error *error);
