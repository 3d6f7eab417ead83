/* SPDX-License-Identifier: BSD-3-Clause */
/* What becomes of words on stdout and stderr that are kept back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "port/output.h"
#include "unit.h"

#define LONG (20u * 4096 + 7)

static int kept, of_stderr;
static char text[2 * LONG];

/* stderr goes to a file of ours meanwhile; stdout is what cmocka writes to. */
static int
begin(void **state)
{
	(void)state;
	fflush(stderr);
	kept = memfd_create("stderr", MFD_CLOEXEC);
	of_stderr = dup(STDERR_FILENO);
	assert_true(kept >= 0 && of_stderr >= 0);
	return dup2(kept, STDERR_FILENO) < 0;
}

static int
end(void **state)
{
	(void)state;
	fflush(stderr);
	dup2(of_stderr, STDERR_FILENO);
	close(of_stderr);
	close(kept);
	return 0;
}

/* What has come to stderr. */
static const char *
read_stderr(void)
{
	ssize_t len;

	fflush(stderr);
	len = pread(kept, text, sizeof(text) - 1, 0);
	assert_true(len >= 0);
	text[len] = '\0';
	return text;
}

/* However much it is, of either stream, and in its order. */
static void
test_success_passes_all_on(void **state)
{
	struct output output;
	static char line[LONG + 1];
	const char *told;

	(void)state;
	memset(line, 'x', LONG);
	output_begin(&output);
	fputs("first\n", stderr);
	fflush(stderr);
	fputs(line, stdout);
	fflush(stdout);
	fputs("\nlast\n", stderr);
	assert_string_equal(read_stderr(), "");
	output_end(&output, true);
	told = read_stderr();
	assert_int_equal(strlen(told), strlen("first\n") + LONG + strlen("\nlast\n"));
	assert_memory_equal(told, "first\nx", 7);
	assert_string_equal(told + strlen(told) - 7, "x\nlast\n");
}

static void
test_failure_is_one_reason(void **state)
{
	struct output output;

	(void)state;
	output_begin(&output);
	fputs("\nEAL: no such thing. \nand a page more\n", stderr);
	output_end(&output, false);
	assert_string_equal(read_stderr(), "");
	assert_string_equal(output_reason(&output), "no such thing");
	fputs("again", stderr);
	assert_string_equal(read_stderr(), "again");
}

static void
test_reasons(void **state)
{
	static const char *const told[][2] = {
		{ "", "" },
		{ "<3>hellogate: port wan: link down\n", "port wan: link down" },
		{ "FATAL: out of memory...", "out of memory" },
		{ "plain", "plain" },
		{ "<3", "<3" },
		{ " . .\n", "" },
	};
	struct output output;

	(void)state;
	for (unsigned int i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
		output_begin(&output);
		fputs(told[i][0], stdout);
		output_end(&output, false);
		assert_string_equal(output_reason(&output), told[i][1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_success_passes_all_on, begin, end),
		cmocka_unit_test_setup_teardown(test_failure_is_one_reason, begin, end),
		cmocka_unit_test_setup_teardown(test_reasons, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
