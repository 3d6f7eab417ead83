/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration as the daemon reads it, with a profile, a secret and pre-shared keys. An input is
 * a configuration file, with others behind it (config_files.h). What is refused is refused with a
 * sentence that names a line, and the line is there; what is accepted is printed as a configuration that
 * means the same. Files stay closed, and LeakSanitizer looks after memory.
 */
#include "config/config.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config_files.h"
#include "fuzz.h"

#define TEXT_MAX 16384u
#define KEYS_MAX 64u

static const char sample[] = "[gateway]\n[port wan]\ndevice = net_null0\naddress = 198.18.0.1/24\n"
			     "[listener l]\nbind = 198.18.0.1:5684\npsk-file = psk.txt\n"
			     "upstream = echo\n";

/* Every key that there is, with what is in effect for it by default. */
static struct {
	unsigned int n;
	char line[KEYS_MAX][128];
} keys;

/* Reading these may never end, or change something. */
static bool
names_device(const uint8_t *data, size_t size)
{
	static const char *const forbidden[] = { "dev/", "proc/", "sys/", "run/" };

	for (unsigned int i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
		if (memmem(data, size, forbidden[i], strlen(forbidden[i])) != NULL)
			return true;
	return false;
}

/* "FILE:LINE: ", and the line exists: returns what follows, or NULL. */
static const char *
follow_place(enum config_file file, const char *text, const char **ret_line, size_t *ret_len)
{
	const char *path = config_files_path(file);
	size_t len = strlen(path);
	unsigned long line;
	char *end;

	if (strncmp(text, path, len) != 0 || text[len] != ':')
		return NULL;
	line = strtoul(text + len + 1, &end, 10);
	if (end == text + len + 1 || strncmp(end, ": ", 2) != 0)
		return NULL;
	*ret_line = config_files_line(file, line, ret_len);
	fuzz_require(*ret_line != NULL, "there is no such line: %s", text);
	return end + 2;
}

/* Sentences about a file as a whole. */
static bool
is_about_file(enum config_file file, const char *text)
{
	static const char *const whole[] = {
		"there is no [port NAME] section",
		"there is no [listener NAME] section",
		"section [driver] needs the keys name and tried",
	};
	const char *path = config_files_path(file);
	size_t len = strlen(path);

	if (strncmp(text, path, len) != 0 || strncmp(text + len, ": ", 2) != 0)
		return false;
	for (unsigned int i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		if (strcmp(text + len + 2, whole[i]) == 0)
			return true;
	return false;
}

static void
check_error(const char *text)
{
	static const char unknown[] = "unknown key ";
	const char *rest, *line = NULL, *profile;
	size_t len = 0, key_len;

	fuzz_require(text[0] != '\0' && strchr(text, '\n') == NULL, "no sentence: %s", text);
	if (is_about_file(CONFIG_MAIN, text))
		return;
	rest = follow_place(CONFIG_MAIN, text, &line, &len);
	fuzz_require(rest != NULL, "no place: %s", text);
	if (strncmp(rest, config_files_path(CONFIG_PROFILE),
		    strlen(config_files_path(CONFIG_PROFILE))) == 0 &&
		!is_about_file(CONFIG_PROFILE, rest)) {
		profile = follow_place(CONFIG_PROFILE, rest, &line, &len);
		fuzz_require(profile != NULL, "no place in the profile: %s", text);
		rest = profile;
	}
	fuzz_require(rest[0] != '\0', "nothing behind the place: %s", text);
	if (strncmp(rest, unknown, strlen(unknown)) != 0)
		return;
	rest += strlen(unknown);
	key_len = strcspn(rest, " ");
	fuzz_require(memmem(line, len, rest, key_len) != NULL, "another line: %s", text);
}

static char *
print(const struct config *config)
{
	char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	fuzz_require(to != NULL, "no memory");
	config_print(config, to);
	fclose(to);
	return text;
}

static void
check_accepted(const struct config *config)
{
	struct config *again = NULL;
	struct error error = { "" };
	char *text = print(config), *second;

	fuzz_require(config->n_ports > 0 && config->n_listeners > 0, "nothing configured");
	fuzz_require(config->gateway.key_rotation >= config->gateway.cookie_lifetime, "lifetime %u",
		config->gateway.cookie_lifetime);
	for (unsigned int i = 0; i < config->n_ports; i++)
		fuzz_require(
			config->port[i].profile.burst >= 1 && config->port[i].profile.burst <= 64,
			"burst %u", config->port[i].profile.burst);
	for (unsigned int i = 0; i < config->n_listeners; i++)
		fuzz_require(config->listener[i].tls != NULL && config->listener[i].n_binds > 0,
			"listener %u is not complete", i);

	config_files_write_one(CONFIG_AGAIN, text, strlen(text));
	fuzz_require(config_load(&again, config_files_path(CONFIG_AGAIN), &error) == 0,
		"what was printed is refused: %s", error.text);
	second = print(again);
	fuzz_require(strcmp(text, second) == 0, "printed as\n%s\nand then as\n%s", text, second);
	config_free(again);
	free(second);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	void *untouched = &keys;
	struct config *config = untouched;
	struct error error = { "" };
	int before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3), after;

	close(before);
	if (size > TEXT_MAX || names_device(data, size))
		return 0;
	config_files_write(data, size);
	if (config_load(&config, config_files_path(CONFIG_MAIN), &error) == 0) {
		check_accepted(config);
		config_free(config);
	} else {
		fuzz_require(config == untouched, "a result in spite of: %s", error.text);
		check_error(error.text);
	}
	after = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	fuzz_require(before == after, "a file was left open");
	close(after);
	return 0;
}

static void
take_key(void *arg, const char *section, const char *key, const char *value)
{
	(void)arg;
	(void)section;
	if (keys.n < KEYS_MAX)
		snprintf(keys.line[keys.n++], sizeof(keys.line[0]), "%s = %s\n", key, value);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct config *config;
	struct error error = { "" };

	(void)argc;
	(void)argv;
	config_files_open();
	config_files_write((const uint8_t *)sample, strlen(sample));
	fuzz_require(config_load(&config, config_files_path(CONFIG_MAIN), &error) == 0, "%s",
		error.text);
	config_each(config, take_key, NULL);
	config_free(config);
	return 0;
}

/* Start of a line somewhere in the text, and in *ret_end what is behind it. */
static size_t
some_line(const uint8_t *data, size_t size, struct fuzz_random *random, size_t *ret_end)
{
	size_t start = fuzz_below(random, (uint32_t)size), end = start;

	while (start > 0 && data[start - 1] != '\n')
		start--;
	while (end < size && data[end] != '\n')
		end++;
	*ret_end = end < size ? end + 1 : size;
	return start;
}

static size_t
insert(uint8_t *data, size_t size, size_t max_size, size_t at, const void *bytes, size_t len)
{
	if (size + len > max_size)
		return size;
	memmove(data + at + len, data + at, size - at);
	memcpy(data + at, bytes, len);
	return size + len;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	struct fuzz_random random = fuzz_random(seed);
	char copy[512];
	const char *line;
	size_t start, end, at, len;

	if (size == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	start = some_line(data, size, &random, &end);
	len = end - start;
	switch (fuzz_below(&random, 6)) {
	case 0: /* another key */
		line = keys.line[fuzz_below(&random, keys.n)];
		return insert(data, size, max_size, start, line, strlen(line));
	case 1: /* the same line elsewhere */
		if (len > sizeof(copy))
			return size;
		memcpy(copy, data + start, len);
		at = some_line(data, size, &random, &end);
		return insert(data, size, max_size, at, copy, len);
	case 2: /* one line less */
		if (len == size)
			return size;
		memmove(data + start, data + end, size - end);
		return size - len;
	case 3: /* within one line */
		if (len > sizeof(copy) / 2)
			return size;
		memcpy(copy, data + start, len);
		memmove(data + start, data + end, size - end);
		size -= len;
		len = LLVMFuzzerMutate((uint8_t *)copy, len, sizeof(copy));
		return size + len > max_size ? size
					     : insert(data, size, max_size, start, copy, len);
	default:
		return LLVMFuzzerMutate(data, size, max_size);
	}
}
