/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * 4-tuples that have shown a valid cookie to a guard, for as long as their clients go on sending. A
 * worker has a table for itself, as all packets of one 4-tuple come to one worker.
 *
 * The table is bounded (marks.h). If there is no room, a new 4-tuple is refused: nobody who has a place
 * is driven out of it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gateway/flows.h"
#include "gateway/marks.h"

/* Its cookie is valid. Returns false if there is no place for it. now in TSC cycles. */
bool proved_add(const struct marks *proved, const struct flow_key *key, uint64_t now);

/* Is it known? If so, its time begins again. */
bool proved_renew(const struct marks *proved, const struct flow_key *key, uint64_t now);
