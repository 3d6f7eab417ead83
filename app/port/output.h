/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keeping what DPDK writes to stdout and stderr while something is tried: if it fails, the operator
 * gets one sentence with DPDK's reason in it, and not a page.
 */
#pragma once

#include <stdbool.h>

struct capture {
	int memory; /* file that the output goes to, or -1: nothing is captured */
	int saved[2];
	char text[4096]; /* its beginning, once ended */
};

void output_begin(struct capture *capture);

/*
 * The output goes its own way again. After a success, what was captured is passed on to stderr, whole: there
 * may be warnings in it.
 */
void output_end(struct capture *capture, bool success);

/* DPDK's first words after output_end(), or "" if it said nothing; valid as long as capture. */
const char *output_reason(struct capture *capture);
