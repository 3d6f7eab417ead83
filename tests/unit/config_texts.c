/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "config_texts.h"
#include "unit.h"

/* With usual sections before them: */
#define LINE_OF_GATEWAY 1
#define LINE_OF_PORT 2
#define LINE_OF_LISTENER 5

struct scratch config_scratch;

static struct identity server, other;

int
config_texts_open(void **state)
{
	(void)state;
	scratch_open(&config_scratch);
	identity_make(&server, &config_scratch, "server", "EC", "server", NULL, NULL);
	identity_make(&other, &config_scratch, "other", "EC", "other", NULL, NULL);
	scratch_text(&config_scratch, "profile.ini",
		"[driver]\nname = net_null\ntried = no: for a test\n[queues]\nburst = 16\n");
	scratch_text(&config_scratch, "psk.txt", "lamp:0011\n");
	return 0;
}

int
config_texts_close(void **state)
{
	(void)state;
	identity_free(&server);
	identity_free(&other);
	scratch_close(&config_scratch);
	return 0;
}

const char *
config_compose(const struct config_text *text)
{
	static char whole[8192];

	snprintf(whole, sizeof(whole), "[gateway]\n%s[port wan]\n%s[listener coap]\n%s",
		text->gateway != NULL ? text->gateway : "",
		text->port != NULL ? text->port : CONFIG_PORT,
		text->listener != NULL ? text->listener : CONFIG_LISTENER);
	return whole;
}

struct config *
config_load_text(const char *text)
{
	struct error error = { "" };
	struct config *config = NULL;

	if (config_load(&config, scratch_text(&config_scratch, "good.conf", text), &error) != 0)
		fail_msg("%s", error.text);
	assert_non_null(config);
	return config;
}

struct config *
config_load_sections(const struct config_text *text)
{
	return config_load_text(config_compose(text));
}

void
config_error_says(const struct error *error, const char *path, unsigned int line, const char *words)
{
	char where[PATH_MAX + 64];

	if (line != 0)
		snprintf(where, sizeof(where), "%s:%u: ", path, line);
	else
		snprintf(where, sizeof(where), "%s: ", path);
	if (strncmp(error->text, where, strlen(where)) != 0 || strstr(error->text, words) == NULL)
		fail_msg("expected %s... %s..., not: %s", where, words, error->text);
}

void
config_refused(const char *text, unsigned int line, const char *words)
{
	const char *path = scratch_text(&config_scratch, "bad.conf", text);
	struct config *untouched = (struct config *)&config_scratch, *config = untouched;
	struct error error = { "" };

	if (config_load(&config, path, &error) != -EINVAL)
		fail_msg("accepted: %s", text);
	assert_ptr_equal(config, untouched);
	config_error_says(&error, path, line, words);
	assert_null(strchr(error.text, '\n'));
	assert_int_not_equal(error.text[strlen(error.text) - 1], '.');
}

void
config_gateway_refused(const char *lines, unsigned int line, const char *words)
{
	const struct config_text text = { .gateway = lines };

	config_refused(config_compose(&text), LINE_OF_GATEWAY + line, words);
}

void
config_port_refused(const char *lines, unsigned int line, const char *words)
{
	const struct config_text text = { .port = lines };

	config_refused(config_compose(&text), LINE_OF_PORT + line, words);
}

void
config_listener_refused(const char *lines, unsigned int line, const char *words)
{
	const struct config_text text = { .listener = lines };

	config_refused(config_compose(&text), LINE_OF_LISTENER + line, words);
}
