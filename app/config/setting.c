/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/setting.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* Index of value in a '|' separated list, or -1. */
static int
find_choice(const char *choices, const char *value)
{
	size_t len = strlen(value);

	for (int i = 0;; i++) {
		size_t n = strcspn(choices, "|");

		if (n == len && memcmp(choices, value, n) == 0)
			return i;
		if (choices[n] == '\0')
			return -1;
		choices += n + 1;
	}
}

int
setting_list_read(struct setting_list *ret_list, const char *text)
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
		return -ENOMEM;
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
take(const struct setting *setting, const struct ini *ini, const struct ini_section *section,
	void *field, struct error *error)
{
	const char *key = setting->key, *value = setting_text(setting, section);
	uint64_t number;
	int choice;

	switch (setting->type) {
	case SETTING_INTEGER:
		if (hg_text_number(value, setting->min, setting->max, &number) != 0)
			return ini_blame(ini, section, key, error,
				"%s must be a number from %u to %u, not %s", key, setting->min,
				setting->max, value);
		*(uint32_t *)field = (uint32_t)number;
		return 0;
	case SETTING_CHOICE:
		choice = find_choice(setting->choices, value);
		if (choice < 0)
			return ini_blame(ini, section, key, error, "%s must be one of %s, not %s",
				key, setting->choices, value);
		*(unsigned int *)field = (unsigned int)choice;
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

		if (strcmp(setting->section, kind) != 0 || setting_text(setting, section) == NULL)
			continue;
		/* A default is in range, so what fails here stands in the file. */
		if (take(setting, ini, section, (char *)base + setting->offset, error) != 0)
			return -EINVAL;
	}
	return 0;
}
