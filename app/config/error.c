/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int
error_set(struct error *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error_set_behind(error, 0, format, args);
	va_end(args);
	return -EINVAL;
}

int
error_set_behind(struct error *error, size_t len, const char *format, va_list args)
{
	static const char cut[] = "...";
	size_t room = len < sizeof(error->text) ? sizeof(error->text) - len : 0;

	if (room == 0 || vsnprintf(error->text + len, room, format, args) >= (int)room)
		memcpy(error->text + sizeof(error->text) - sizeof(cut), cut, sizeof(cut));
	return -EINVAL;
}
