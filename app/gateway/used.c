/* SPDX-License-Identifier: BSD-3-Clause */
#include "gateway/used.h"

#include <string.h>

#include "wire/hello.h"
#include "wire/hvr.h"

#define COOKIE_LEN HG_HVR_COOKIE_LEN
#define SEQ_LEN 8u

struct used_mark
used_mark(
	const struct marks *used, const uint8_t *cookie, const uint8_t *random, uint64_t record_seq)
{
	uint8_t hello[COOKIE_LEN + HG_HELLO_RANDOM_LEN + SEQ_LEN];

	memcpy(hello, cookie, COOKIE_LEN);
	memcpy(hello + COOKIE_LEN, random, HG_HELLO_RANDOM_LEN);
	memcpy(hello + COOKIE_LEN + HG_HELLO_RANDOM_LEN, &record_seq, SEQ_LEN);
	return (struct used_mark){
		.hello = marks_of(used, hello, COOKIE_LEN + HG_HELLO_RANDOM_LEN),
		.record = marks_of(used, hello, sizeof(hello)),
	};
}

bool
used_has(const struct marks *used, struct used_mark mark, uint64_t now)
{
	return marks_find(used, mark.hello, now) != NULL ||
	       marks_find(used, mark.record, now) != NULL;
}

bool
used_add(const struct marks *used, struct used_mark mark, uint64_t now)
{
	struct marks_room room = marks_choose(used, mark.hello, now);

	marks_store(used, mark.hello, room.word, now);
	return !room.taken;
}

void
used_give_up(const struct marks *used, struct used_mark mark, uint64_t now)
{
	struct marks_word *word = marks_find(used, mark.hello, now);

	if (word != NULL)
		marks_move(used, word, mark.record, now);
}
