/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * INI files: [section] and key = value, ';' begins a comment. Every string of a file comes with its line,
 * and nothing is passed over in silence or cut: lines that are neither section nor key, duplicates,
 * characters that nobody sees.
 */
#pragma once

#include <limits.h>
#include <stddef.h>

#include "config/error.h"

#define INI_NAME_MAX 63u      /* characters of a key or the name of a section */
#define INI_FILE_MAX 1048576u /* bytes of a file */

struct ini_entry {
	const char *key;
	const char *value; /* at least one character */
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
	char *text; /* of the file, cut up into all these strings */
};

/* Returns 0 with *ret_ini to be freed with ini_free(), or -EINVAL with the reason in error. */
int ini_load(struct ini **ret_ini, const char *path, struct error *error);
void ini_free(struct ini *ini);

/*
 * Fills error with a sentence that begins with the place that is to blame: "FILE:LINE: " of the key, of its
 * section if it is not set there or key is NULL, or "FILE: " if section is NULL. Returns -EINVAL.
 */
int ini_blame(const struct ini *ini, const struct ini_section *section, const char *key,
	struct error *error, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The section of that name, or the entry of that key, or NULL. */
const struct ini_section *ini_section(const struct ini *ini, const char *name);
const struct ini_entry *ini_entry(const struct ini_section *section, const char *key);
