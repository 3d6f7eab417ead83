/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/setting.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* NULL: there is none of that name. */
static const struct setting_choice *
find_choice(const struct setting_choice *choice, const char *name)
{
	while (choice->name != NULL && strcmp(choice->name, name) != 0)
		choice++;
	return choice->name != NULL ? choice : NULL;
}

/* "one|two|three" */
static void
list_choices(const struct setting_choice *choice, char *ret_text, size_t size)
{
	size_t len = 0;

	ret_text[0] = '\0';
	for (unsigned int i = 0; choice[i].name != NULL && len < size; i++)
		len += (size_t)snprintf(
			ret_text + len, size - len, "%s%s", i != 0 ? "|" : "", choice[i].name);
}

int
setting_list_read(
	struct setting_list *ret_list, const struct ini *ini, const char *text, struct error *error)
{
	struct setting_list list = { 0 };
	char *rest, *part;
	size_t most = 1;

	if (text == NULL) {
		*ret_list = list;
		return 0;
	}
	for (const char *p = text; *p != '\0'; p++)
		most += *p == ',';
	list.text = strdup(text);
	list.item = calloc(most, sizeof(*list.item));
	if (list.text == NULL || list.item == NULL) {
		setting_list_free(&list);
		return error_set(error, "no memory to read %s", ini->path);
	}
	rest = list.text;
	while ((part = strsep(&rest, ",")) != NULL) {
		size_t len;

		part += strspn(part, " \t");
		len = strlen(part);
		while (len > 0 && (part[len - 1] == ' ' || part[len - 1] == '\t'))
			part[--len] = '\0';
		list.item[list.n++] = part;
	}
	*ret_list = list;
	return 0;
}

void
setting_list_free(struct setting_list *list)
{
	free(list->text);
	free(list->item);
	*list = (struct setting_list){ 0 };
}

const char *
setting_text(const struct setting *setting, const struct ini_section *section)
{
	const struct ini_entry *entry = section != NULL ? ini_entry(section, setting->key) : NULL;

	return entry != NULL ? entry->value : setting->by_default;
}

static int
refuse_choice(const struct setting *setting, const char *value, const struct ini *ini,
	const struct ini_section *section, struct error *error)
{
	char names[256];

	list_choices(setting->choices, names, sizeof(names));
	return ini_blame(ini, section, setting->key, error, "%s must be one of %s, not %s",
		setting->key, names, value);
}

static int
take(const struct setting *setting, const char *value, const struct ini *ini,
	const struct ini_section *section, void *field, struct error *error)
{
	const struct setting_choice *choice = NULL;
	uint64_t number;

	if (setting->choices != NULL) {
		choice = find_choice(setting->choices, value);
		if (choice == NULL)
			return refuse_choice(setting, value, ini, section, error);
	}
	switch (setting->type) {
	case SETTING_INTEGER:
		if (hg_text_number(value, setting->min, setting->max, &number) != 0)
			return ini_blame(ini, section, setting->key, error,
				"%s must be a number from %u to %u, not %s", setting->key,
				setting->min, setting->max, value);
		*(uint32_t *)field = (uint32_t)number;
		return 0;
	case SETTING_CHOICE:
		*(unsigned int *)field = choice->value;
		return 0;
	case SETTING_FLAG:
		*(bool *)field = choice->value != 0;
		return 0;
	default:
		*(const char **)field = value;
		return 0;
	}
}

static const struct setting *
find(const struct setting *table, size_t n, const char *kind, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(table[i].section, kind) == 0 && strcmp(table[i].key, key) == 0)
			return &table[i];
	return NULL;
}

int
setting_read(const struct setting *table, size_t n, const char *kind, const struct ini *ini,
	const struct ini_section *section, void *base, struct error *error)
{
	for (unsigned int i = 0; section != NULL && i < section->n; i++)
		if (find(table, n, kind, section->entry[i].key) == NULL)
			return ini_blame(ini, section, section->entry[i].key, error,
				"unknown key %s in section [%s]", section->entry[i].key,
				section->name);
	for (size_t i = 0; i < n; i++) {
		const struct setting *setting = &table[i];
		const char *value = setting_text(setting, section);

		if (strcmp(setting->section, kind) != 0 || value == NULL)
			continue;
		/* A default is in range, so what fails here stands in the file. */
		if (take(setting, value, ini, section, (char *)base + setting->offset, error) != 0)
			return -EINVAL;
	}
	return 0;
}
