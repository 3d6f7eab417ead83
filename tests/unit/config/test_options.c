/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "config/options.h"
#include "unit.h"

#define ARGS_MAX 16

/* Parses a command line given as words with a NULL behind them, the program's name left out. */
static int
parse(struct options *options, struct error *error, char *const words[])
{
	static char name[] = "hellogate";
	static char *argv[ARGS_MAX];
	int argc = 1;

	argv[0] = name;
	for (int i = 0; words[i] != NULL; i++)
		argv[argc++] = words[i];
	argv[argc] = NULL;
	return options_parse(options, argc, argv, error);
}

#define WORDS(...) ((char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static char c[] = "-c", file[] = "gateway.conf", check[] = "--check", version[] = "--version",
	    help[] = "--help", end[] = "--", memory[] = "-m", megabytes[] = "256";

static void
test_good(void **state)
{
	struct error error = { "" };
	struct options options;

	(void)state;
	assert_int_equal(parse(&options, &error, WORDS(c, file)), 0);
	assert_ptr_equal(options.config, file);
	assert_false(options.check || options.version || options.help);
	assert_int_equal(options.n_eal, 0);

	assert_int_equal(parse(&options, &error, WORDS(check, c, file)), 0);
	assert_ptr_equal(options.config, file);
	assert_true(options.check);

	assert_int_equal(parse(&options, &error, WORDS(version)), 0);
	assert_true(options.version);
	assert_null(options.config);
	assert_int_equal(parse(&options, &error, WORDS(help)), 0);
	assert_true(options.help);
}

static void
test_eal_options(void **state)
{
	struct error error = { "" };
	struct options options;

	(void)state;
	/* Behind --, our own options are EAL's, as is another --. */
	assert_int_equal(
		parse(&options, &error, WORDS(c, file, end, memory, megabytes, check, end, c)), 0);
	assert_ptr_equal(options.config, file);
	assert_false(options.check);
	assert_int_equal(options.n_eal, 5);
	assert_ptr_equal(options.eal[0], memory);
	assert_ptr_equal(options.eal[1], megabytes);
	assert_ptr_equal(options.eal[2], check);
	assert_ptr_equal(options.eal[3], end);
	assert_ptr_equal(options.eal[4], c);

	assert_int_equal(parse(&options, &error, WORDS(c, file, end)), 0);
	assert_int_equal(options.n_eal, 0);
}

static void
assert_refused(char *const words[], const char *expected)
{
	struct error error = { "" };
	struct options options, before;

	memset(&options, 0xa5, sizeof(options));
	before = options;
	assert_int_equal(parse(&options, &error, words), -EINVAL);
	assert_memory_equal(&options, &before, sizeof(options));
	if (strstr(error.text, expected) == NULL)
		fail_msg("expected %s..., not: %s", expected, error.text);
}

static void
test_refused(void **state)
{
	static char wrong[] = "--chekc", joined[] = "-cgateway.conf", dash[] = "-", empty[] = "",
		    equals[] = "--check=yes";

	(void)state;
	assert_refused(WORDS(), "-c FILE is missing");
	assert_refused(WORDS(check), "-c FILE is missing");
	assert_refused(WORDS(end, c, file), "-c FILE is missing");
	assert_refused(WORDS(c), "-c needs a FILE");
	assert_refused(WORDS(check, c), "-c needs a FILE");
	assert_refused(WORDS(c, file, c, file), "-c is given twice");
	assert_refused(WORDS(c, file, wrong), "unknown option --chekc");
	assert_refused(WORDS(wrong, c, file), "unknown option --chekc");
	assert_refused(WORDS(joined), "unknown option -cgateway.conf");
	assert_refused(WORDS(c, file, equals), "unknown option --check=yes");
	assert_refused(WORDS(c, file, dash), "unknown option -");
	assert_refused(WORDS(c, file, empty), "unknown option");
	assert_refused(WORDS(c, file, file), "unknown option gateway.conf");
	assert_refused(WORDS(c, file, memory, megabytes), "unknown option -m");
	assert_refused(WORDS(help, wrong), "unknown option --chekc");
}

/* What getopt_long() would take, and what it would make of it. */
static void
test_written_out(void **state)
{
	static char others[][16] = { "--c", "--check-", "--chec", "--v", "--vers", "--h", "--hel",
		"--helpp", "--help=", "--version=1", "-hc", "-hh", "-ch", "-c=x", "-C", "-V", "-v",
		"-check", "---", "--=", "-:", "-?", "-+" };

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		char expected[512];

		snprintf(expected, sizeof(expected), "unknown option %s: see hellogate --help",
			others[i]);
		assert_refused(WORDS(others[i]), expected);
		assert_refused(WORDS(c, file, others[i], check), expected);
		assert_refused(WORDS(help, others[i], c), expected);
	}
}

/* What -c takes is the next word, whatever it looks like. */
static void
test_any_file(void **state)
{
	static char empty[] = "", dash[] = "-";
	char *const files[] = { check, end, c, help, memory, empty, dash };
	struct error error = { "" };
	struct options options;

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		assert_int_equal(parse(&options, &error, WORDS(c, files[i], end, c)), 0);
		assert_ptr_equal(options.config, files[i]);
		assert_false(options.check || options.help);
		assert_int_equal(options.n_eal, 1);
	}
}

/* A FILE is named once; the others may be said again. */
static void
test_repeated(void **state)
{
	struct error error = { "" };
	struct options options;

	(void)state;
	assert_int_equal(parse(&options, &error, WORDS(check, c, file, check)), 0);
	assert_true(options.check);
	assert_int_equal(parse(&options, &error, WORDS(version, help, version, help)), 0);
	assert_true(options.version && options.help);
	assert_refused(WORDS(c, file, check, c, file), "option -c is given twice");
	assert_refused(WORDS(c, file, c), "option -c needs a FILE");
}

/* EAL looks for its options behind what is none, wherever our parsing ended: it begins with optind alone. */
static void
test_getopt_is_given_back(void **state)
{
	static char bundle[] = "-hhh", name[] = "eal", operand[] = "operand", m[] = "-m",
		    size[] = "64";
	static char *const before[][4] = { { c, file, end, check }, { c, file, operand, NULL },
		{ bundle, NULL, NULL, NULL }, { c, NULL, NULL, NULL }, { NULL, NULL, NULL, NULL } };
	static const struct option none[] = { { NULL, 0, NULL, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		char *argv[] = { name, operand, m, size, operand, NULL };
		struct error error;
		struct options options;

		parse(&options, &error,
			WORDS(before[i][0], before[i][1], before[i][2], before[i][3]));
		assert_int_equal(opterr, 1);
		optind = 1;
		assert_int_equal(getopt_long(5, argv, "m:", none, NULL), 'm');
		assert_ptr_equal(optarg, size);
		assert_int_equal(getopt_long(5, argv, "m:", none, NULL), -1);
		assert_int_equal(optind, 3);
	}
}

/* EAL would print, where nobody sees it, and end. */
static void
test_eal_prints(void **state)
{
	static char asks[][12] = { "-h", "-v", "-vh", "-vm1", "--help", "--hel", "--he",
		"--version", "--vers", "--ve", "--help=no" };
	static char others[][12] = { "-m", "-mhv", "-ahv", "-l0-3", "-rv", "--vdev=h", "--huge-dir",
		"--v", "--h", "--helper", "h", "-", "--no-huge" };
	struct error error = { "" };
	struct options options;

	(void)state;
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++)
		assert_refused(WORDS(c, file, end, memory, megabytes, asks[i]), asks[i]);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (parse(&options, &error, WORDS(c, file, end, others[i])) != 0)
			fail_msg("%s: %s", others[i], error.text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_eal_options),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_written_out),
		cmocka_unit_test(test_any_file),
		cmocka_unit_test(test_repeated),
		cmocka_unit_test(test_getopt_is_given_back),
		cmocka_unit_test(test_eal_prints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
