/* SPDX-License-Identifier: BSD-3-Clause */
#pragma once

#include "gateway/marks.h"

/* A set of n marks that live so many seconds of a clock of hz. Its table is for free(). */
struct marks marking_make(uint32_t n, uint32_t seconds, uint64_t hz, uint64_t seed);
