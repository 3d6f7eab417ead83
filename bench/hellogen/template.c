/* SPDX-License-Identifier: BSD-3-Clause */
#include "template.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "hellos.h"

#define FILE_MAX 65536u
#define TYPE_HANDSHAKE 22u
#define TYPE_CLIENT_HELLO 1u

struct builtin {
	const char *name;
	const char *origin;
	const char *text;
};

static const struct builtin builtins[] = {
#define BUILTIN(name, origin, text) { name, origin, text },
	HELLOS(BUILTIN)
#undef BUILTIN
};

#define BUILTINS (sizeof(builtins) / sizeof(builtins[0]))

/* One line, without its comment. Returns the number of bytes, or -EINVAL. */
static int
parse_line(const char *line, size_t len, uint8_t *bytes, const char *name, unsigned int number,
	struct error *error)
{
	unsigned int digits = 0;

	for (size_t i = 0; i < len && line[i] != '#'; i++) {
		int digit = hg_text_hex_digit(line[i]);

		if (isspace((unsigned char)line[i]))
			continue;
		if (digit < 0)
			return error_set(error, "%s:%u: not a hex digit: %c", name, number,
				isprint((unsigned char)line[i]) ? line[i] : '?');
		if (digits == 2 * TEMPLATE_BYTES_MAX)
			return error_set(error, "%s:%u: a datagram has at most %u bytes", name,
				number, TEMPLATE_BYTES_MAX);
		bytes[digits / 2] = (uint8_t)(digits % 2 ? bytes[digits / 2] << 4 | digit : digit);
		digits++;
	}
	if (digits % 2)
		return error_set(error, "%s:%u: an odd number of hex digits", name, number);
	return (int)(digits / 2);
}

/* What every datagram of a hello has. covered: bytes of the message in those before. */
static const char *
find_fault(const struct template *template, const struct template_datagram *d, uint32_t covered)
{
	const uint8_t *b = d->bytes, *first = template->datagram[0].bytes;

	if (d->len < HELLO_BODY || b[0] != TYPE_HANDSHAKE || b[RECORD_HEADER] != TYPE_CLIENT_HELLO)
		return "is no record with a ClientHello";
	if (b[1] != 0xfe || (b[2] != 0xff && b[2] != 0xfd))
		return "is neither DTLS 1.0 nor 1.2";
	if (hg_load_be16(b + RECORD_EPOCH) != 0)
		return "is not of epoch 0";
	if (hg_load_be16(b + RECORD_LENGTH) != d->len - RECORD_HEADER)
		return "is not exactly one record";
	if (hg_load_be24(b + FRAGMENT_LENGTH) != (uint32_t)d->len - HELLO_BODY)
		return "is not exactly one fragment";
	if (hg_load_be16(b + MESSAGE_SEQ) != 0)
		return "has a message_seq other than 0";
	if (hg_load_be24(b + FRAGMENT_OFFSET) != covered)
		return "does not begin where the one before ends";
	if (hg_load_be24(b + MESSAGE_LENGTH) != hg_load_be24(first + MESSAGE_LENGTH))
		return "has another message length than the first";
	if (covered + (d->len - HELLO_BODY) > hg_load_be24(b + MESSAGE_LENGTH))
		return "reaches past the end of the message";
	return NULL;
}

static int
settle(struct template *template, struct error *error)
{
	const struct template_datagram *first = &template->datagram[0];
	uint32_t covered = 0;

	if (template->n == 0)
		return error_set(error, "%s: holds no datagram", template->name);
	for (unsigned int i = 0; i < template->n; i++) {
		const struct template_datagram *d = &template->datagram[i];
		const char *fault = find_fault(template, d, covered);

		if (fault != NULL)
			return error_set(error, "%s: datagram %u %s", template->name, i + 1, fault);
		covered += d->len - HELLO_BODY;
		template->len = (uint16_t)(template->len + d->len);
	}
	template->complete = covered == hg_load_be24(first->bytes + MESSAGE_LENGTH);
	if (first->len <= HELLO_SESSION_ID || first->bytes[HELLO_SESSION_ID] > 32)
		return error_set(error, "%s: datagram 1 has no session_id", template->name);
	template->cookie_at = (uint16_t)(HELLO_SESSION_ID + 1 + first->bytes[HELLO_SESSION_ID]);
	if (template->cookie_at >= first->len)
		return error_set(error, "%s: datagram 1 ends before its cookie", template->name);
	if (first->bytes[template->cookie_at] != 0)
		return error_set(error, "%s: datagram 1 has a cookie", template->name);
	return 0;
}

int
template_parse(
	struct template *ret_template, const char *name, const char *text, struct error *error)
{
	static const struct template empty;
	struct template template = empty;
	unsigned int number = 0;
	const char *slash = strrchr(name, '/');
	int err;

	snprintf(template.name, sizeof(template.name), "%.31s", slash != NULL ? slash + 1 : name);
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		uint8_t bytes[TEMPLATE_BYTES_MAX];
		int n = parse_line(text, len, bytes, name, ++number, error);

		if (n < 0)
			return n;
		if (n > 0 && template.n == TEMPLATE_DATAGRAMS_MAX)
			return error_set(error, "%s:%u: a hello has at most %u datagrams", name,
				number, TEMPLATE_DATAGRAMS_MAX);
		if (n > 0) {
			memcpy(template.datagram[template.n].bytes, bytes, (size_t)n);
			template.datagram[template.n++].len = (uint16_t)n;
		}
		text += len + (text[len] == '\n');
	}
	err = settle(&template, error);
	if (err == 0)
		*ret_template = template;
	return err;
}

int
template_load(struct template *ret_template, const char *path, struct error *error)
{
	FILE *file = fopen(path, "re");
	char text[FILE_MAX + 1];
	size_t len;
	int failed;

	if (file == NULL)
		return error_set(error, "%s: %s", path, strerror(errno));
	len = fread(text, 1, sizeof(text), file);
	failed = ferror(file);
	fclose(file);
	if (failed || len > FILE_MAX)
		return error_set(error, "%s: %s", path,
			failed ? "cannot be read" : "is longer than any hello");
	text[len] = '\0';
	if (strlen(text) != len)
		return error_set(error, "%s: is not text", path);
	return template_parse(ret_template, path, text, error);
}

int
template_find(struct template *ret_template, const char *name, struct error *error)
{
	for (unsigned int i = 0; i < BUILTINS; i++)
		if (strcmp(builtins[i].name, name) == 0) {
			int err = template_parse(ret_template, name, builtins[i].text, error);

			if (err == 0)
				ret_template->origin = builtins[i].origin;
			return err;
		}
	return error_set(error, "--hello: there is no hello %s, see --list", name);
}

const char *
template_name(unsigned int number)
{
	return number < BUILTINS ? builtins[number].name : NULL;
}

const char *
template_origin(unsigned int number)
{
	return number < BUILTINS ? builtins[number].origin : NULL;
}

uint16_t
template_second(const struct template *template, unsigned int i, const uint8_t *cookie,
	uint8_t cookie_len, uint8_t *ret_datagram)
{
	const struct template_datagram *d = &template->datagram[i];
	size_t head = i == 0 ? template->cookie_at + 1u : d->len;
	size_t inserted = i == 0 ? cookie_len : 0;

	memcpy(ret_datagram, d->bytes, head);
	memcpy(ret_datagram + head, cookie, inserted);
	memcpy(ret_datagram + head + inserted, d->bytes + head, d->len - head);
	if (i == 0)
		ret_datagram[template->cookie_at] = cookie_len;
	else
		hg_store_be24(ret_datagram + FRAGMENT_OFFSET,
			hg_load_be24(d->bytes + FRAGMENT_OFFSET) + cookie_len);
	hg_store_be16(ret_datagram + RECORD_LENGTH, (uint16_t)(d->len - RECORD_HEADER + inserted));
	hg_store_be24(ret_datagram + MESSAGE_LENGTH,
		hg_load_be24(d->bytes + MESSAGE_LENGTH) + cookie_len);
	hg_store_be24(ret_datagram + FRAGMENT_LENGTH, (uint32_t)(d->len - HELLO_BODY + inserted));
	hg_store_be16(ret_datagram + MESSAGE_SEQ, 1);
	return (uint16_t)(d->len + inserted);
}
