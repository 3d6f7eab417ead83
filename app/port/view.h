/* SPDX-License-Identifier: BSD-3-Clause */
/* What /sys, /proc and /dev say of this host. All paths are given without the root and its slash. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define VIEW_TEXT 256u

struct view {
	const char *root; /* "" but in tests */
	FILE *to;
};

bool view_exists(const struct view *view, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A number in decimal or with 0x, or -1. */
int64_t view_number(const struct view *view, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The first line; false: there is none. */
bool view_line(const struct view *view, char text[VIEW_TEXT], const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* What follows the name and the blanks behind it, in the first line of a file that begins with it. */
bool view_field(const struct view *view, char text[VIEW_TEXT], const char *path, const char *name);

/* The last part of what a symbolic link points to; "": there is none. */
void view_link(const struct view *view, char text[VIEW_TEXT], const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Calls take(arg, name) for what a directory contains. */
void view_each(const struct view *view, void (*take)(void *arg, const char *name), void *arg,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* One finding, as a comment of a configuration file. */
void view_has(const struct view *view, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void view_lacks(const struct view *view, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
