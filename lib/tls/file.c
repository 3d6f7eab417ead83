/* SPDX-License-Identifier: BSD-3-Clause */
#include "tls/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

FILE *
hg_tls_file_open(const char *path, const char **ret_problem)
{
	/* Of use for a FIFO alone, which would not be opened before somebody writes to it. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;
	FILE *file;

	if (fd < 0 || fstat(fd, &status) != 0) {
		*ret_problem = strerror(errno);
	} else if (!S_ISREG(status.st_mode)) {
		*ret_problem =
			S_ISDIR(status.st_mode) ? "it is a directory" : "it is no regular file";
	} else {
		file = fdopen(fd, "re");
		if (file != NULL)
			return file;
		*ret_problem = strerror(errno);
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}
