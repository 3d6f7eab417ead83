/* SPDX-License-Identifier: BSD-3-Clause */
/* What is sent, in which proportions; immutable once lcores read it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"
#include "junk.h"
#include "source.h"
#include "template.h"

/* X(NAME, name, "meaning") */
#define PLAN_MODES(X)                                                                        \
	X(FLOOD, flood, "hellos without a cookie; their HVRs are checked")                   \
	X(PROBE, probe, "a hello, then the same with the cookie; a ServerHello is expected") \
	X(REPLAY, replay, "one verified hello again and again")                              \
	X(JUNK, junk, "malformed packets of many kinds, which nobody may answer")

enum plan_mode {
#define PLAN_ENUM(NAME, name, meaning) PLAN_##NAME,
	PLAN_MODES(PLAN_ENUM)
#undef PLAN_ENUM
		PLAN_MODES_N
};

struct plan {
	struct frame_link link;
	struct template template[TEMPLATES_MAX];
	unsigned int n_templates;
	uint64_t weight[PLAN_MODES_N]; /* 0: not sent */
	bool plain;                    /* record sequence numbers from 0, as a client has them */
	uint64_t seed;
	struct blueprint hello[TEMPLATES_MAX][TEMPLATE_DATAGRAMS_MAX];
	struct blueprint junk[JUNK_KINDS_N];
};

/* Whose turn it is. */
struct plan_turn {
	int64_t credit[PLAN_MODES_N];
	uint64_t sent[PLAN_MODES_N]; /* turns of each mode until now */
};

/* Fills in the blueprints, once all else is set. */
void plan_draw(struct plan *plan);

/* The next mode, in proportion to the weights and as evenly as they allow. */
enum plan_mode plan_next(const struct plan *plan, struct plan_turn *turn);

/*
 * The datagrams of hello or junk number n of an lcore: how many, the first of an array. turn says how
 * many of the same mode were before; *ret_template is the number of the template.
 */
unsigned int plan_datagrams(const struct plan *plan, enum plan_mode mode, uint64_t turn,
	const struct blueprint **ret_first, uint8_t *ret_template);

/* The record sequence number of the first datagram of hello n; those that follow count on. */
static inline uint32_t
plan_number(const struct plan *plan, uint64_t n)
{
	return plan->plain ? 0 : (uint32_t)n << 4;
}

const char *plan_mode_name(enum plan_mode mode);
const char *plan_mode_meaning(enum plan_mode mode);
