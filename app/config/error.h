/* SPDX-License-Identifier: BSD-3-Clause */
/* One clear sentence for the operator, on its way up to main(). */
#pragma once

struct error {
	char text[1024];
};

/*
 * Fills the sentence, without "hellogate: " before and full stop behind it; returns -EINVAL. One that is too
 * long, as a value of the file is in it, ends with "...".
 */
int error_set(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
