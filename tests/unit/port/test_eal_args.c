/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_texts.h"
#include "port/eal_args.h"
#include "scratch.h"
#include "unit.h"

#define WORDS_MAX 16

/* Profiles with these EAL options, NULL for none, of the ports wan and lan. */
static struct config *
configure(const char *wan, const char *lan)
{
	static char text[4096];
	char profile[1024];
	const char *options[] = { wan, lan };

	for (unsigned int i = 0; i < 2; i++) {
		snprintf(profile, sizeof(profile), "[driver]\nname = net_null\ntried = yes\n%s%s\n",
			options[i] != NULL ? "[eal]\noptions = " : "",
			options[i] != NULL ? options[i] : "");
		scratch_text(&config_scratch, i == 0 ? "wan.ini" : "lan.ini", profile);
	}
	snprintf(text, sizeof(text),
		"[gateway]\n[port wan]\nprofile = ./wan.ini\n" CONFIG_PORT
		"[port lan]\nprofile = ./lan.ini\ndevice = net_null1\naddress = 198.18.1.1/24\n"
		"[listener coap]\n" CONFIG_LISTENER);
	return config_load_text(text);
}

/*
 * All that EAL is told, with blanks between, but for what is ours and always there; or the sentence of the
 * refusal.
 */
static const char *
arguments(const char *wan, const char *lan, const char *user)
{
	static const char *const ours[] = { "hellogate", "--log-level=lib.", "--log-level=pmd.",
		"--lcores=", "--no-pci" };
	static char result[65536];
	char copy[1024], *rest = copy, *word[WORDS_MAX];
	struct config *config = configure(wan, lan);
	struct options options = { .eal = word };
	struct error error = { "" };
	struct eal_args args;

	snprintf(copy, sizeof(copy), "%s", user);
	while (*user != '\0' && (word[options.n_eal] = strsep(&rest, " ")) != NULL)
		options.n_eal++;
	result[0] = '\0';
	if (eal_args_make(&args, config, &options, 2, &error) != 0) {
		snprintf(result, sizeof(result), "%s", error.text);
		config_free(config);
		return result;
	}
	assert_null(args.arg[args.n]);
	for (int i = 0; i < args.n; i++) {
		bool skip = false;

		for (unsigned int k = 0; k < sizeof(ours) / sizeof(ours[0]); k++)
			skip |= strncmp(args.arg[i], ours[k], strlen(ours[k])) == 0;
		if (skip)
			continue;
		if (result[0] != '\0')
			strcat(result, " ");
		strcat(result, args.arg[i]);
	}
	eal_args_free(&args);
	config_free(config);
	return result;
}

static void
test_profiles(void **state)
{
	(void)state;
	assert_string_equal(arguments(NULL, NULL, ""), "");
	assert_string_equal(arguments(NULL, NULL, "-m 256 --no-huge"), "-m 256 --no-huge");
	assert_string_equal(arguments("--one  --two=2", NULL, "-m 1"), "--one --two=2 -m 1");
	/* Two options with one value, and values of their own. */
	assert_string_equal(arguments("--x 1 --y 1", NULL, ""), "--x 1 --y 1");
	assert_string_equal(arguments("--x 1", "--y 1", ""), "--x 1 --y 1");
	/* The same in both. */
	assert_string_equal(arguments("--x 1 --y=2", "--y=2 --x 1", ""), "--x 1 --y=2");
	assert_string_equal(arguments("--x=1", "--x 1", ""), "--x=1");
	assert_string_equal(arguments("--flag", "--flag", ""), "--flag");
	/* Those that EAL takes several times. */
	assert_string_equal(arguments("-d a.so -d b.so", "-d b.so -d c.so", "-d d.so"),
		"-d a.so -d b.so -d c.so -d d.so");
}

/* The user's word counts, and takes the profile's value with it. */
static void
test_user_before_profile(void **state)
{
	(void)state;
	assert_string_equal(arguments("-m 256", NULL, "-m 512"), "-m 512");
	assert_string_equal(arguments("-m 256 --x", NULL, "-m512"), "--x -m512");
	assert_string_equal(arguments("--x=1", "--x=2", "--x 3"), "--x 3");
	assert_string_equal(arguments("--flag", NULL, "--flag"), "--flag");
}

static void
test_two_profiles_differ(void **state)
{
	(void)state;
	assert_non_null(strstr(
		arguments("--x 1", "--x 2", ""), "port lan: its profile has the EAL option --x"));
	assert_non_null(strstr(arguments("--x=1", "--x", ""), "port lan"));
}

/* However long and however many. */
static void
test_nothing_is_lost(void **state)
{
	enum { LONG = 17000, MANY = 400 };
	struct config *config = configure(NULL, NULL);
	char *word[MANY + 1], **eal = word;
	struct options options = { .n_eal = MANY, .eal = eal };
	struct error error = { "" };
	struct eal_args args;
	unsigned int first;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		word[i] = malloc(LONG + 1);
		assert_non_null(word[i]);
		memset(word[i], 'a' + i % 26, LONG);
		word[i][LONG] = '\0';
	}
	assert_int_equal(eal_args_make(&args, config, &options, 2, &error), 0);
	first = (unsigned int)(args.n - MANY);
	for (int i = 0; i < MANY; i++) {
		assert_string_equal(args.arg[first + (unsigned int)i], word[i]);
		free(word[i]);
	}
	eal_args_free(&args);
	config_free(config);
}

static void
test_values(void **state)
{
	char text[][16] = { "-l0-3", "-m", "512", "--x=1", "--y", "2", "--z", "--w" };
	char *word[8];
	const struct eal_args args = { .n = 8, .arg = word };

	(void)state;
	for (unsigned int i = 0; i < 8; i++)
		word[i] = text[i];
	assert_string_equal(eal_args_value(&args, "-l"), "0-3");
	assert_string_equal(eal_args_value(&args, "-m"), "512");
	assert_string_equal(eal_args_value(&args, "--x"), "1");
	assert_string_equal(eal_args_value(&args, "--y"), "2");
	assert_null(eal_args_value(&args, "--z"));
	assert_null(eal_args_value(&args, "--w"));
	assert_null(eal_args_value(&args, "--v"));
	assert_true(eal_args_have(&args, EAL_ARGS_LCORES));
	assert_true(eal_args_have(&args, "--z "));
	assert_false(eal_args_have(&args, "--lcores --zz "));
}

/* The CPUs of all lcores but the first, each a digit. */
static void
assert_lcores(const char *option, const char *more, const char *wanted)
{
	char copy[2][64], *word[] = { copy[0], copy[1] }, got[EAL_ARGS_LCORES_MAX + 1] = "";
	const struct eal_args args = { .n = more != NULL ? 2 : 1, .arg = word };
	unsigned int cpu[EAL_ARGS_LCORES_MAX], n;

	snprintf(copy[0], sizeof(copy[0]), "%s", option);
	snprintf(copy[1], sizeof(copy[1]), "%s", more != NULL ? more : "");
	n = eal_args_lcores(&args, cpu);
	for (unsigned int i = 0; i < n; i++)
		got[i] = (char)('0' + cpu[i]);
	assert_string_equal(got, wanted);
}

static void
test_lcores(void **state)
{
	unsigned int all[EAL_ARGS_LCORES_MAX];
	const struct eal_args none = { 0 };
	char most[] = "--lcores=0-4294967295", *word = most;
	const struct eal_args many = { .n = 1, .arg = &word };

	(void)state;
	assert_lcores("-l", "0-3", "123");
	assert_lcores("-l3,1,7", NULL, "37");
	assert_lcores("--lcores=0@5,1@6,2@6,3@5", NULL, "665");
	assert_lcores("--lcores", "4@0,2@9,3-5@1", "111");
	assert_lcores("--lcores=1@0,2@3", "--main-lcore=2", "0");
	assert_lcores("--lcores=0", NULL, "");
	/* There is more to these, or nothing. */
	assert_lcores("--lcores=(0-3)@(4-7)", NULL, "");
	assert_lcores("--lcores=0@(1,2),1@3", NULL, "");
	assert_lcores("--lcores=0-1@2-3", NULL, "");
	assert_lcores("--lcores=0,x", NULL, "");
	assert_lcores("--lcores=", NULL, "");
	assert_lcores("-c", "f", "");
	assert_int_equal(eal_args_lcores(&none, all), 0);
	assert_int_equal(eal_args_lcores(&many, all), EAL_ARGS_LCORES_MAX);
}

static void
test_spread(void **state)
{
	const unsigned int cpu[] = { 0, 2, 4, 9 };
	unsigned int got[6];

	(void)state;
	/* Workers from the top, cores on what they leave from the bottom. */
	eal_args_spread(cpu, 4, 2, 3, got);
	assert_memory_equal(got, ((unsigned int[]){ 9, 4, 0, 2, 0 }), 5 * sizeof(*got));
	eal_args_spread(cpu, 4, 4, 2, got);
	assert_memory_equal(got, ((unsigned int[]){ 9, 4, 2, 0, 0, 0 }), 6 * sizeof(*got));
	eal_args_spread(cpu, 1, 2, 1, got);
	assert_memory_equal(got, ((unsigned int[]){ 0, 0, 0 }), 3 * sizeof(*got));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_user_before_profile),
		cmocka_unit_test(test_two_profiles_differ),
		cmocka_unit_test(test_nothing_is_lost),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_lcores),
		cmocka_unit_test(test_spread),
	};

	return cmocka_run_group_tests(tests, config_texts_open, config_texts_close);
}
