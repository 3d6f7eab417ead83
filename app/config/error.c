/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int
error_set(struct error *error, const char *format, ...)
{
	static const char cut[] = "...";
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	if (len >= (int)sizeof(error->text))
		memcpy(error->text + sizeof(error->text) - sizeof(cut), cut, sizeof(cut));
	return -EINVAL;
}
