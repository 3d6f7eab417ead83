/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * INI files, read with rte_cfgfile, with what it lacks: line numbers, and refusal of what it would
 * pass over in silence or cut (lines that are neither section nor key, duplicates, long values).
 */
#pragma once

#include <limits.h>
#include <stddef.h>

#include "error.h"

struct ini_entry {
	const char *key;
	const char *value;
	unsigned int line;
};

struct ini_section {
	const char *name;
	unsigned int line;
	unsigned int n;
	struct ini_entry *entry;
};

struct ini {
	char path[PATH_MAX];
	unsigned int n;
	struct ini_section *section;
	struct rte_cfgfile_entry *storage; /* of the entries' strings */
	char (*names)[64];                 /* of the sections' */
};

/* Returns 0 with *ret_ini to be freed with ini_free(), or -EINVAL with the reason in error. */
int ini_load(struct ini **ret_ini, const char *path, struct error *error);
void ini_free(struct ini *ini);

/* The section of that name, or the entry of that key, or NULL. */
const struct ini_section *ini_section(const struct ini *ini, const char *name);
const struct ini_entry *ini_entry(const struct ini_section *section, const char *key);
