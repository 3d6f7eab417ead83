/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the worker should do with a packet, from docs/protocol.md: the model of lib/net and lib/wire, and
 * OpenSSL for the cookie.
 */
#pragma once

#include <rte_mbuf.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/clients.h"
#include "gateway/rings.h"
#include "lab.h"
#include "model.h"

#define PACKET_MAX 2048u
#define PACKETS_MAX 256u /* of one input */

enum fate { DROPPED, ANSWERED, FORWARDED };

enum answer { ANSWER_HVR, ANSWER_ARP, ANSWER_ECHO, ANSWER_ADVERT };

struct packet {
	/* what the worker is given */
	struct rte_mbuf *mbuf;
	unsigned int port;
	size_t received_len;
	bool chained;
	bool cut;             /* a tag was taken off a frame that is too short to have had one */
	unsigned int checked; /* by a device that is believed */
	bool sum_is_bad;      /* by its own account */
	uint8_t frame[PACKET_MAX];
	size_t len;

	/* what it should do */
	enum fate fate;
	enum hg_verdict drop; /* DROPPED: why */
	struct model_packet model;
	struct model_hello hello;
	bool partial;  /* its checksum was left out, and is counted */
	bool is_hello; /* one that a cookie was looked for in */
	enum hg_cookie_verdict cookie;
	uint16_t listener;
	uint8_t tuple[36];  /* of a UDP packet, zeroes behind */
	enum answer answer; /* ANSWERED */
	uint8_t reply[PACKET_MAX + MODEL_GROWTH];
	size_t reply_len;
	enum rings_class rank; /* FORWARDED */
	bool may_be_forgotten; /* FORWARDED, or as well dropped: its hello's place was needed */

	/* what it did */
	bool seen;
};

/* What an input has brought about so far. */
struct history {
	/* limits in force */
	bool of_clients;
	unsigned int half_open_max;

	/* peers whose hello was passed on, the latest last */
	unsigned int n_verified;
	struct {
		uint8_t tuple[36];
		uint8_t family;
		uint64_t when;
	} verified[PACKETS_MAX];

	/* hellos that have begun a handshake: cookie and random */
	unsigned int n_used;
	struct {
		uint8_t cookie[HG_COOKIE_LEN];
		uint8_t random[32];
	} used[PACKETS_MAX];

	/* clients, and how many handshakes each has begun */
	unsigned int n_clients;
	struct {
		uint8_t id[9]; /* worker_client() */
		unsigned int begun;
	} client[PACKETS_MAX];
};

/* The client of a UDP packet, an IPv4 address or an IPv6 /64, behind its family. */
void worker_client(uint8_t ret[9], const struct packet *packet);

/* Has this verified hello begun a handshake before? May its client begin another? */
bool worker_is_used(const struct history *history, const struct packet *packet);
enum clients_verdict worker_admits(const struct history *history, const struct packet *packet);

/* It has begun one. */
void worker_begin(struct history *history, const struct packet *packet);

/*
 * What becomes of one packet for these addresses. Returns whether it is a record that is no hello, to be
 * judged when all hellos are.
 */
bool worker_judge(struct packet *packet, const struct hg_net_host *host,
	const struct lab_clock *clock, const struct history *history);

/* What becomes of the packets of one burst of one port; sessions are those of worker_bed.h. */
void worker_model(struct packet *packet, unsigned int n, const struct lab_clock *clock,
	struct history *history);
