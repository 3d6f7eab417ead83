/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables of legal keys. A table says of each key its type, range, default and meaning, and where
 * its value goes; the same table reads a section, prints the effective settings, and is what the
 * documentation is checked against. Defaults are parsed like values from a file.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/error.h"
#include "config/ini.h"

enum setting_type {
	SETTING_INTEGER, /* uint32_t */
	SETTING_CHOICE,  /* an enum: the value of one of the choices */
	SETTING_FLAG,    /* bool: likewise */
	SETTING_STRING,  /* const char *, or NULL; if there are choices, one of them */
	SETTING_CUSTOM,  /* const char * too; whoever owns the table parses it further */
};

/* A name that a key may be set to, and what it means. */
struct setting_choice {
	const char *name; /* NULL: there are no more */
	unsigned int value;
};

/* The sizes of fields, so that no row can name one that its type does not fit. */
#define SETTING_SIZE_INTEGER sizeof(uint32_t)
#define SETTING_SIZE_CHOICE sizeof(unsigned int)
#define SETTING_SIZE_FLAG sizeof(bool)
#define SETTING_SIZE_STRING sizeof(const char *)
#define SETTING_SIZE_CUSTOM sizeof(const char *)

/* The offset of a field in a row of that type. */
#define SETTING_FIELD(type, structure, field)                                          \
	(offsetof(structure, field) + 0 * sizeof(struct {                              \
		_Static_assert(sizeof(((structure *)0)->field) == SETTING_SIZE_##type, \
			"the field has another type than its row");                    \
		int none;                                                              \
	}))

struct setting {
	const char *section; /* "gateway", or for [port NAME] "port" */
	const char *key;
	enum setting_type type;
	uint32_t min, max;
	const struct setting_choice *choices;
	const char *by_default; /* NULL: none */
	const char *help;
	size_t offset; /* of the field: SETTING_FIELD() */
};

/*
 * Reads one section of ini (NULL: all defaults) into the struct at base, by the n settings of a
 * table that belong to the section kind. An unknown key or a bad value is refused with file:line.
 */
int setting_read(const struct setting *table, size_t n, const char *kind, const struct ini *ini,
	const struct ini_section *section, void *base, struct error *error);

/* What takes effect for a key: the entry's value, or the default, or NULL. */
const char *setting_text(const struct setting *setting, const struct ini_section *section);

/* The items of a list that is written with commas between them. */
struct setting_list {
	char *text; /* all of them, cut up */
	char **item;
	unsigned int n;
};

/*
 * Splits a list of ini at its commas; of the items, blanks around them are left out. NULL is a list of
 * none. Returns 0 and a list to be given to setting_list_free(), or -EINVAL for want of memory.
 */
int setting_list_read(struct setting_list *ret_list, const struct ini *ini, const char *text,
	struct error *error);
void setting_list_free(struct setting_list *list);
