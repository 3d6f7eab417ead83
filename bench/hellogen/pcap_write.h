/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets into a capture file, for programs that send such files. */
#pragma once

#include <stdint.h>

#include "config/error.h"
#include "plan.h"
#include "source.h"

/*
 * Writes count hellos or junk, as flood and junk of a plan have them, at rate per second (0: all at
 * once). Returns 0 or -EINVAL.
 */
int pcap_write(const char *path, const struct plan *plan, const struct source_part *part,
	uint64_t seed, uint64_t count, double rate, struct error *error);
