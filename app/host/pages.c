/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/pages.h"

#include <inttypes.h>
#include <stdio.h>

struct sum {
	const struct view *view;
	const char *folder, *file;
	uint64_t mb;
};

static void
add(void *arg, const char *name)
{
	struct sum *sum = arg;
	uint64_t kb;
	int64_t n;

	if (sscanf(name, "hugepages-%" SCNu64 "kB", &kb) != 1)
		return;
	n = view_number(sum->view, "%s/%s/%s", sum->folder, name, sum->file);
	sum->mb += n > 0 ? (uint64_t)n * kb / 1024 : 0;
}

uint64_t
pages_mb(const struct view *view, const char *folder, const char *file)
{
	struct sum sum = { .view = view, .folder = folder, .file = file };

	view_each(view, add, &sum, "%s", folder);
	return sum.mb;
}
