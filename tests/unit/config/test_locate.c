/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/locate.h"
#include "scratch.h"
#include "unit.h"

static void
test_directory(void **state)
{
	static const struct {
		const char *file, *directory;
	} cases[] = {
		{ "gateway.conf", "." },
		{ "etc/gateway.conf", "etc" },
		{ "./gateway.conf", "." },
		{ "../gateway.conf", ".." },
		{ "/gateway.conf", "/" },
		{ "/etc/gateway.conf", "/etc" },
		{ "/etc/hellogate/gateway.conf", "/etc/hellogate" },
		{ "", "." },
	};
	char directory[PATH_MAX];

	(void)state;
	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(directory, 0xee, sizeof(directory));
		locate_directory(directory, cases[i].file);
		assert_string_equal(directory, cases[i].directory);
	}
}

static void
assert_resolved(const char *directory, const char *name, const char *expected)
{
	char path[PATH_MAX];

	memset(path, 0xee, sizeof(path));
	locate_resolve(path, directory, name);
	assert_string_equal(path, expected);
}

static void
test_resolve(void **state)
{
	const char *subdirectory = scratch_path(&scratch_group, "etc"), *there, *only_here;

	(void)state;
	assert_int_equal(mkdir(subdirectory, 0700), 0);
	there = scratch_text(&scratch_group, "etc/there", "x");
	scratch_text(&scratch_group, "there", "another");
	only_here = scratch_text(&scratch_group, "here", "x");
	assert_int_equal(chdir(scratch_group.directory), 0);
	assert_resolved(subdirectory, "there", there); /* goes before the working directory's */
	assert_resolved(subdirectory, "here", "here");
	assert_resolved(subdirectory, "nowhere", "nowhere");
	assert_resolved(subdirectory, only_here, only_here);
	assert_resolved(subdirectory, "/nowhere/at/all", "/nowhere/at/all");
	assert_resolved("etc", "there", "etc/there");
	assert_int_equal(chdir("/"), 0);
}

/* Names too long to be joined stay within the buffer. */
static void
test_long_names(void **state)
{
	char name[2 * PATH_MAX], path[PATH_MAX];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	locate_resolve(path, scratch_group.directory, name);
	assert_true(strlen(path) < PATH_MAX);
	locate_directory(path, name);
	assert_true(strlen(path) < PATH_MAX);
	assert_int_equal(locate_profile(path, name), -ENOENT);
}

static void
test_profiles(void **state)
{
	char path[PATH_MAX], expected[PATH_MAX];

	(void)state;
	assert_non_null(getenv("HG_PROFILES"));
	snprintf(expected, sizeof(expected), "%s/net_tap.ini", getenv("HG_PROFILES"));
	assert_int_equal(locate_profile(path, "net_tap"), 0);
	assert_string_equal(path, expected);
	assert_int_equal(locate_profile(path, "no-such-driver"), -ENOENT);
	assert_int_equal(locate_profile(path, ""), -ENOENT);
	/* Only names of profiles, no way to other files. */
	assert_int_equal(locate_profile(path, "../pmd-config/net_tap"), -ENOENT);
	assert_int_equal(locate_profile(path, "/net_tap"), -ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_directory),
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_profiles),
	};

	return cmocka_run_group_tests(tests, scratch_group_open, scratch_group_close);
}
