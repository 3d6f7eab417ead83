/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening what a configuration names. */
#pragma once

#include <stdio.h>

/*
 * Opens a regular file for reading. Nothing else is: a FIFO would be waited for, for good and by the thread that
 * keeps the clock, and a device may never end. Returns NULL with *ret_problem, in words and valid until the next
 * call, if that is not possible.
 */
FILE *hg_tls_file_open(const char *path, const char **ret_problem);
