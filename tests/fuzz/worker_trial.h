/* SPDX-License-Identifier: BSD-3-Clause */
/* One input of the worker's target on its way: what worker.c puts together and worker_check.c judges. */
#pragma once

#include "worker_bed.h"
#include "worker_input.h"
#include "worker_model.h"

#define TRIAL_OUT_MAX 16u  /* packets from the cores */
#define TRIAL_OUT_LEN 100u /* their size */

struct trial {
	struct bed *bed;
	struct worker_input input;
	struct lab_clock clock;
	struct hg_cookie_keys keys;

	/* one burst */
	struct {
		unsigned int n;
		struct packet packet[BED_BURST];
	} burst[LAB_PORTS];
	unsigned int n_out;
	struct rte_mbuf *out[TRIAL_OUT_MAX];
	unsigned int tx_blocked[LAB_PORTS]; /* entries that take up room in the rings */
	unsigned int ring_blocked[BED_CORES][RINGS_CLASSES];

	/* of worker_check.c */
	struct stats_worker wanted; /* counters */
	struct history history;
	unsigned int n_owners;
	struct {
		uint8_t id[37]; /* of a 4-tuple or a client, behind its family */
		unsigned int core;
	} owner[PACKETS_MAX];
	uint64_t n_hvr; /* HelloVerifyRequests built */
	unsigned int n_networks;
	struct {
		uint8_t id[7]; /* an IPv4 /24 or an IPv6 /48, behind its family */
		unsigned int n_hvr;
	} network[PACKETS_MAX];
};

/* Before the first burst of an input; before the worker runs; and after it, when all rings are emptied. */
void worker_check_begin(struct trial *trial);
void worker_check_expect(struct trial *trial);
void worker_check_result(struct trial *trial);
