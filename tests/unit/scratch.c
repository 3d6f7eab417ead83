/* SPDX-License-Identifier: BSD-3-Clause */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scratch.h"
#include "unit.h"

struct scratch scratch_group;

void
scratch_open(struct scratch *scratch)
{
	const char *parent = getenv("TMPDIR");

	*scratch = (struct scratch){ 0 };
	snprintf(scratch->directory, sizeof(scratch->directory), "%s/hellogate-unit-XXXXXX",
		parent != NULL ? parent : "/tmp");
	assert_non_null(mkdtemp(scratch->directory));
}

static int
remove_one(const char *path, const struct stat *stat, int type, struct FTW *place)
{
	(void)stat;
	(void)type;
	(void)place;
	return remove(path);
}

void
scratch_close(struct scratch *scratch)
{
	assert_int_equal(nftw(scratch->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	for (size_t i = 0; i < scratch->n; i++)
		free(scratch->path[i]);
	free(scratch->path);
	*scratch = (struct scratch){ 0 };
}

const char *
scratch_path(struct scratch *scratch, const char *name)
{
	char **grown = realloc(scratch->path, (scratch->n + 1) * sizeof(*grown));
	char *path = NULL;

	assert_non_null(grown);
	assert_true(asprintf(&path, "%s/%s", scratch->directory, name) > 0);
	scratch->path = grown;
	scratch->path[scratch->n++] = path;
	return path;
}

const char *
scratch_write(struct scratch *scratch, const char *name, const void *bytes, size_t len)
{
	const char *path = scratch_path(scratch, name);
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	return path;
}

const char *
scratch_text(struct scratch *scratch, const char *name, const char *text)
{
	return scratch_write(scratch, name, text, strlen(text));
}

int
scratch_group_open(void **state)
{
	(void)state;
	scratch_open(&scratch_group);
	return 0;
}

int
scratch_group_close(void **state)
{
	(void)state;
	scratch_close(&scratch_group);
	return 0;
}
