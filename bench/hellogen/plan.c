/* SPDX-License-Identifier: BSD-3-Clause */
#include "plan.h"

void
plan_draw(struct plan *plan)
{
	for (unsigned int t = 0; t < plan->n_templates; t++)
		for (unsigned int i = 0; i < plan->template[t].n; i++) {
			const struct template_datagram *d = &plan->template[t].datagram[i];

			frame_plan(&plan->hello[t][i], &plan->link, d->bytes, d->len,
				i == 0 ? FRAME_HELLO : FRAME_NUMBERED, FRAME_SOUND);
		}
	for (unsigned int kind = 0; kind < JUNK_KINDS_N; kind++)
		junk_plan(&plan->junk[kind], &plan->link, &plan->template[0], kind);
}

enum plan_mode
plan_next(const struct plan *plan, struct plan_turn *turn)
{
	int64_t total = 0, most = INT64_MIN;
	unsigned int best = 0;

	for (unsigned int mode = 0; mode < PLAN_MODES_N; mode++) {
		turn->credit[mode] += (int64_t)plan->weight[mode];
		total += (int64_t)plan->weight[mode];
		if (plan->weight[mode] != 0 && turn->credit[mode] > most) {
			most = turn->credit[mode];
			best = mode;
		}
	}
	turn->credit[best] -= total;
	return best;
}

unsigned int
plan_datagrams(const struct plan *plan, enum plan_mode mode, uint64_t turn,
	const struct blueprint **ret_first, uint8_t *ret_template)
{
	unsigned int t = (unsigned int)(turn % plan->n_templates);

	*ret_template = (uint8_t)t;
	if (mode == PLAN_JUNK) {
		*ret_first = &plan->junk[turn % JUNK_KINDS_N];
		return 1;
	}
	*ret_first = plan->hello[t];
	return plan->template[t].n;
}

const char *
plan_mode_name(enum plan_mode mode)
{
	static const char *const names[] = {
#define PLAN_NAME(NAME, name, meaning) #name,
		PLAN_MODES(PLAN_NAME)
#undef PLAN_NAME
	};

	return names[mode];
}

const char *
plan_mode_meaning(enum plan_mode mode)
{
	static const char *const meanings[] = {
#define PLAN_MEANING(NAME, name, meaning) meaning,
		PLAN_MODES(PLAN_MEANING)
#undef PLAN_MEANING
	};

	return meanings[mode];
}
