/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When has nobody on the way of packets anything any more of what workers have been made to let go of? Workers put
 * packets into rings, cores take them out, and either reports once a round that he holds nothing (rte_rcu_qsbr).
 * Asked now and then; nothing waits. Main's own.
 */
#pragma once

#include <rte_rcu_qsbr.h>

#include <stdbool.h>
#include <stdint.h>

#include "gateway/rings.h"

/* Who may still have something of it, one after the other. */
enum quiesce_step {
	QUIESCE_ADDED,  /* a worker, which adds it to a ring: until a grace period is over */
	QUIESCE_QUEUED, /* a ring: until all that was in it then has been taken out */
	QUIESCE_TAKEN,  /* a core, which has taken it out: until another grace period is over */
	QUIESCE_OVER,   /* nobody */
};

struct quiesce {
	enum quiesce_step step;
	uint64_t token; /* of the grace period that is waited for */
	uint64_t *end;  /* of the rings to the cores, when no worker added to them any more */
};

/* Returns 0 or -ENOMEM; quiesce_free() in either case. */
int quiesce_init(struct quiesce *quiesce, const struct rings *rings);
void quiesce_free(struct quiesce *quiesce);

/* Workers find it no more, but one may have it in this round. */
void quiesce_begin(struct quiesce *quiesce, struct rte_rcu_qsbr *qsbr);

/* No worker has it any more: a grace period is over already. */
void quiesce_begin_queued(struct quiesce *quiesce, const struct rings *rings);

/* Goes as far as it can without waiting. Returns true if nobody has anything of it. */
bool quiesce_is_over(struct quiesce *quiesce, const struct rings *rings, struct rte_rcu_qsbr *qsbr);
