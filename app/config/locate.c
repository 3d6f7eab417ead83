/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/locate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
locate_resolve(char ret_path[PATH_MAX], const char *directory, const char *name)
{
	if (name[0] != '/' && snprintf(ret_path, PATH_MAX, "%s/%s", directory, name) < PATH_MAX &&
		access(ret_path, F_OK) == 0)
		return;
	snprintf(ret_path, PATH_MAX, "%s", name);
}

void
locate_directory(char ret_directory[PATH_MAX], const char *file)
{
	char *slash;

	snprintf(ret_directory, PATH_MAX, "%s", file);
	slash = strrchr(ret_directory, '/');
	if (slash == NULL)
		snprintf(ret_directory, PATH_MAX, ".");
	else
		slash[slash == ret_directory ? 1 : 0] = '\0';
}

int
locate_profile(char ret_path[PATH_MAX], const char *name)
{
	/* Relative to the executable: PREFIX/bin, and build/app. */
	static const char *const places[] = {
		"../share/hellogate/pmd-config",
		"../../pmd-config",
	};
	char self[PATH_MAX], directory[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (strchr(name, '/') != NULL)
		return -ENOENT;
	snprintf(ret_path, PATH_MAX, HG_PROFILE_DIR "/%s.ini", name);
	if (access(ret_path, F_OK) == 0)
		return 0;
	if (len < 0)
		return -ENOENT;
	self[len] = '\0';
	locate_directory(directory, self);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (snprintf(ret_path, PATH_MAX, "%s/%s/%s.ini", directory, places[i], name) <
				PATH_MAX &&
			access(ret_path, F_OK) == 0)
			return 0;
	return -ENOENT;
}
