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

/* Returns 0 or -EINVAL. The strings are argv's. */
int options_parse(struct options *ret_options, int argc, char **argv, struct error *error);
void options_print_help(void);
