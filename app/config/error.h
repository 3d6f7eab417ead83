/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One clear sentence for the operator, on its way up to main(). Whoever fills it returns -EINVAL, for want of
 * memory too: the sentence has the cause, and nobody asks the number.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

struct error {
	char text[1024];
};

/*
 * Fills the sentence, without "hellogate: " before and full stop behind it; returns -EINVAL. One that is too
 * long, as a value of the file is in it, ends with "...". No argument may be the text itself.
 */
int error_set(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same behind the first len characters, which are there already or, of a long text, have been cut. */
int error_set_behind(struct error *error, size_t len, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));
