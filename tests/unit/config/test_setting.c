/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/setting.h"
#include "scratch.h"
#include "unit.h"

enum mode {
	MODE_ON = 3,
	MODE_ON_DEMAND,
	MODE_OFF = 0x80000000,
};

struct values {
	uint32_t number;
	uint32_t wide;
	enum mode choice;
	const char *text;
	bool flag;
	uint8_t beside[3]; /* the flag */
	const char *one;
	const char *custom;
	uint32_t other;
};

static const struct setting_choice modes[] = {
	{ "off", MODE_OFF },
	{ "on", MODE_ON },
	{ "on-demand", MODE_ON_DEMAND },
	{ NULL, 0 },
};

static const struct setting_choice flags[] = {
	{ "yes", 2 },
	{ "no", false },
	{ NULL, 0 },
};

static const struct setting table[] = {
	{ "main", "number", SETTING_INTEGER, 5, 10, NULL, "7", "",
		SETTING_FIELD(INTEGER, struct values, number) },
	{ "main", "wide", SETTING_INTEGER, 0, UINT32_MAX, NULL, NULL, "",
		SETTING_FIELD(INTEGER, struct values, wide) },
	{ "main", "choice", SETTING_CHOICE, 0, 0, modes, "on", "",
		SETTING_FIELD(CHOICE, struct values, choice) },
	{ "main", "text", SETTING_STRING, 0, 0, NULL, NULL, "",
		SETTING_FIELD(STRING, struct values, text) },
	{ "main", "flag", SETTING_FLAG, 0, 0, flags, "no", "",
		SETTING_FIELD(FLAG, struct values, flag) },
	{ "main", "one", SETTING_STRING, 0, 0, modes, "off", "",
		SETTING_FIELD(STRING, struct values, one) },
	{ "main", "custom", SETTING_CUSTOM, 0, 0, NULL, "1, 2", "",
		SETTING_FIELD(CUSTOM, struct values, custom) },
	{ "other", "number", SETTING_INTEGER, 1, 2, NULL, "1", "",
		SETTING_FIELD(INTEGER, struct values, other) },
};

#define TABLE_LEN (sizeof(table) / sizeof(table[0]))

/* Reads "[main]" with these lines below it. */
static int
read_lines(const char *lines, struct values *values, struct ini **ret_ini, struct error *error)
{
	char text[512];

	snprintf(text, sizeof(text), "[main]\n%s\n", lines);
	memset(values, 0, sizeof(*values));
	assert_int_equal(
		ini_load(ret_ini, scratch_text(&scratch_group, "setting.ini", text), error), 0);
	return setting_read(
		table, TABLE_LEN, "main", *ret_ini, ini_section(*ret_ini, "main"), values, error);
}

static void
assert_refused(const char *lines, unsigned int line, const char *words)
{
	struct error error = { "" };
	struct values values;
	struct ini *ini = NULL;
	char where[PATH_MAX + 64];

	assert_int_equal(read_lines(lines, &values, &ini, &error), -EINVAL);
	snprintf(where, sizeof(where), "%s:%u: ", ini->path, line);
	if (strncmp(error.text, where, strlen(where)) != 0 || strstr(error.text, words) == NULL)
		fail_msg("expected %s... %s..., not: %s", where, words, error.text);
	ini_free(ini);
}

static void
test_defaults(void **state)
{
	struct error error = { "" };
	struct values values = { 0 };
	struct ini *ini = NULL;

	(void)state;
	assert_int_equal(setting_read(table, TABLE_LEN, "main", NULL, NULL, &values, &error), 0);
	assert_int_equal(values.number, 7);
	assert_int_equal(values.wide, 0);
	assert_int_equal(values.choice, MODE_ON);
	assert_null(values.text);
	assert_string_equal(values.one, "off");
	assert_false(values.flag);
	assert_string_equal(values.custom, "1, 2");
	assert_int_equal(values.other, 0);                          /* of another section */
	assert_int_equal(read_lines("", &values, &ini, &error), 0); /* an empty one */
	assert_int_equal(values.number, 7);
	assert_int_equal(values.choice, MODE_ON);
	ini_free(ini);
}

static void
test_values(void **state)
{
	struct error error = { "" };
	struct values values;
	struct ini *ini = NULL;

	(void)state;
	assert_int_equal(read_lines("number = 5\nwide = 4294967295\nchoice = on-demand\n"
				    "text = any thing\nflag = yes\none = on\ncustom = x",
				 &values, &ini, &error),
		0);
	assert_int_equal(values.number, 5);
	assert_true(values.wide == UINT32_MAX);
	assert_int_equal(values.choice, MODE_ON_DEMAND);
	assert_string_equal(values.text, "any thing");
	assert_true(values.flag == true);
	assert_memory_equal(values.beside, "\0\0", 3);
	assert_string_equal(values.one, "on");
	assert_string_equal(values.custom, "x");
	ini_free(ini);
	assert_int_equal(
		read_lines("number = 010\nwide = 0\nchoice = off", &values, &ini, &error), 0);
	assert_int_equal(values.number, 10);
	assert_int_equal(values.wide, 0);
	assert_true(values.choice == MODE_OFF);
	ini_free(ini);
}

static void
test_integers_refused(void **state)
{
	static const char *const bad[] = { "4", "11", "-7", "+7", "7.0", "7 7", "7s", "0x7",
		"seven", "4294967303" /* 7 and 2^32 */, "18446744073709551623" /* 7 and 2^64 */,
		"1e1", "99999999999999999999999999" };
	char line[64];

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "text = x\nnumber = %s", bad[i]);
		assert_refused(line, 3, "number must be a number from 5 to 10, not ");
		assert_refused(line, 3, bad[i]);
	}
	assert_refused("wide = 4294967296", 2, "wide must be");
}

static void
test_choices_refused(void **state)
{
	static const char *const bad[] = { "o", "onn", "ON", "on|off", "off|on", "|", "on-",
		"of f" };
	char line[64];

	(void)state;
	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "choice = %s", bad[i]);
		assert_refused(line, 2, "choice must be one of off|on|on-demand, not ");
		snprintf(line, sizeof(line), "one = %s", bad[i]);
		assert_refused(line, 2, "one must be one of off|on|on-demand, not ");
	}
}

static void
test_unknown_keys(void **state)
{
	(void)state;
	assert_refused("number = 7\nnumbers = 7", 3, "unknown key numbers in section [main]");
	assert_refused("Number = 7", 2, "unknown key Number");
	/* A key that only another section has; a bad value further up is found second. */
	assert_refused("number = 99\nother = 1", 3, "unknown key other");
}

static void
test_text(void **state)
{
	struct error error = { "" };
	struct values values;
	struct ini *ini = NULL;

	(void)state;
	assert_string_equal(setting_text(&table[0], NULL), "7");
	assert_null(setting_text(&table[3], NULL));
	assert_int_equal(read_lines("number = 009", &values, &ini, &error), 0);
	assert_string_equal(setting_text(&table[0], ini_section(ini, "main")), "009");
	assert_string_equal(setting_text(&table[2], ini_section(ini, "main")), "on");
	assert_null(setting_text(&table[3], ini_section(ini, "main")));
	ini_free(ini);
}

static void
test_lists(void **state)
{
	static const struct {
		const char *text;
		unsigned int n;
		const char *item[5];
	} lists[] = {
		{ NULL, 0, { 0 } },
		{ "", 1, { "" } },
		{ " a b\t", 1, { "a b" } },
		{ "a,\t b , c", 3, { "a", "b", "c" } },
		{ ", ,", 3, { "", "", "" } },
		{ "1,2,3,4,5", 5, { "1", "2", "3", "4", "5" } },
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct setting_list list;
		struct error error;

		assert_int_equal(setting_list_read(&list, NULL, lists[i].text, &error), 0);
		assert_int_equal(list.n, lists[i].n);
		for (unsigned int j = 0; j < list.n; j++)
			assert_string_equal(list.item[j], lists[i].item[j]);
		setting_list_free(&list);
		assert_int_equal(list.n, 0);
		assert_null(list.item);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_integers_refused),
		cmocka_unit_test(test_choices_refused),
		cmocka_unit_test(test_unknown_keys),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, scratch_group_open, scratch_group_close);
}
