/* SPDX-License-Identifier: BSD-3-Clause */
#include "worker_model.h"

#include <string.h>

#include "fuzz.h"
#include "worker_bed.h"

#define AGAIN_SECONDS 2u /* docs/protocol.md: after which later fragments come too late */

static void
drop(struct packet *packet, enum hg_verdict verdict)
{
	packet->fate = DROPPED;
	packet->drop = verdict;
}

static void
answer(struct packet *packet, enum answer kind, size_t len)
{
	packet->fate = ANSWERED;
	packet->answer = kind;
	packet->reply_len = len;
}

static const uint8_t *
payload_of(const struct packet *packet)
{
	return packet->frame + packet->model.l4 + 8;
}

static enum hg_verdict
find_listener(struct packet *packet)
{
	static const unsigned int denied[] = { 0, 7, 13, 17, 19, 37, BED_DENIED_PORT };
	const struct hg_net_host *host = &lab_host[packet->port];
	const uint8_t *udp = packet->frame + packet->model.l4;
	unsigned int to = model_be16(udp + 2);

	for (unsigned int i = 0; i < sizeof(denied) / sizeof(denied[0]); i++)
		if (model_be16(udp) == denied[i])
			return HG_DROP_SOURCE_PORT;
	/* Both listen on every address of every port; lib/net let no other destination pass. */
	fuzz_require(host->n_ipv4 > 0 && host->n_ipv6 > 0, "a port without an address");
	if (to != LAB_LISTENER_PORT && to != BED_OTHER_LISTENER_PORT)
		return HG_DROP_NO_LISTENER;
	packet->listener = to == LAB_LISTENER_PORT ? 0 : 1;
	return HG_PASS;
}

static void
judge_link(struct packet *packet)
{
	const struct hg_net_host *host = &lab_host[packet->port];
	enum answer kind = ANSWER_ARP;
	size_t len;

	if (packet->model.protocol == HG_NET_ARP) {
		len = model_answer_arp(packet->reply, packet->frame, &packet->model, host);
	} else {
		kind = ANSWER_ECHO;
		len = model_answer_echo(packet->reply, packet->frame, &packet->model);
		if (len == 0 && packet->model.family == 6) {
			kind = ANSWER_ADVERT;
			len = model_answer_neighbour(
				packet->reply, packet->frame, &packet->model, host, PACKET_MAX);
		}
	}
	if (len != 0)
		answer(packet, kind, len);
	else
		drop(packet, kind == ANSWER_ARP ? HG_DROP_ARP : HG_DROP_ICMP);
}

static const uint8_t *
random_of(const struct packet *packet)
{
	return payload_of(packet) + packet->hello.client + 2;
}

static const uint8_t *
cookie_of(const struct packet *packet)
{
	return payload_of(packet) + packet->hello.cookie;
}

bool
worker_is_used(const struct history *history, const struct packet *packet)
{
	for (unsigned int i = 0; i < history->n_used; i++)
		if (memcmp(history->used[i].cookie, cookie_of(packet), HG_COOKIE_LEN) == 0 &&
			memcmp(history->used[i].random, random_of(packet), 32) == 0)
			return true;
	return false;
}

void
worker_client(uint8_t ret[9], const struct packet *packet)
{
	memset(ret, 0, 9);
	ret[0] = packet->model.family;
	memcpy(ret + 1, packet->tuple, packet->model.family == 4 ? 4 : 8);
}

static unsigned int
find_client(const struct history *history, const struct packet *packet)
{
	unsigned int i = 0;
	uint8_t id[9];

	worker_client(id, packet);
	while (i < history->n_clients && memcmp(history->client[i].id, id, sizeof(id)) != 0)
		i++;
	return i;
}

enum clients_verdict
worker_admits(const struct history *history, const struct packet *packet)
{
	unsigned int i = find_client(history, packet);
	unsigned int begun = i < history->n_clients ? history->client[i].begun : 0;

	if (!history->of_clients)
		return CLIENTS_PASS;
	if (history->half_open_max != 0 && begun >= history->half_open_max)
		return CLIENTS_HALF_OPEN;
	return begun >= BED_CLIENT_BURST ? CLIENTS_RATE : CLIENTS_PASS;
}

void
worker_begin(struct history *history, const struct packet *packet)
{
	unsigned int i = find_client(history, packet);

	fuzz_require(
		history->n_used < PACKETS_MAX && i < PACKETS_MAX, "more handshakes than packets");
	memcpy(history->used[history->n_used].cookie, cookie_of(packet), HG_COOKIE_LEN);
	memcpy(history->used[history->n_used++].random, random_of(packet), 32);
	if (i == history->n_clients) {
		worker_client(history->client[history->n_clients++].id, packet);
		history->client[i].begun = 0;
	}
	history->client[i].begun++;
}

static void
judge_verified(struct packet *packet, const struct history *history)
{
	const struct model_hello *hello = &packet->hello;
	enum clients_verdict client = worker_admits(history, packet);
	bool whole = hello->record_len == 13 + 12 + (size_t)hello->message_len;

	if (hello->message_seq == 0) {
		drop(packet, HG_DROP_HELLO_COOKIE_SEQ);
	} else if (hello->record_seq >> 47 != 0) {
		drop(packet, HG_DROP_HELLO_RECORD_SEQ);
	} else if (hello->message_len > 16384) {
		drop(packet, HG_DROP_HELLO_TOO_LONG);
	} else if (whole && worker_is_used(history, packet)) {
		/* A fragment might bring its core what it has not had. */
		drop(packet, HG_DROP_HELLO_USED);
	} else if (client != CLIENTS_PASS) {
		drop(packet,
			client == CLIENTS_RATE ? HG_DROP_CLIENT_RATE : HG_DROP_CLIENT_HALF_OPEN);
	} else {
		packet->fate = FORWARDED;
		packet->rank = RINGS_NEW;
	}
}

static void
judge_hello(struct packet *packet, const struct lab_clock *clock, const struct history *history)
{
	const struct model_hello *hello = &packet->hello;
	const uint8_t *payload = payload_of(packet);
	const struct lab_bound bound = {
		.tuple = packet->tuple,
		.family = packet->model.family,
		.client = payload + hello->client,
		.offer = payload + hello->offer,
		.client_len = hello->client_len,
		.offer_len = hello->offer_len,
	};
	uint8_t cookie[HG_COOKIE_LEN], hvr[MODEL_HVR_LEN];

	if (clock->binding == HG_COOKIE_BIND_PARAMETERS &&
		(hello->offer_len == 0 ||
			hello->client_len + hello->offer_len > HG_COOKIE_BOUND_MAX)) {
		drop(packet, HG_DROP_HELLO_UNBOUND);
		return;
	}
	packet->is_hello = true;
	packet->cookie = lab_verdict(clock, &bound, payload + hello->cookie, hello->cookie_len);
	if (packet->cookie != HG_COOKIE_VALID) {
		lab_mint(cookie, &bound, clock->binding, clock->now, clock->now / clock->rotation);
		model_hvr(hvr, payload, cookie);
		answer(packet, ANSWER_HVR,
			model_answer_udp(
				packet->reply, packet->frame, &packet->model, hvr, sizeof(hvr)));
	} else {
		judge_verified(packet, history);
	}
}

static void
remember(struct history *history, const struct packet *packet, uint64_t now)
{
	unsigned int i = history->n_verified++;

	fuzz_require(i < PACKETS_MAX, "more hellos than packets");
	memcpy(history->verified[i].tuple, packet->tuple, 36);
	history->verified[i].family = packet->model.family;
	history->verified[i].when = now;
}

/* A record that is no hello: of a session, or on the heels of a hello that was passed on. */
static void
judge_record(struct packet *packet, const struct history *history, uint64_t now)
{
	enum bed_session session = bed_session(packet->tuple, packet->model.family);
	bool epoch_0 = model_be16(payload_of(packet) + 3) == 0;

	drop(packet, HG_DROP_NO_SESSION);
	if (session != BED_NO_SESSION) {
		packet->fate = FORWARDED;
		packet->rank = session == BED_ESTABLISHED_SESSION && !epoch_0 ? RINGS_ESTABLISHED
									      : RINGS_PENDING;
		return;
	}
	if (!packet->hello.is_fragment)
		return;
	packet->rank = RINGS_NEW;
	for (unsigned int i = 0; i < history->n_verified; i++) {
		uint64_t when = history->verified[i].when;

		if (history->verified[i].family == packet->model.family &&
			memcmp(history->verified[i].tuple, packet->tuple, 36) == 0) {
			/* The latest hello of a peer counts. */
			packet->fate =
				now >= when && now <= when + AGAIN_SECONDS ? FORWARDED : DROPPED;
			packet->may_be_forgotten = false;
		} else if (packet->fate == FORWARDED) {
			packet->may_be_forgotten = true; /* if both have one place */
		}
	}
}

bool
worker_judge(struct packet *packet, const struct hg_net_host *host, const struct lab_clock *clock,
	const struct history *history)
{
	const struct model_packet *model = &packet->model;
	enum hg_verdict verdict = HG_PASS;

	if (packet->chained)
		verdict = HG_DROP_FRAME_CHAINED;
	else if (packet->cut)
		verdict = HG_DROP_FRAME_SHORT;
	else if (packet->sum_is_bad)
		verdict = HG_DROP_IPV4_CHECKSUM;
	if (verdict == HG_PASS) {
		packet->model = model_frame(host, packet->frame, packet->len, packet->checked);
		verdict = model->verdict;
	}
	if (verdict == HG_PASS && model->protocol != HG_NET_UDP) {
		judge_link(packet);
		return false;
	}
	if (verdict == HG_PASS)
		verdict = find_listener(packet);
	if (verdict == HG_PASS) {
		memcpy(packet->tuple, packet->frame + model->l3 + (model->family == 4 ? 12 : 8),
			model->family == 4 ? 12 : 36);
		packet->hello = model_hello(payload_of(packet), model->l4_len - 8);
		verdict = packet->hello.verdict;
	}
	if (verdict != HG_PASS) {
		drop(packet, verdict);
		return false;
	}
	packet->partial |= model->partial;
	if (!packet->hello.is_hello)
		return true;
	judge_hello(packet, clock, history);
	return false;
}

void
worker_model(struct packet *packet, unsigned int n, const struct lab_clock *clock,
	struct history *history)
{
	bool record[BED_BURST] = { false };

	for (unsigned int i = 0; i < n; i++) {
		record[i] = worker_judge(&packet[i], &lab_host[packet[i].port], clock, history);
		if (!record[i] && packet[i].fate == FORWARDED)
			remember(history, &packet[i], clock->now);
	}
	for (unsigned int i = 0; i < n; i++)
		if (record[i])
			judge_record(&packet[i], history, clock->now);
}
