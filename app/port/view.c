/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/view.h"

#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_LEN 300u /* a comment must not be longer than what a configuration may hold */

static void __attribute__((format(printf, 3, 0)))
place(const struct view *view, char path[PATH_MAX], const char *format, va_list args)
{
	int n = snprintf(path, PATH_MAX, "%s/", view->root);

	vsnprintf(path + n, PATH_MAX - (size_t)n, format, args);
}

#define PLACE(view, path, format)                      \
	do {                                           \
		va_list args;                          \
                                                       \
		va_start(args, format);                \
		place((view), (path), (format), args); \
		va_end(args);                          \
	} while (0)

static bool
read_line(const char *path, char text[VIEW_TEXT])
{
	FILE *file = fopen(path, "re");
	bool found;

	if (file == NULL)
		return false;
	found = fgets(text, VIEW_TEXT, file) != NULL;
	fclose(file);
	if (found)
		text[strcspn(text, "\n")] = '\0';
	return found;
}

bool
view_exists(const struct view *view, const char *format, ...)
{
	char path[PATH_MAX];

	PLACE(view, path, format);
	return access(path, F_OK) == 0;
}

int64_t
view_number(const struct view *view, const char *format, ...)
{
	char path[PATH_MAX], text[VIEW_TEXT], *end;
	int64_t number;

	PLACE(view, path, format);
	if (!read_line(path, text))
		return -1;
	number = strtoll(text, &end, 0);
	return end != text ? number : -1;
}

bool
view_line(const struct view *view, char text[VIEW_TEXT], const char *format, ...)
{
	char path[PATH_MAX];

	PLACE(view, path, format);
	return read_line(path, text);
}

bool
view_field(const struct view *view, char text[VIEW_TEXT], const char *path, const char *name)
{
	char full[PATH_MAX], line[VIEW_TEXT];
	bool found = false;
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", view->root, path);
	file = fopen(full, "re");
	if (file == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), file) != NULL)
		found = strncmp(line, name, strlen(name)) == 0;
	fclose(file);
	if (!found)
		return false;
	line[strcspn(line, "\n")] = '\0';
	strcpy(text, line + strlen(name) + strspn(line + strlen(name), " \t"));
	return true;
}

void
view_link(const struct view *view, char text[VIEW_TEXT], const char *format, ...)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *last;
	ssize_t n;

	PLACE(view, path, format);
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	last = strrchr(target, '/');
	snprintf(text, VIEW_TEXT, "%.*s", (int)VIEW_TEXT - 1, last != NULL ? last + 1 : target);
}

void
view_each(const struct view *view, void (*take)(void *arg, const char *name), void *arg,
	const char *format, ...)
{
	const struct dirent *entry;
	char path[PATH_MAX];
	DIR *directory;

	PLACE(view, path, format);
	directory = opendir(path);
	if (directory == NULL)
		return;
	while ((entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.')
			take(arg, entry->d_name);
	closedir(directory);
}

static void __attribute__((format(printf, 3, 0)))
tell(const struct view *view, const char *kind, const char *format, va_list args)
{
	char text[LINE_MAX_LEN];

	vsnprintf(text, sizeof(text), format, args);
	fprintf(view->to, "; host: %s %s\n", kind, text);
}

void
view_has(const struct view *view, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(view, "has", format, args);
	va_end(args);
}

void
view_lacks(const struct view *view, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(view, "lacks", format, args);
	va_end(args);
}
