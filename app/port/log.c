/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/log.h"

#include <rte_common.h>
#include <rte_log.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* systemd.exec(5): device and inode of what the journal reads. It may have been another's stderr. */
static bool
is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uint64_t device, inode;
	struct stat status;

	return stream != NULL && sscanf(stream, "%" SCNu64 ":%" SCNu64, &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device &&
	       status.st_ino == inode;
}

/* sd-daemon(3): a line for the journal begins with its priority, which is that of syslog(3). */
static ssize_t
write_to_journal(void *cookie, const char *text, size_t len)
{
	uint32_t level = (uint32_t)rte_log_cur_msg_loglevel();
	char priority[] = { '<', (char)('0' + RTE_MIN(level, RTE_LOG_DEBUG) - 1), '>' };
	const struct iovec part[] = {
		{ priority, sizeof(priority) },
		{ (void *)(uintptr_t)text, len },
	};

	(void)cookie;
	return writev(STDERR_FILENO, part, RTE_DIM(part)) >= 0 ? (ssize_t)len : 0;
}

void
log_open(void)
{
	const cookie_io_functions_t journal = { .write = write_to_journal };
	FILE *stream = is_journal() ? fopencookie(NULL, "w", journal) : NULL;

	/* DPDK's own stream would tell all of it to syslog a second time. */
	rte_openlog_stream(stream != NULL ? stream : stderr);
}

void
log_refusal(const char *sentence)
{
	fprintf(stderr, "%shellogate: %s\n", is_journal() ? "<3>" : "", sentence);
}
