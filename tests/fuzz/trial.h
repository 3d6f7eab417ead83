/* SPDX-License-Identifier: BSD-3-Clause */
/* One input of the targets worker and guard on its way: what trial.c puts together and they judge. */
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

	/* of the checks */
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

/* For checks of all kinds. Counters that do not depend on which rings were full. */
void trial_count(struct trial *trial, const struct packet *packet);

/* The packet of the burst in this buffer, or NULL. */
struct packet *trial_find(struct trial *trial, const struct rte_mbuf *mbuf);

/* A device is asked to sum this packet. */
void trial_check_offload(const struct rte_mbuf *mbuf, uint8_t family, size_t l3);

/* What left by a port is the right answer to that packet. */
void trial_check_answer(
	struct trial *trial, unsigned int port, struct packet *packet, struct rte_mbuf *mbuf);

/* Every counter is right, and every buffer is back. */
void trial_check_counters(const struct trial *trial);

/* The target's own: once, for good. */
struct bed *check_open(void);

/* Before the first burst of an input; before the worker runs; and after it, when all rings are emptied. */
void check_begin(struct trial *trial);
void check_expect(struct trial *trial);
void check_result(struct trial *trial);
