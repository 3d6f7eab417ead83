/* SPDX-License-Identifier: BSD-3-Clause */
#include "main/quiesce.h"

#include <errno.h>
#include <stdlib.h>

int
quiesce_init(struct quiesce *quiesce, const struct rings *rings)
{
	*quiesce = (struct quiesce){
		.end = calloc(rings_count_in(rings), sizeof(*quiesce->end)),
	};
	return quiesce->end != NULL ? 0 : -ENOMEM;
}

void
quiesce_free(struct quiesce *quiesce)
{
	free(quiesce->end);
	quiesce->end = NULL;
}

void
quiesce_begin(struct quiesce *quiesce, struct rte_rcu_qsbr *qsbr)
{
	quiesce->step = QUIESCE_ADDED;
	quiesce->token = rte_rcu_qsbr_start(qsbr);
}

void
quiesce_begin_queued(struct quiesce *quiesce, const struct rings *rings)
{
	quiesce->step = QUIESCE_QUEUED;
	rings_sample(rings, quiesce->end);
}

bool
quiesce_is_over(struct quiesce *quiesce, const struct rings *rings, struct rte_rcu_qsbr *qsbr)
{
	switch (quiesce->step) {
	case QUIESCE_ADDED:
		if (!rte_rcu_qsbr_check(qsbr, quiesce->token, false))
			return false;
		quiesce_begin_queued(quiesce, rings);
		__attribute__((fallthrough));
	case QUIESCE_QUEUED:
		if (!rings_passed(rings, quiesce->end))
			return false;
		quiesce->token = rte_rcu_qsbr_start(qsbr);
		quiesce->step = QUIESCE_TAKEN;
		__attribute__((fallthrough));
	case QUIESCE_TAKEN:
		if (!rte_rcu_qsbr_check(qsbr, quiesce->token, false))
			return false;
		quiesce->step = QUIESCE_OVER;
		__attribute__((fallthrough));
	default:
		return true;
	}
}
