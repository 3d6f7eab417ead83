/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker/proved.h"

static bool
renew(const struct marks *proved, struct mark mark, uint64_t now)
{
	struct marks_word *word = marks_find(proved, mark, now);

	if (word != NULL)
		marks_store(proved, mark, word, now);
	return word != NULL;
}

bool
proved_add(const struct marks *proved, const struct flow_key *key, uint64_t now)
{
	struct mark mark = marks_of(proved, key, sizeof(*key));
	struct marks_room room;

	if (renew(proved, mark, now))
		return true;
	room = marks_choose(proved, mark, now);
	if (!room.taken)
		marks_store(proved, mark, room.word, now);
	return !room.taken;
}

bool
proved_renew(const struct marks *proved, const struct flow_key *key, uint64_t now)
{
	struct mark mark = marks_of(proved, key, sizeof(*key));

	return renew(proved, mark, now);
}
