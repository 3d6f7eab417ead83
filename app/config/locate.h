/* SPDX-License-Identifier: BSD-3-Clause */
/* Where files are that a configuration names. */
#pragma once

#include <limits.h>

/*
 * An absolute name is taken as it is; a relative one is looked for in directory, and if there is no
 * such file, in the working directory.
 */
void locate_resolve(char ret_path[PATH_MAX], const char *directory, const char *name);

/* The directory part of a file's name, "." if it has none. */
void locate_directory(char ret_directory[PATH_MAX], const char *file);

/* An installed profile, or beside a build tree the one in the source. Returns 0 or -ENOENT. */
int locate_profile(char ret_path[PATH_MAX], const char *name);
