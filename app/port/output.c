/* SPDX-License-Identifier: BSD-3-Clause */
#include "port/output.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void
point_output(int to_stdout, int to_stderr)
{
	fflush(stdout);
	fflush(stderr);
	dup2(to_stdout, STDOUT_FILENO);
	dup2(to_stderr, STDERR_FILENO);
}

void
output_begin(struct output *output)
{
	output->text[0] = '\0';
	output->memory = memfd_create("output", MFD_CLOEXEC);
	output->saved[0] = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	output->saved[1] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	if (output->memory >= 0 && output->saved[0] >= 0 && output->saved[1] >= 0)
		point_output(output->memory, output->memory);
}

/* Writes all that was kept to stderr. */
static void
pass_on(int memory)
{
	char text[4096];
	off_t at = 0;
	ssize_t len;

	while ((len = pread(memory, text, sizeof(text), at)) > 0) {
		fwrite(text, 1, (size_t)len, stderr);
		at += len;
	}
	fflush(stderr);
}

void
output_end(struct output *output, bool success)
{
	ssize_t len;

	if (output->memory >= 0 && output->saved[0] >= 0 && output->saved[1] >= 0) {
		point_output(output->saved[0], output->saved[1]);
		len = pread(output->memory, output->text, sizeof(output->text) - 1, 0);
		output->text[len > 0 ? len : 0] = '\0';
		if (success)
			pass_on(output->memory);
	}
	for (int i = 0; i < 2; i++)
		if (output->saved[i] >= 0)
			close(output->saved[i]);
	if (output->memory >= 0)
		close(output->memory);
}

const char *
output_reason(struct output *output)
{
	static const char *const prefixes[] = { "EAL: ", "FATAL: ", "hellogate: " };
	char *line = output->text + strspn(output->text, "\n");

	line[strcspn(line, "\n")] = '\0';
	if (line[0] == '<' && line[1] != '\0' && line[2] == '>') /* its priority: log.c */
		line += 3;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (strncmp(line, prefixes[i], strlen(prefixes[i])) == 0)
			line += strlen(prefixes[i]);
	for (size_t len = strlen(line); len > 0 && strchr(". ", line[len - 1]) != NULL; len--)
		line[len - 1] = '\0';
	return line;
}
