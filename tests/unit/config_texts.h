/* SPDX-License-Identifier: BSD-3-Clause */
/* Configurations put together from their sections, to be loaded or refused. */
#pragma once

#include "config/config.h"
#include "identities.h"

#define CONFIG_PORT "device = net_null0\naddress = 198.18.0.1/24, 2001:2::1/48\n"
#define CONFIG_LISTENER                                                                \
	"bind = 198.18.0.1:5684\ncertificate = server.pem\nprivate-key = server.key\n" \
	"upstream = echo\n"

/* Sections without their headings; NULL: none, CONFIG_PORT and CONFIG_LISTENER. */
struct config_text {
	const char *gateway;  /* from line 2 */
	const char *port;     /* [port wan] */
	const char *listener; /* [listener coap] */
};

/*
 * Where configurations of these tests are: beside server.pem and other.pem with their keys, psk.txt
 * with one identity, and profile.ini.
 */
extern struct scratch config_scratch;

/* For a group of tests. */
int config_texts_open(void **state);
int config_texts_close(void **state);

/* The text; valid until the next call. */
const char *config_compose(const struct config_text *text);

/* Both fail the test if it is not good. */
struct config *config_load_text(const char *text);
struct config *config_load_sections(const struct config_text *text);

/*
 * Does a sentence of error begin with the file's name and, if it is not 0, the line, and has these words
 * in it?
 */
void config_error_says(
	const struct error *error, const char *path, unsigned int line, const char *words);

/*
 * Is it refused, with a sentence that begins with the file's name and the line, has these words in it
 * and is fit to be printed? Line 0: with the file's name alone.
 */
void config_refused(const char *text, unsigned int line, const char *words);

/* The same for one section among usual ones; the line is counted from its heading, which is 0. */
void config_gateway_refused(const char *lines, unsigned int line, const char *words);
void config_port_refused(const char *lines, unsigned int line, const char *words);
void config_listener_refused(const char *lines, unsigned int line, const char *words);
