/* SPDX-License-Identifier: BSD-3-Clause */
/* A directory of temporary files, gone when it is closed. */
#pragma once

#include <stddef.h>

struct scratch {
	char directory[256];
	char **path; /* every name handed out, freed with the directory */
	size_t n;
};

/* Both fail the test if they cannot do it. */
void scratch_open(struct scratch *scratch);
void scratch_close(struct scratch *scratch);

/* The path of a file, which need not exist, in the directory; valid until that is closed. */
const char *scratch_path(struct scratch *scratch, const char *name);

/* Writes a file and returns its path. */
const char *scratch_write(struct scratch *scratch, const char *name, const void *bytes, size_t len);
const char *scratch_text(struct scratch *scratch, const char *name, const char *text);

/* One that the tests of a group share. */
extern struct scratch scratch_group;
int scratch_group_open(void **state);
int scratch_group_close(void **state);
