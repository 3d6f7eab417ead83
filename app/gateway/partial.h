/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Filling in checksums that a neighbour on the same host has left out, for those who are to get its
 * frames.
 */
#pragma once

#include <rte_mbuf.h>

#include <stdbool.h>

/* Fills in that of UDP or TCP if it is partial (hg_net_find_partial()); returns whether it was. */
bool partial_fill(struct rte_mbuf *mbuf);
