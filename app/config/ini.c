/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/ini.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/file.h"

#define COMMENT ';'
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* What looks like a blank, or like nothing, in an editor: U+00A0, U+200B, U+2060, U+FEFF. */
static const char *const invisible[] = { "\xc2\xa0", "\xe2\x80\x8b", "\xe2\x81\xa0",
	BYTE_ORDER_MARK };

static const char no_memory[] = "does not fit in memory";

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

/* Cuts the line at its comment; a ';' behind a backslash begins none, and loses the backslash. */
static void
cut_comment(char *line)
{
	char *to = line;

	for (const char *p = line; *p != '\0' && *p != COMMENT; p++) {
		if (p[0] == '\\' && p[1] == COMMENT)
			p++;
		*to++ = *p;
	}
	*to = '\0';
}

/* Returns NULL, or what is wrong with the characters of a line. */
static const char *
look_at_characters(const char *line)
{
	for (const char *p = line; *p != '\0'; p++)
		if (iscntrl((unsigned char)*p) && *p != '\t')
			return "holds a control character";
	for (size_t i = 0; i < sizeof(invisible) / sizeof(invisible[0]); i++)
		if (strstr(line, invisible[i]) != NULL)
			return "holds a character that cannot be seen, like a no-break space";
	return NULL;
}

static const char *
add_section(struct ini *ini, char *text, unsigned int number)
{
	char *end = strchr(text, ']'), *name = text + 1;
	struct ini_section *grown;

	if (end == NULL || end[1] != '\0')
		return "is not a [section]";
	*end = '\0';
	name = strip(name);
	if (*name == '\0' || strlen(name) > INI_NAME_MAX)
		return "has a section name of no or more than 63 characters";
	grown = realloc(ini->section, (ini->n + 1) * sizeof(*grown));
	if (grown == NULL)
		return no_memory;
	ini->section = grown;
	grown[ini->n++] = (struct ini_section){ .name = name, .line = number };
	return NULL;
}

static const char *
add_entry(struct ini *ini, char *text, unsigned int number)
{
	struct ini_section *section = ini->n != 0 ? &ini->section[ini->n - 1] : NULL;
	char *equals = strchr(text, '='), *key, *value;
	struct ini_entry *grown;

	if (equals == NULL)
		return text[0] == '#' ? "begins with #: comments begin with ;"
				      : "is neither [section] nor key = value";
	if (section == NULL)
		return "comes before the first [section]";
	*equals = '\0';
	key = strip(text);
	value = strip(equals + 1);
	if (*key == '\0')
		return "has no key before the =";
	if (strlen(key) > INI_NAME_MAX)
		return "has a key of more than 63 characters";
	if (*value == '\0')
		return "has no value behind the =";
	if (*key == '#' || strstr(value, " #") != NULL || strstr(value, "\t#") != NULL)
		return "has a # where a comment would begin with ;";
	grown = realloc(section->entry, (section->n + 1) * sizeof(*grown));
	if (grown == NULL)
		return no_memory;
	section->entry = grown;
	grown[section->n++] = (struct ini_entry){ .key = key, .value = value, .line = number };
	return NULL;
}

/* Takes a line of len characters, in place. Returns NULL, or what is wrong with it. */
static const char *
take_line(struct ini *ini, char *line, size_t len, unsigned int number)
{
	const char *problem;
	char *text;

	if (strlen(line) != len)
		return "holds a zero byte";
	if (len > 0 && line[len - 1] == '\r')
		line[--len] = '\0';
	cut_comment(line);
	problem = look_at_characters(line);
	if (problem != NULL)
		return problem;
	text = strip(line);
	if (*text == '\0')
		return NULL;
	return *text == '[' ? add_section(ini, text, number) : add_entry(ini, text, number);
}

/* Cuts the text of the file into its lines. */
static int
take_lines(struct ini *ini, size_t size, struct error *error)
{
	char *line = ini->text, *last = ini->text + size;
	const char *problem = NULL;
	unsigned int number = 0;

	/* Some editors put one before the text. */
	if (size >= strlen(BYTE_ORDER_MARK) &&
		memcmp(line, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
		line += strlen(BYTE_ORDER_MARK);
	while (problem == NULL && line < last) {
		char *end = memchr(line, '\n', (size_t)(last - line));

		if (end == NULL)
			end = last;
		*end = '\0';
		problem = take_line(ini, line, (size_t)(end - line), ++number);
		line = end + 1;
	}
	if (problem == NULL)
		return 0;
	return error_set(error, "%s:%u: this line %s", ini->path, number, problem);
}

/* Reads the whole file, with room for one zero byte behind it. */
static int
read_file(struct ini *ini, size_t *ret_size, struct error *error)
{
	const char *problem;
	FILE *file = hg_tls_file_open(ini->path, &problem);
	int err = 0;

	if (file == NULL)
		return error_set(error, "cannot read %s: %s", ini->path, problem);
	ini->text = malloc(INI_FILE_MAX + 1);
	if (ini->text == NULL) {
		err = error_set(error, "no memory to read %s", ini->path);
	} else {
		*ret_size = fread(ini->text, 1, INI_FILE_MAX + 1, file);
		if (ferror(file) != 0)
			err = error_set(error, "cannot read %s: %m", ini->path);
		else if (*ret_size > INI_FILE_MAX)
			err = error_set(error, "%s is larger than 1 MB", ini->path);
	}
	fclose(file);
	if (err == 0) {
		char *fitting = realloc(ini->text, *ret_size + 1);

		if (fitting != NULL)
			ini->text = fitting;
	}
	return err;
}

static int
find_duplicates(const struct ini *ini, struct error *error)
{
	for (unsigned int i = 0; i < ini->n; i++) {
		const struct ini_section *section = &ini->section[i];
		const struct ini_section *first = ini_section(ini, section->name);

		if (first != NULL && first != section)
			return ini_blame(ini, section, NULL, error,
				"section [%s] is there already, in line %u", section->name,
				first->line);
		for (unsigned int j = 0; j < section->n; j++) {
			const struct ini_entry *entry = ini_entry(section, section->entry[j].key);

			if (entry != NULL && entry != &section->entry[j])
				return error_set(error, "%s:%u: key %s is set already, in line %u",
					ini->path, section->entry[j].line, entry->key, entry->line);
		}
	}
	return 0;
}

int
ini_load(struct ini **ret_ini, const char *path, struct error *error)
{
	struct ini *ini = calloc(1, sizeof(*ini));
	size_t size = 0;
	int err;

	if (ini == NULL)
		return error_set(error, "no memory to read %s", path);
	snprintf(ini->path, sizeof(ini->path), "%s", path);
	err = read_file(ini, &size, error);
	if (err == 0)
		err = take_lines(ini, size, error);
	if (err == 0)
		err = find_duplicates(ini, error);
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
	for (unsigned int i = 0; i < ini->n; i++)
		free(ini->section[i].entry);
	free(ini->section);
	free(ini->text);
	free(ini);
}

int
ini_blame(const struct ini *ini, const struct ini_section *section, const char *key,
	struct error *error, const char *format, ...)
{
	const struct ini_entry *entry =
		section != NULL && key != NULL ? ini_entry(section, key) : NULL;
	va_list args;
	int len;

	if (section == NULL)
		len = snprintf(error->text, sizeof(error->text), "%s: ", ini->path);
	else
		len = snprintf(error->text, sizeof(error->text), "%s:%u: ", ini->path,
			entry != NULL ? entry->line : section->line);
	va_start(args, format);
	error_set_behind(error, (size_t)len, format, args);
	va_end(args);
	return -EINVAL;
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
