/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The folder that configurations of the fuzz target are in, with the files that they may name: server.pem
 * and other.pem with their keys, and three whose content an input may replace.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum config_file {
	CONFIG_MAIN,
	CONFIG_PROFILE,
	CONFIG_SECRET,
	CONFIG_PSK,
	CONFIG_AGAIN, /* what is printed of the first one; not for inputs */
	CONFIG_FILES,
};

/* Makes the folder; it is removed at exit. */
void config_files_open(void);

/*
 * Writes an input: the main file, and after a line "%%NAME" the file of that name. Files that are not
 * in it get their usual content.
 */
void config_files_write(const uint8_t *data, size_t size);
void config_files_write_one(enum config_file file, const void *bytes, size_t size);

const char *config_files_path(enum config_file file);

/* A line of what was written last, counted from 1, with *ret_len bytes; NULL if there are fewer. */
const char *config_files_line(enum config_file file, unsigned long line, size_t *ret_len);
