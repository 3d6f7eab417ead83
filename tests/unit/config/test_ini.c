/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/ini.h"

#include "scratch.h"
#include "unit.h"

static struct ini *
load(const char *text)
{
	struct error error = { "" };
	struct ini *ini = NULL;

	if (ini_load(&ini, scratch_text(&scratch_group, "good.ini", text), &error) != 0)
		fail_msg("%s", error.text);
	assert_non_null(ini);
	return ini;
}

/* Is it refused for that line, with a sentence that has these words in it? */
static void
assert_bytes_refused(const char *bytes, size_t len, unsigned int line, const char *words)
{
	struct ini *untouched = (struct ini *)&scratch_group, *ini = untouched;
	struct error error = { "" };
	const char *path = scratch_write(&scratch_group, "bad.ini", bytes, len);
	char where[PATH_MAX + 64];

	assert_int_equal(ini_load(&ini, path, &error), -EINVAL);
	assert_ptr_equal(ini, untouched);
	snprintf(where, sizeof(where), "%s:%u: ", path, line);
	if (strncmp(error.text, where, strlen(where)) != 0 || strstr(error.text, words) == NULL)
		fail_msg("expected %s... %s..., not: %s", where, words, error.text);
}

static void
assert_refused(const char *text, unsigned int line, const char *words)
{
	assert_bytes_refused(text, strlen(text), line, words);
}

static void
assert_entry(const struct ini *ini, const char *section, const char *key, const char *value,
	unsigned int line)
{
	const struct ini_entry *entry;

	assert_non_null(ini_section(ini, section));
	entry = ini_entry(ini_section(ini, section), key);
	assert_non_null(entry);
	assert_string_equal(entry->key, key);
	assert_string_equal(entry->value, value);
	assert_int_equal(entry->line, line);
}

static void
test_entries(void **state)
{
	struct ini *ini = load("; a comment\n"
			       "\n"
			       "[one]\n"
			       "key = value\n"
			       "other=with = equals\n"
			       "   third\t=   blanks within  \t\n"
			       "fourth = x ; behind it\n"
			       "  ; indented\n"
			       "  [ two ]  ; a section's comment\n"
			       "key = value of two\n"
			       "escaped = a\\;b\n"
			       "twice = \\;a\\;;b\\;\n"
			       "backslashes = a\\b\\\\;c\\\n"
			       "[empty]\n"
			       "[port wan]\n"
			       "last = line without end");

	(void)state;
	assert_int_equal(ini->n, 4);
	assert_entry(ini, "one", "key", "value", 4);
	assert_entry(ini, "one", "other", "with = equals", 5);
	assert_entry(ini, "one", "third", "blanks within", 6);
	assert_entry(ini, "one", "fourth", "x", 7);
	assert_entry(ini, "two", "key", "value of two", 10);
	assert_entry(ini, "two", "escaped", "a;b", 11);
	assert_entry(ini, "two", "twice", ";a;", 12);
	assert_entry(ini, "two", "backslashes", "a\\b\\;c\\", 13);
	assert_entry(ini, "port wan", "last", "line without end", 16);
	assert_int_equal(ini_section(ini, "one")->line, 3);
	assert_int_equal(ini_section(ini, "one")->n, 4);
	assert_int_equal(ini_section(ini, "two")->line, 9);
	assert_int_equal(ini_section(ini, "empty")->n, 0);
	assert_null(ini_section(ini, "three"));
	assert_null(ini_section(ini, "ONE"));
	assert_null(ini_section(ini, ""));
	assert_null(ini_entry(ini_section(ini, "one"), "escaped"));
	assert_null(ini_entry(ini_section(ini, "empty"), "key"));
	ini_free(ini);
	ini_free(NULL);
}

static void
test_crlf(void **state)
{
	struct ini *ini = load("[one]\r\nkey = value\r\n\r\n; comment\r\nother = x ; y\r\n");

	(void)state;
	assert_entry(ini, "one", "key", "value", 2);
	assert_entry(ini, "one", "other", "x", 5);
	ini_free(ini);
	assert_refused("[one]\r\nkey\r\n", 2, "neither");
}

static void
test_nothing_in_it(void **state)
{
	static const char *const texts[] = { "", "\n", "; comment", " \t\n\n;\n" };

	(void)state;
	for (unsigned int i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct ini *ini = load(texts[i]);

		assert_int_equal(ini->n, 0);
		assert_null(ini_section(ini, "one"));
		ini_free(ini);
	}
}

static void
test_many(void **state)
{
	static char text[100 * 60 * 24];
	char *p = text, section[32], key[32], value[32];
	unsigned int line = 0;
	struct ini *ini;

	(void)state;
	for (unsigned int s = 0; s < 100; s++) {
		p += sprintf(p, "[section %u]\n", s);
		for (unsigned int e = 0; e < 50; e++)
			p += sprintf(p, "key%u = %u\n", e, s * 50 + e);
	}
	ini = load(text);
	assert_int_equal(ini->n, 100);
	for (unsigned int s = 0; s < 100; s++) {
		line++;
		sprintf(section, "section %u", s);
		assert_int_equal(ini_section(ini, section)->line, line);
		for (unsigned int e = 0; e < 50; e++) {
			line++;
			sprintf(key, "key%u", e);
			sprintf(value, "%u", s * 50 + e);
			assert_entry(ini, section, key, value, line);
		}
	}
	ini_free(ini);
}

static void
test_refused_lines(void **state)
{
	static const struct {
		const char *line, *words;
	} lines[] = {
		{ "key", "neither [section] nor key = value" },
		{ "key ; = value", "neither" },
		{ "]", "neither" },
		{ "= value", "no key" },
		{ " \t= value", "no key" },
		{ "=", "no key" },
		{ "key =", "no value" },
		{ "key = \t ", "no value" },
		{ "key = ; value", "no value" },
		{ "[section", "[section]" },
		{ "[section ; ]", "[section]" },
		{ "[section] key = value", "[section]" },
		{ "[section]]", "[section]" },
		{ "[]", "section name" },
		{ "[ \t]", "section name" },
		{ "# comment", "begins with #" },
		{ "#key = value", "#" },
		{ "key = value # comment", "#" },
		{ "key = value\t# comment", "#" },
		/* A byte order mark that is not the first, a no-break space, a zero-width one. */
		{ "\xef\xbb\xbf[section]", "cannot be seen" },
		{ "key =\xc2\xa0value", "cannot be seen" },
		{ "key\xc2\xa0= value", "cannot be seen" },
		{ "[sec\xe2\x80\x8btion]", "cannot be seen" },
		{ "key = val\rue", "control character" },
		{ "key = val\x1bue", "control character" },
		{ "[sec\x7ftion]", "control character" },
	};
	char text[256];

	(void)state;
	for (unsigned int i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		snprintf(text, sizeof(text), "; first\n[good]\na = b\n%s\n[more]\n", lines[i].line);
		assert_refused(text, 4, lines[i].words);
	}
	assert_refused("key = value\n", 1, "before the first [section]");
	assert_refused("\n\nkey = value\n[section]\n", 3, "before the first [section]");
}

static void
test_zero_bytes(void **state)
{
	static const char in_value[] = "[a]\nkey = va\0lue\n";
	static const char in_comment[] = "[a]\nkey = value\n; com\0ment\n";
	static const char at_end[] = "[a]\nkey = value\n\0";

	(void)state;
	assert_bytes_refused(in_value, sizeof(in_value) - 1, 2, "zero byte");
	assert_bytes_refused(in_comment, sizeof(in_comment) - 1, 3, "zero byte");
	assert_bytes_refused(at_end, sizeof(at_end) - 1, 3, "zero byte");
}

/* Writes "[s]" and a line "KEY = VALUE" with a key and a value of these lengths. */
static const char *
sized(size_t key_len, size_t value_len)
{
	static char text[1u << 16];
	char *p = text + sprintf(text, "[s]\n");

	memset(p, 'k', key_len);
	p += key_len;
	*p++ = '=';
	memset(p, 'v', value_len);
	p += value_len;
	strcpy(p, "\n");
	return text;
}

static void
test_lengths_of_keys_and_values(void **state)
{
	static const size_t lengths[] = { 1, 255, 256, 4096, 60000 };
	struct ini *ini;

	(void)state;
	for (size_t key_len = 62; key_len <= 63; key_len++)
		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
			ini = load(sized(key_len, lengths[i]));
			assert_int_equal(strlen(ini->section[0].entry[0].key), key_len);
			assert_int_equal(strlen(ini->section[0].entry[0].value), lengths[i]);
			ini_free(ini);
		}
	assert_refused(sized(64, 1), 2, "63");
	assert_refused(sized(200, 1), 2, "63");
}

static void
test_lengths_of_section_names(void **state)
{
	char text[128] = "[";
	struct ini *ini;

	(void)state;
	memset(text + 1, 'n', 63);
	strcpy(text + 64, "]\nkey = value\n");
	ini = load(text);
	assert_int_equal(strlen(ini->section[0].name), 63);
	assert_int_equal(ini->section[0].n, 1);
	ini_free(ini);
	memset(text + 1, 'n', 64);
	strcpy(text + 65, "]\nkey = value\n");
	assert_refused(text, 1, "63");
}

/* A file of so many bytes, most of them a comment. */
static const char *
large(size_t size)
{
	static char text[(1u << 20) + 1];

	memset(text, 'c', size);
	memcpy(text, "[s]\nk = v\n;", 11);
	return scratch_write(&scratch_group, "large.ini", text, size);
}

static void
test_sizes_of_files(void **state)
{
	struct error error = { "" };
	struct ini *ini = NULL;

	(void)state;
	assert_int_equal(ini_load(&ini, large(1u << 20), &error), 0);
	assert_entry(ini, "s", "k", "v", 2);
	ini_free(ini);
	ini = NULL;
	assert_int_equal(ini_load(&ini, large((1u << 20) + 1), &error), -EINVAL);
	assert_non_null(strstr(error.text, "large.ini is larger than 1 MB"));
	assert_null(ini);
}

/* Some editors put one before everything else. */
static void
test_byte_order_mark(void **state)
{
	static const char *const texts[] = {
		"\xef\xbb\xbf[one]\nkey = value\n",
		"\xef\xbb\xbf; comment\n[one]\r\nkey = value\r\n",
		"\xef\xbb\xbf\n[one]\nkey = value",
	};

	(void)state;
	for (unsigned int i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct ini *ini = load(texts[i]);

		assert_entry(ini, "one", "key", "value", i == 0 ? 2 : 3);
		ini_free(ini);
	}
	ini_free(load("\xef\xbb\xbf"));
	/* What UTF-16 looks like. */
	assert_bytes_refused("\xff\xfe[\0o\0]\0\n\0", 10, 1, "zero byte");
}

static void
test_duplicates(void **state)
{
	struct ini *ini;

	(void)state;
	assert_refused("[a]\nx = 1\n[b]\n[a]\n", 4, "line 1");
	assert_refused("[port wan]\n[ port wan ]\n", 2, "line 1");
	assert_refused("[a]\nx = 1\ny = 1\nx = 2\n", 4, "line 2");
	assert_refused("[a]\nx = 1\nx = 1\nx = 1\n", 3, "key x");
	ini = load("[a]\nx = 1\nX = 1\n[A]\nx = 1\n");
	assert_int_equal(ini->n, 2);
	ini_free(ini);
}

static void
test_unreadable(void **state)
{
	struct error error = { "" };
	struct ini *ini = NULL;
	const char *missing = scratch_path(&scratch_group, "missing.ini");

	(void)state;
	assert_int_equal(ini_load(&ini, missing, &error), -EINVAL);
	assert_non_null(strstr(error.text, missing));
	assert_non_null(strstr(error.text, "No such file"));
	assert_int_equal(ini_load(&ini, scratch_group.directory, &error), -EINVAL);
	assert_non_null(strstr(error.text, scratch_group.directory));
	assert_non_null(strstr(error.text, "directory"));
	assert_null(ini);
}

static void
assert_blamed(const struct error *error, const struct ini *ini, const char *rest)
{
	size_t len = strlen(ini->path);

	assert_memory_equal(error->text, ini->path, len);
	assert_string_equal(error->text + len, rest);
}

/* Of a key, or else of its section, or else of the file. */
static void
test_blame(void **state)
{
	struct ini *ini = load("\n[one]\n\nkey = value\n[two]\n");
	const struct ini_section *one = ini_section(ini, "one");
	struct error error = { "" };

	(void)state;
	assert_int_equal(ini_blame(ini, one, "key", &error, "%s %d", "number", 1), -EINVAL);
	assert_blamed(&error, ini, ":4: number 1");
	assert_int_equal(ini_blame(ini, one, "other", &error, "lacks %s", "other"), -EINVAL);
	assert_blamed(&error, ini, ":2: lacks other");
	assert_int_equal(ini_blame(ini, ini_section(ini, "two"), NULL, &error, "empty"), -EINVAL);
	assert_blamed(&error, ini, ":5: empty");
	assert_int_equal(
		ini_blame(ini, ini_section(ini, "none"), "key", &error, "no key"), -EINVAL);
	assert_blamed(&error, ini, ": no key");
	ini_free(ini);
}

/* What is too long, be it the name of the file, says so. */
static void
test_blame_at_length(void **state)
{
	struct ini *ini = load("[one]\nkey = value\n");
	const struct ini_section *one = ini_section(ini, "one");
	char text[2 * sizeof(struct error)];
	struct error error;
	size_t room;

	(void)state;
	memset(text, 'x', sizeof(text));
	room = sizeof(error.text) - 1 - strlen(ini->path) - strlen(":2: ");
	ini_blame(ini, one, "key", &error, "%.*s", (int)room, text);
	assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
	assert_int_equal(error.text[sizeof(error.text) - 2], 'x');
	for (size_t more = room + 1; more < sizeof(text); more += 100) {
		ini_blame(ini, one, "key", &error, "%.*s", (int)more, text);
		assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
		assert_string_equal(error.text + sizeof(error.text) - 5, "x...");
	}
	for (size_t len = sizeof(error.text) - 8; len < sizeof(error.text) + 8; len++) {
		memset(ini->path, 'p', len);
		ini->path[len] = '\0';
		ini_blame(ini, one, "key", &error, "text");
		assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
		assert_string_equal(error.text + sizeof(error.text) - 4, "...");
	}
	ini_free(ini);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_crlf),
		cmocka_unit_test(test_nothing_in_it),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_refused_lines),
		cmocka_unit_test(test_zero_bytes),
		cmocka_unit_test(test_lengths_of_keys_and_values),
		cmocka_unit_test(test_lengths_of_section_names),
		cmocka_unit_test(test_sizes_of_files),
		cmocka_unit_test(test_byte_order_mark),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_blame),
		cmocka_unit_test(test_blame_at_length),
	};

	return cmocka_run_group_tests(tests, scratch_group_open, scratch_group_close);
}
