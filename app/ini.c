/* SPDX-License-Identifier: BSD-3-Clause */
#include "ini.h"

#include <rte_cfgfile.h>

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_LEN 320u /* rte_cfgfile's own line buffer is a little longer */

_Static_assert(sizeof(((struct ini *)0)->names[0]) == CFG_NAME_LEN, "as long as rte_cfgfile's");

/* Line numbers in the order of the file, which is rte_cfgfile's order too. */
struct lines {
	unsigned int *section;
	unsigned int n_sections;
	unsigned int *entry;
	unsigned int n_entries;
};

static bool
push(unsigned int **list, unsigned int *n, unsigned int number)
{
	unsigned int *grown = realloc(*list, (*n + 1) * sizeof(*grown));

	if (grown == NULL)
		return false;
	*list = grown;
	grown[(*n)++] = number;
	return true;
}

static char *
strip(char *text)
{
	size_t n;

	while (isspace((unsigned char)*text))
		text++;
	n = strlen(text);
	while (n > 0 && isspace((unsigned char)text[n - 1]))
		text[--n] = '\0';
	return text;
}

/*
 * Cuts the line at a comment, as rte_cfgfile does: at the first ';' unless a backslash precedes it.
 */
static void
cut_comment(char *line)
{
	char *comment = strchr(line, CFG_DEFAULT_COMMENT_CHARACTER);

	if (comment != NULL && (comment == line || comment[-1] != '\\'))
		*comment = '\0';
}

static const char *
scan_entry(char *text, struct lines *lines, unsigned int number)
{
	char *equals = strchr(text, '=');

	if (equals == NULL)
		return "is neither [section] nor key = value";
	if (lines->n_sections == 0)
		return "comes before the first [section]";
	*equals = '\0';
	if (strlen(strip(text)) == 0)
		return "has no key before the =";
	if (strlen(strip(text)) >= CFG_NAME_LEN)
		return "has a key of more than 63 characters";
	if (strlen(strip(equals + 1)) == 0)
		return "has no value behind the =";
	if (strlen(strip(equals + 1)) >= CFG_VALUE_LEN)
		return "has a value of more than 255 characters";
	return push(&lines->entry, &lines->n_entries, number) ? NULL : "does not fit in memory";
}

/* Returns NULL, or what is wrong with the line. */
static const char *
scan_line(char *line, struct lines *lines, unsigned int number)
{
	size_t len = strcspn(line, "\n");
	char *text, *end;

	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len > LINE_MAX_LEN)
		return "is longer than 320 characters";
	cut_comment(line);
	text = strip(line);
	if (*text == '\0')
		return NULL;
	if (*text != '[')
		return scan_entry(text, lines, number);
	end = strchr(text, ']');
	if (end == NULL || end[1] != '\0')
		return "is not a [section]";
	*end = '\0';
	if (strlen(text + 1) >= CFG_NAME_LEN || strlen(strip(text + 1)) == 0)
		return "has a section name of no or more than 63 characters";
	return push(&lines->section, &lines->n_sections, number) ? NULL : "does not fit in memory";
}

static int
scan(const char *path, struct lines *lines, struct error *error)
{
	const char *problem = NULL;
	unsigned int number = 0;
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	FILE *file = fopen(path, "re");

	if (file == NULL)
		return error_set(error, "cannot read %s: %m", path);
	while (problem == NULL && (len = getline(&line, &size, file)) >= 0) {
		number++;
		problem = strlen(line) != (size_t)len ? "holds a zero byte"
						      : scan_line(line, lines, number);
	}
	if (problem == NULL && ferror(file) != 0) {
		error_set(error, "cannot read %s: %m", path);
		problem = error->text;
	} else if (problem != NULL) {
		error_set(error, "%s:%u: this line %s", path, number, problem);
	}
	free(line);
	fclose(file);
	return problem == NULL ? 0 : -EINVAL;
}

static int
find_duplicates(const struct ini *ini, struct error *error)
{
	for (unsigned int i = 0; i < ini->n; i++) {
		const struct ini_section *section = &ini->section[i];
		const struct ini_section *first = ini_section(ini, section->name);

		if (first != NULL && first != section)
			return error_set(error, "%s:%u: section [%s] is there already, in line %u",
				ini->path, section->line, section->name, first->line);
		for (unsigned int j = 0; j < section->n; j++) {
			const struct ini_entry *entry = ini_entry(section, section->entry[j].key);

			if (entry != NULL && entry != &section->entry[j])
				return error_set(error, "%s:%u: key %s is set already, in line %u",
					ini->path, section->entry[j].line, entry->key, entry->line);
		}
	}
	return 0;
}

/* Takes over what rte_cfgfile read, one section after the other. */
static int
fill(struct ini *ini, struct rte_cfgfile *file, const struct lines *lines)
{
	unsigned int at = 0;

	ini->n = lines->n_sections;
	ini->section = calloc(ini->n + 1, sizeof(*ini->section));
	ini->names = calloc(ini->n + 1, sizeof(*ini->names));
	ini->storage = calloc(lines->n_entries + 1, sizeof(*ini->storage));
	if (ini->section == NULL || ini->names == NULL || ini->storage == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < ini->n; i++) {
		struct ini_section *section = &ini->section[i];
		int n = rte_cfgfile_section_num_entries_by_index(file, ini->names[i], (int)i);

		if (n < 0 || at + (unsigned int)n > lines->n_entries)
			return -EINVAL;
		section->name = ini->names[i];
		section->line = lines->section[i];
		section->n = (unsigned int)n;
		section->entry = calloc(section->n + 1, sizeof(*section->entry));
		if (section->entry == NULL)
			return -ENOMEM;
		rte_cfgfile_section_entries_by_index(
			file, (int)i, ini->names[i], ini->storage + at, n);
		for (unsigned int j = 0; j < section->n; j++, at++)
			section->entry[j] = (struct ini_entry){
				.key = ini->storage[at].name,
				.value = ini->storage[at].value,
				.line = lines->entry[at],
			};
	}
	return at == lines->n_entries ? 0 : -EINVAL;
}

int
ini_load(struct ini **ret_ini, const char *path, struct error *error)
{
	struct rte_cfgfile *file = NULL;
	struct lines lines = { 0 };
	struct ini *ini = calloc(1, sizeof(*ini));
	int err;

	if (ini == NULL)
		return error_set(error, "no memory to read %s", path);
	snprintf(ini->path, sizeof(ini->path), "%s", path);
	err = scan(path, &lines, error);
	if (err != 0)
		goto out;
	file = rte_cfgfile_load(path, 0);
	if (file == NULL || rte_cfgfile_num_sections(file, NULL, 0) != (int)lines.n_sections ||
		fill(ini, file, &lines) != 0) {
		err = error_set(error, "cannot read %s as an INI file", path);
		goto out;
	}
	err = find_duplicates(ini, error);
out:
	if (file != NULL)
		rte_cfgfile_close(file);
	free(lines.section);
	free(lines.entry);
	if (err != 0)
		ini_free(ini);
	else
		*ret_ini = ini;
	return err;
}

void
ini_free(struct ini *ini)
{
	if (ini == NULL)
		return;
	for (unsigned int i = 0; ini->section != NULL && i < ini->n; i++)
		free(ini->section[i].entry);
	free(ini->section);
	free(ini->names);
	free(ini->storage);
	free(ini);
}

const struct ini_section *
ini_section(const struct ini *ini, const char *name)
{
	for (unsigned int i = 0; i < ini->n; i++)
		if (strcmp(ini->section[i].name, name) == 0)
			return &ini->section[i];
	return NULL;
}

const struct ini_entry *
ini_entry(const struct ini_section *section, const char *key)
{
	for (unsigned int i = 0; i < section->n; i++)
		if (strcmp(section->entry[i].key, key) == 0)
			return &section->entry[i];
	return NULL;
}
