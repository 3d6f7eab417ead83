/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keeping what DPDK writes to stdout and stderr while something is tried: if it fails, the operator
 * gets one sentence with DPDK's reason in it, and not a page.
 */
#pragma once

#include <stdbool.h>

struct output {
	int memory; /* file that the output goes to, or -1: nothing is kept */
	int saved[2];
	char text[4096]; /* its beginning, once ended */
};

void output_begin(struct output *output);

/*
 * The output goes its own way again. After a success, what was kept is passed on to stderr, whole: there
 * may be warnings in it.
 */
void output_end(struct output *output, bool success);

/* DPDK's first words after output_end(), or "" if it said nothing; valid as long as output. */
const char *output_reason(struct output *output);
