/* SPDX-License-Identifier: BSD-3-Clause */
#include "used.h"

#include <string.h>

#define COOKIE_LEN 20u
#define RANDOM_LEN 32u

struct mark
used_mark(const struct marks *used, const uint8_t *cookie, const uint8_t *random)
{
	uint8_t hello[COOKIE_LEN + RANDOM_LEN];

	memcpy(hello, cookie, COOKIE_LEN);
	memcpy(hello + COOKIE_LEN, random, RANDOM_LEN);
	return marks_of(used, hello, sizeof(hello));
}

bool
used_has(const struct marks *used, struct mark mark, uint64_t now)
{
	return marks_find(used, mark, now) != NULL;
}

bool
used_add(const struct marks *used, struct mark mark, uint64_t now)
{
	struct marks_room room = marks_choose(used, mark, now);

	marks_store(used, mark, room.word, now);
	return !room.taken;
}
