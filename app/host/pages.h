/* SPDX-License-Identifier: BSD-3-Clause */
/* Huge pages, of the host or of one of its NUMA nodes. */
#pragma once

#include <stdint.h>

#include "port/view.h"

/*
 * MB of the huge pages of every size that a folder such as "sys/kernel/mm/hugepages" counts in its files of that
 * name: "free_hugepages", "nr_hugepages". 0 if there are none.
 */
uint64_t pages_mb(const struct view *view, const char *folder, const char *file);
