/* SPDX-License-Identifier: BSD-3-Clause */
#include "show/accept.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t"

/* RFC 9110 12.4.2: "0" or "1", with up to three digits behind a point. Returns false for anything else. */
static bool
parse_quality(const char *text, size_t len, unsigned int *ret)
{
	unsigned int quality, weight = 100;

	if (len == 0 || len > 5 || (text[0] != '0' && text[0] != '1') ||
		(len > 1 && text[1] != '.'))
		return false;
	quality = text[0] == '1' ? ACCEPT_MAX : 0;
	for (size_t i = 2; i < len; i++, weight /= 10) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		quality += (unsigned int)(text[i] - '0') * weight;
	}
	if (quality > ACCEPT_MAX)
		return false;
	*ret = quality;
	return true;
}

/* The part of text up to one of these characters, without the blanks around it. */
static const char *
part(const char **text, const char *end, size_t *ret_len)
{
	const char *start = *text + strspn(*text, BLANKS);
	size_t len = strcspn(start, end);

	*text = start + len;
	while (len > 0 && strchr(BLANKS, start[len - 1]) != NULL)
		len--;
	*ret_len = len;
	return start;
}

/* How precisely does a range name the type? 0: not at all. */
static unsigned int
precision(const char *range, size_t len, const char *type, const char *subtype)
{
	size_t n = strlen(type), m = strlen(subtype);

	if (len == 3 && memcmp(range, "*/*", 3) == 0)
		return 1;
	if (len < n + 2 || strncasecmp(range, type, n) != 0 || range[n] != '/')
		return 0;
	if (len == n + 2 && range[n + 1] == '*')
		return 2;
	return len == n + 1 + m && strncasecmp(range + n + 1, subtype, m) == 0 ? 3 : 0;
}

unsigned int
accept_quality(const char *field, const char *type, const char *subtype)
{
	unsigned int best = 0, result = 0;

	if (field == NULL)
		return ACCEPT_MAX;
	while (*field != '\0') {
		size_t len;
		const char *range = part(&field, ",;", &len);
		unsigned int found = precision(range, len, type, subtype), quality = ACCEPT_MAX;

		while (*field == ';') {
			const char *parameter;

			field++;
			parameter = part(&field, ",;", &len);
			if (len >= 2 && strncasecmp(parameter, "q=", 2) == 0 &&
				!parse_quality(parameter + 2, len - 2, &quality))
				found = 0;
		}
		if (*field == ',')
			field++;
		if (found > best || (found != 0 && found == best && quality > result)) {
			best = found;
			result = quality;
		}
	}
	return result;
}
