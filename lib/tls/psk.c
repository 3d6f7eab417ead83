/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "base/text.h"
#include "tls/file.h"
#include "tls/internal.h"
#include "tls/secret.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"
#define KEY_MAX 64u       /* bytes; OpenSSL takes more, no client that we know does */
#define LINE_ROOM 512u    /* identity, colon, key in hexadecimal and line end, with room to spare */
#define IDENTITY_MAX 128u /* bytes: what RFC 4279 5.3 obliges everyone to take */

static int
compare(const void *a, const void *b)
{
	const struct hg_tls_psk *x = a, *y = b;

	return strcmp(x->identity, y->identity);
}

const struct hg_tls_psk *
hg_tls_psks_find(const struct hg_tls_psks *psks, const char *identity)
{
	size_t low = 0, high = psks->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(identity, psks->entry[middle].identity);

		if (order == 0)
			return &psks->entry[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* Returns the number of bytes, or 0 if text is not 1 to KEY_MAX bytes in hexadecimal. */
static size_t
parse_hex(const char *text, uint8_t key[KEY_MAX])
{
	size_t n = strlen(text);

	if (n % 2 != 0 || n / 2 > KEY_MAX || hg_text_hex(text, key, n / 2) != 0)
		return 0;
	return n / 2;
}

static int
append(struct hg_tls_psks *psks, const char *identity, const uint8_t *key, size_t key_len)
{
	struct hg_tls_psk *psk;

	if (!hg_tls_secret_has_room(key_len))
		return -ENOSPC;
	if ((psks->n & (psks->n - 1)) == 0) { /* 0, or a power of two: it is full */
		psk = realloc(psks->entry, (psks->n == 0 ? 1 : 2 * psks->n) * sizeof(*psk));
		if (psk == NULL)
			return -ENOMEM;
		psks->entry = psk;
	}
	psk = &psks->entry[psks->n];
	psk->identity = strdup(identity);
	psk->key = hg_tls_secret_alloc(key_len);
	psk->key_len = key_len;
	if (psk->identity == NULL || psk->key == NULL) {
		free(psk->identity);
		hg_tls_secret_free(psk->key, key_len);
		return -ENOMEM;
	}
	memcpy(psk->key, key, key_len);
	psks->n++;
	return 0;
}

/* A key whose bytes have colons between them would be a short one behind a longer identity. */
static bool
has_colons(const char *identity, size_t key_len)
{
	const char *last = strrchr(identity, ':');
	uint8_t part[KEY_MAX];
	bool found;

	if (last == NULL || key_len >= 8)
		return false;
	found = parse_hex(last + 1, part) == key_len;
	hg_secret_wipe(part, sizeof(part));
	return found;
}

/* Blanks around it, and what only looks like one or like nothing, are no part of what a device calls itself. */
static bool
has_blanks(const char *identity)
{
	/* U+00A0, U+200B to U+200F, U+2028, U+2029, U+2060, U+FEFF */
	static const char *const unseen[] = { "\xc2\xa0", "\xe2\x80\x8b", "\xe2\x80\x8c",
		"\xe2\x80\x8d", "\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xa8", "\xe2\x80\xa9",
		"\xe2\x81\xa0", BYTE_ORDER_MARK };
	size_t len = strlen(identity);

	for (size_t i = 0; i < sizeof(unseen) / sizeof(unseen[0]); i++)
		if (strstr(identity, unseen[i]) != NULL)
			return true;
	return identity[0] == ' ' || identity[len - 1] == ' ';
}

static bool
has_control_characters(const char *line)
{
	while (*line != '\0' && (unsigned char)*line >= ' ' && *line != '\x7f')
		line++;
	return *line != '\0';
}

/* LF or CR LF; a CR alone, as the last character of a file, too. */
static void
cut_end(char *line)
{
	size_t len = strlen(line);

	if (len > 0 && line[len - 1] == '\n')
		line[--len] = '\0';
	if (len > 0 && line[len - 1] == '\r')
		line[--len] = '\0';
}

/*
 * Returns NULL, or what is wrong with the line. An empty line and one that begins with # are fine.
 */
static const char *
take_line(struct hg_tls_psks *psks, char *line)
{
	const char *problem = NULL;
	uint8_t key[KEY_MAX];
	size_t key_len;
	char *colon;
	int err;

	cut_end(line);
	if (line[0] == '\0' || line[0] == '#')
		return NULL;
	/* A CR alone ends lines elsewhere: what follows it would be another device's. */
	if (has_control_characters(line))
		return "holds a control character";
	/* The last colon: an identity may have some of its own. */
	colon = strrchr(line, ':');
	if (colon == NULL || colon == line)
		return "is not identity:hex";
	*colon = '\0';
	if (strlen(line) > IDENTITY_MAX)
		return "has an identity of more than 128 bytes";
	if (has_blanks(line))
		return "has a blank before or behind its identity, or a character that cannot be seen in it";
	key_len = parse_hex(colon + 1, key);
	if (key_len == 0)
		return "has a key that is not 2 to 128 hex digits";
	err = has_colons(line, key_len) ? -EINVAL : append(psks, line, key, key_len);
	if (err == -EINVAL)
		problem = "has a key with colons in it, or a very short one";
	else if (err == -ENOSPC)
		problem =
			"is one too many: what is locked in memory for pre-shared keys is used up";
	else if (err != 0)
		problem = "does not fit in memory";
	hg_secret_wipe(key, sizeof(key));
	return problem;
}

/* Some editors put a mark before the text. */
static size_t
skip_mark(const char *line)
{
	size_t n = strlen(BYTE_ORDER_MARK);

	return strncmp(line, BYTE_ORDER_MARK, n) == 0 ? n : 0;
}

static int
refuse(struct hg_tls_error *error, const char *path, size_t line, const char *problem)
{
	error->setting = "psk-file";
	if (line == 0)
		snprintf(error->text, sizeof(error->text), "%s %s", path, problem);
	else
		snprintf(error->text, sizeof(error->text), "%s:%zu %s", path, line, problem);
	return -EINVAL;
}

int
hg_tls_psks_read(struct hg_tls_psks *psks, const char *path, struct hg_tls_error *error)
{
	const char *problem = NULL;
	char text[4096];                     /* stdio's buffer, to be wiped */
	size_t size = LINE_ROOM, number = 0; /* a good line is never moved, */
	char *line = malloc(size);           /* so that no copy of it stays */
	FILE *file = line != NULL ? hg_tls_file_open(path, &problem) : NULL;
	ssize_t len;

	if (file == NULL) {
		free(line);
		return hg_tls_fail(error, "psk-file", "cannot read %s: %s", path,
			problem != NULL ? problem : "no memory");
	}
	setvbuf(file, text, _IOFBF, sizeof(text));
	while (problem == NULL && (len = getline(&line, &size, file)) >= 0) {
		number++;
		problem = strlen(line) != (size_t)len
				  ? "holds a zero byte"
				  : take_line(psks, line + (number == 1 ? skip_mark(line) : 0));
	}
	if (problem == NULL && ferror(file) != 0) {
		problem = "cannot be read";
		number = 0;
	}
	fclose(file);
	hg_secret_wipe(text, sizeof(text));
	if (line != NULL)
		hg_secret_wipe(line, size);
	free(line);
	if (problem == NULL && psks->n == 0) {
		problem = "has no identity:hex line";
		number = 0;
	}
	if (problem != NULL) {
		hg_tls_psks_wipe(psks);
		return refuse(error, path, number, problem);
	}
	qsort(psks->entry, psks->n, sizeof(*psks->entry), compare);
	for (size_t i = 1; i < psks->n; i++) {
		if (compare(&psks->entry[i - 1], &psks->entry[i]) != 0)
			continue;
		error->setting = "psk-file";
		snprintf(error->text, sizeof(error->text), "%s has identity %s twice", path,
			psks->entry[i].identity);
		hg_tls_psks_wipe(psks);
		return -EINVAL;
	}
	return 0;
}

void
hg_tls_psks_wipe(struct hg_tls_psks *psks)
{
	for (size_t i = 0; i < psks->n; i++) {
		hg_tls_secret_free(psks->entry[i].key, psks->entry[i].key_len);
		free(psks->entry[i].identity);
	}
	free(psks->entry);
	*psks = (struct hg_tls_psks){ 0 };
}
