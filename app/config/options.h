/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line. */
#pragma once

#include <stdbool.h>

#include "config/error.h"

struct options {
	const char *config; /* -c */
	bool check;
	bool version;
	bool help;
	int n_eal; /* what follows -- */
	char **eal;
};

/*
 * Options are written out, each as a word of its own. Returns 0 or -EINVAL with *ret_options untouched. The
 * strings are argv's.
 */
int options_parse(struct options *ret_options, int argc, char **argv, struct error *error);
void options_print_help(void);

/*
 * For whoever has used getopt_long() in an order of its own: EAL, which does not begin anew, finds it as in a
 * process that has not.
 */
void options_leave_getopt(void);
