/* SPDX-License-Identifier: BSD-3-Clause */
#include "core/health.h"

#include <errno.h>

#define PAUSES_MAX 5u /* doublings of the first pause */

/* A word: bits 0 and 1 the state, 2 to 4 the reason, 5 to 7 doublings, the rest the end. */
#define END_UNIT 1024u /* cycles, so that it has room */

static uint64_t
pack(enum health_state state, enum health_reason reason, unsigned int doublings, uint64_t end)
{
	return (end / END_UNIT) << 8 | (uint64_t)doublings << 5 | (uint64_t)reason << 2 | state;
}

static enum health_state
state_of(uint64_t word)
{
	return (enum health_state)(word & 3);
}

static enum health_reason
reason_of(uint64_t word)
{
	return (enum health_reason)(word >> 2 & 7);
}

static unsigned int
doublings_of(uint64_t word)
{
	return (unsigned int)(word >> 5 & 7);
}

/* Another core's clock may be a little ahead. */
static bool
is_over(uint64_t end, uint64_t now)
{
	return (int64_t)(now - end) >= 0;
}

static bool
replace(struct health *health, uint64_t *word, uint64_t by)
{
	return atomic_compare_exchange_strong_explicit(
		&health->word, word, by, memory_order_relaxed, memory_order_relaxed);
}

enum health_reason
health_reason(const struct health *health)
{
	return reason_of(atomic_load_explicit(&health->word, memory_order_relaxed));
}

const char *
health_reason_text(enum health_reason reason)
{
	static const char *const text[] = {
		[HEALTH_NO_REASON] = "-",
		[HEALTH_REFUSED] = "connection refused",
		[HEALTH_HOST_UNREACHABLE] = "host unreachable",
		[HEALTH_NETWORK_UNREACHABLE] = "network unreachable",
		[HEALTH_SILENT] = "silent",
	};

	return text[reason];
}

enum health_reason
health_reason_of(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return HEALTH_REFUSED;
	case EHOSTUNREACH:
	case EHOSTDOWN:
		return HEALTH_HOST_UNREACHABLE;
	case ENETUNREACH:
	case ENETDOWN:
		return HEALTH_NETWORK_UNREACHABLE;
	default:
		return HEALTH_NO_REASON;
	}
}

void
health_fail(struct health *health, const struct health_limits *limits, enum health_reason reason,
	uint64_t now)
{
	uint64_t word = atomic_load_explicit(&health->word, memory_order_relaxed);
	unsigned int doublings = 0;

	if (state_of(word) == HEALTH_DOWN)
		return;
	if (state_of(word) == HEALTH_TRIAL && doublings_of(word) < PAUSES_MAX)
		doublings = doublings_of(word) + 1;
	else if (state_of(word) == HEALTH_TRIAL)
		doublings = PAUSES_MAX;
	/* If the word is another one by now, another core has just found out something. */
	if (replace(health, &word,
		    pack(HEALTH_DOWN, reason, doublings, now + (limits->retry << doublings))) &&
		state_of(word) == HEALTH_UP)
		atomic_store_explicit(&health->since, now, memory_order_relaxed);
}

void
health_revive(struct health *health, uint64_t now)
{
	uint64_t word = atomic_load_explicit(&health->word, memory_order_relaxed);

	if (state_of(word) != HEALTH_UP &&
		replace(health, &word, pack(HEALTH_UP, HEALTH_NO_REASON, 0, 0)))
		atomic_store_explicit(&health->since, now, memory_order_relaxed);
}

static bool
is_silent(const struct health *health, const struct health_limits *limits, uint64_t now)
{
	uint64_t asked = atomic_load_explicit(&health->asked, memory_order_relaxed);

	return limits->silence != 0 && asked != 0 && is_over(asked + limits->silence, now);
}

bool
health_admit(struct health *health, const struct health_limits *limits, uint64_t now)
{
	uint64_t word = atomic_load_explicit(&health->word, memory_order_relaxed), trial;
	uint64_t end = (word >> 8) * END_UNIT;

	if (state_of(word) == HEALTH_UP)
		return true;
	if (!is_over(end, now))
		return false;
	if (state_of(word) == HEALTH_TRIAL) {
		if (is_silent(health, limits, now)) {
			health_fail(health, limits, HEALTH_SILENT, now);
			return false;
		}
		health_revive(health, now);
		return true;
	}
	/* Long enough for silence to be noticed, which takes a datagram at the end of its time. */
	trial = limits->silence != 0 ? 2 * limits->silence : limits->retry;
	if (!replace(health, &word,
		    pack(HEALTH_TRIAL, reason_of(word), doublings_of(word), now + trial)))
		return false;
	atomic_store_explicit(&health->asked, 0, memory_order_relaxed);
	return true;
}

/*
 * Silence begins with a datagram that nothing comes for, and lasts while others follow: after a pause
 * between two of them there was nothing to be answered.
 */
void
health_sent(struct health *health, const struct health_limits *limits, uint64_t now)
{
	uint64_t asked = atomic_load_explicit(&health->asked, memory_order_relaxed);
	uint64_t last = atomic_load_explicit(&health->last_sent, memory_order_relaxed);

	if (asked == 0 || is_over(last + limits->silence, now)) {
		atomic_store_explicit(&health->asked, now, memory_order_relaxed);
	} else if (is_over(asked + limits->silence, now)) {
		health_fail(health, limits, HEALTH_SILENT, now);
		atomic_store_explicit(&health->asked, 0, memory_order_relaxed);
	}
	atomic_store_explicit(&health->last_sent, now, memory_order_relaxed);
}
