/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * app/worker/ as a whole, by way of worker_run(): bursts of 1 to 32 packets at two ports, in real buffers
 * and rings. An input is a head and packets (worker_input.h). Every packet ends up in one place: in a
 * transmit ring as the answer that the model makes of it, in a ring to a core as it came, with a cookie
 * that OpenSSL finds good or a session, or in one drop counter. Every counter is right, no answer is larger
 * than its question (an advertisement by 8 bytes at most), and every buffer is back in its pool.
 */
#include <rte_cycles.h>
#include <string.h>

#include "fuzz.h"
#include "trial.h"

static void
check_out(struct trial *trial, unsigned int port, struct rte_mbuf *mbuf)
{
	const uint8_t *bytes = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	const struct note *note = note_of(mbuf);
	unsigned int i = 0;

	while (i < trial->n_out && trial->out[i] != mbuf)
		i++;
	fuzz_require(i < trial->n_out, "a packet from nowhere, or twice");
	trial->out[i] = NULL;
	fuzz_require(note->queue == port, "a session's packet by another port");
	fuzz_require(
		mbuf->data_len == TRIAL_OUT_LEN, "a session's packet of %u bytes", mbuf->data_len);
	for (unsigned int b = 0; b < TRIAL_OUT_LEN; b++)
		fuzz_require(bytes[b] == i, "a session's packet was changed");
	if ((trial->input.options & OPTION_DEVICE_SUMS) != 0)
		trial_check_offload(mbuf, note->family, note->l3);
	stats_add(&trial->wanted.session_tx, 1);
}

/* One 4-tuple, one core; and one client, if clients have limits. */
static void
check_owner(struct trial *trial, const struct packet *packet, unsigned int core)
{
	uint8_t id[37] = { packet->model.family };

	if (trial->history.of_clients)
		worker_client(id, packet);
	else
		memcpy(id + 1, packet->tuple, 36);
	for (unsigned int i = 0; i < trial->n_owners; i++)
		if (memcmp(trial->owner[i].id, id, sizeof(id)) == 0) {
			fuzz_require(trial->owner[i].core == core,
				"packets of one peer went to two cores");
			return;
		}
	memcpy(trial->owner[trial->n_owners].id, id, sizeof(id));
	trial->owner[trial->n_owners++].core = core;
}

/* The rest of what a core does with a verified hello, but for the handshake. */
static void
begin_handshake(struct trial *trial, const struct packet *packet, unsigned int core)
{
	const uint8_t *datagram = packet->frame + packet->model.l4 + 8;
	const struct clients_limits *limits = &trial->bed->generation.limits.clients;
	const struct admission *admission = &trial->bed->gateway.admission[core];
	struct used_mark mark = used_mark(&admission->used, datagram + packet->hello.cookie,
		datagram + packet->hello.client + 2, packet->hello.record_seq);
	struct flow_key key = { .family = packet->model.family };
	enum clients_verdict wanted = worker_admits(&trial->history, packet);
	struct client *client = NULL;
	uint64_t now = rte_rdtsc();

	memcpy(key.tuple, packet->tuple, sizeof(key.tuple));
	fuzz_require(
		used_has(&admission->used, mark, now) == worker_is_used(&trial->history, packet),
		"used: %d", !worker_is_used(&trial->history, packet));
	if (worker_is_used(&trial->history, packet))
		return;
	if (trial->history.of_clients) {
		enum clients_verdict verdict = clients_admit(
			&admission->clients, limits, clients_id(&key), now, false, &client);

		fuzz_require(
			verdict == wanted, "the core's verdict is %d, not %d", verdict, wanted);
		if (verdict != CLIENTS_PASS)
			return;
		clients_begin(limits, client, clients_id(&key), now);
	}
	fuzz_require(used_add(&admission->used, mark, now), "a hello was forgotten");
	worker_begin(&trial->history, packet);
}

/* Does a core find in the note all that is in the hello? */
static void
check_hello(const struct note *note, struct rte_mbuf *mbuf, const struct packet *packet)
{
	struct hg_net_packet parsed = note_get_packet(mbuf);
	struct hg_hello hello = note_get_hello(note, &parsed);
	const struct model_hello *model = &packet->hello;
	const uint8_t *datagram = hg_net_payload(&parsed);

	fuzz_require(hello.client == datagram + model->client &&
			     hello.client_len == model->client_len &&
			     hello.cookie == datagram + model->cookie &&
			     hello.cookie_len == model->cookie_len,
		"a cookie of %u bytes at %td behind %u bytes of the client", hello.cookie_len,
		hello.cookie - datagram, hello.client_len);
	fuzz_require(hello.record_len == model->record_len &&
			     hello.record_seq == model->record_seq &&
			     hello.message_seq == model->message_seq &&
			     hello.message_len == model->message_len,
		"a record of %u bytes, a message of %u", hello.record_len, hello.message_len);
}

static void
check_forward(struct trial *trial, unsigned int core, enum rings_class rank, struct rte_mbuf *mbuf)
{
	struct packet *packet = trial_find(trial, mbuf);
	const struct note *note = note_of(mbuf);

	fuzz_require(packet != NULL, "a packet from nowhere was forwarded");
	fuzz_require(!packet->seen, "a packet went two ways");
	packet->seen = true;
	fuzz_require(packet->fate == FORWARDED, "forwarded what should be %s: cookie %d",
		packet->fate == DROPPED ? "dropped" : "answered",
		packet->is_hello ? (int)packet->cookie : -1);
	fuzz_require(rank == packet->rank, "class %d, not %d", rank, packet->rank);
	fuzz_require(note->kind == (packet->hello.is_hello ? NOTE_HELLO : NOTE_RECORD), "kind %u",
		note->kind);
	fuzz_require(note->listener == packet->listener, "listener %u", note->listener);
	fuzz_require(note->queue == packet->port, "queue %u", note->queue);
	fuzz_require(note->family == packet->model.family && note->l3 == packet->model.l3 &&
			     note->l4 == packet->model.l4 && note->l4_len == packet->model.l4_len,
		"headers at %u, %u", note->l3, note->l4);
	if (packet->hello.is_hello)
		check_hello(note, mbuf, packet);
	fuzz_require(
		mbuf->data_len == packet->len, "%u bytes, not %zu", mbuf->data_len, packet->len);
	fuzz_require_same("forwarded frame", rte_pktmbuf_mtod(mbuf, const uint8_t *), packet->frame,
		packet->len);
	check_owner(trial, packet, core);
	stats_add(&trial->wanted.forwarded, 1);
	if (packet->hello.is_hello && (trial->input.limits & LIMIT_CORES) != 0)
		begin_handshake(trial, packet, core);
}

static bool
drain_transmit(struct trial *trial, unsigned int port)
{
	struct rte_ring *ring = trial->bed->tx[port];
	bool full = rte_ring_full(ring) != 0;
	struct packet *packet;
	void *entry;

	bed_unblock(ring, trial->tx_blocked[port]);
	while (rte_ring_sc_dequeue(ring, &entry) == 0) {
		packet = trial_find(trial, entry);
		if (packet != NULL)
			trial_check_answer(trial, port, packet, entry);
		else
			check_out(trial, port, entry);
		rte_pktmbuf_free(entry);
	}
	return full;
}

static bool
drain_core(struct trial *trial, unsigned int core, enum rings_class rank)
{
	struct rte_ring *ring = rings_in(&trial->bed->gateway.rings, 0, core, rank);
	bool full = rte_ring_full(ring) != 0;
	void *entry;

	bed_unblock(ring, trial->ring_blocked[core][rank]);
	while (rte_ring_sc_dequeue(ring, &entry) == 0) {
		check_forward(trial, core, rank, entry);
		rte_pktmbuf_free(entry);
	}
	return full;
}

struct full {
	bool tx[LAB_PORTS];
	bool ring[RINGS_CLASSES];
};

/* Answers that are nowhere: no room in the ring of the port, or a limit. */
static void
account_answers(struct trial *trial, const struct full *full)
{
	struct stats_worker *wanted = &trial->wanted, *got = &trial->bed->worker->stats;
	uint64_t missing = 0, hvr = 0, limited = 0, built;

	for (unsigned int p = 0; p < LAB_PORTS; p++)
		for (unsigned int i = 0; i < trial->burst[p].n; i++) {
			const struct packet *packet = &trial->burst[p].packet[i];

			if (packet->seen || packet->fate != ANSWERED)
				continue;
			missing++;
			hvr += packet->answer == ANSWER_HVR;
		}
	if ((trial->input.limits & LIMIT_HVR) != 0)
		limited = stats_get(&got->drop[HG_DROP_HVR_PREFIX]) -
			  stats_get(&wanted->drop[HG_DROP_HVR_PREFIX]);
	fuzz_require(limited <= hvr, "%llu hellos were refused, %llu are missing",
		(unsigned long long)limited, (unsigned long long)hvr);
	fuzz_require(missing == limited || full->tx[0] || full->tx[1], "an answer is missing");
	stats_add(&wanted->drop[HG_DROP_HVR_PREFIX], limited);
	stats_add(&wanted->drop[HG_DROP_TX_FULL], missing - limited);
	atomic_fetch_sub(&wanted->hvr, limited);
	built = stats_get(&wanted->hvr) - trial->n_hvr;
	fuzz_require(limited == 0 || built >= BED_HVR_BURST, "refused after %llu answers",
		(unsigned long long)built);
}

/* Packets for the cores that are nowhere. */
static void
account_forwards(struct trial *trial, const struct full *full)
{
	static const enum hg_verdict verdict[] = { [RINGS_ESTABLISHED] = HG_DROP_RING_FULL,
		[RINGS_PENDING] = HG_DROP_RING_PENDING_FULL,
		[RINGS_NEW] = HG_DROP_RING_NEW_FULL };
	struct stats_worker *wanted = &trial->wanted, *got = &trial->bed->worker->stats;
	uint64_t forgotten = 0, counted;

	for (unsigned int p = 0; p < LAB_PORTS; p++)
		for (unsigned int i = 0; i < trial->burst[p].n; i++) {
			const struct packet *packet = &trial->burst[p].packet[i];

			if (packet->seen || packet->fate != FORWARDED)
				continue;
			if (packet->may_be_forgotten) {
				forgotten++;
				continue;
			}
			fuzz_require(full->ring[packet->rank], "a packet for a core is missing");
			stats_add(&wanted->drop[verdict[packet->rank]], 1);
		}
	/* Forgotten, or no room for it: who would know? */
	counted = stats_get(&got->drop[HG_DROP_NO_SESSION]) -
		  stats_get(&wanted->drop[HG_DROP_NO_SESSION]);
	if (counted > forgotten || !full->ring[RINGS_NEW])
		counted = forgotten;
	stats_add(&wanted->drop[HG_DROP_NO_SESSION], counted);
	stats_add(&wanted->drop[HG_DROP_RING_NEW_FULL], forgotten - counted);
}

static void
account_out(struct trial *trial, const struct full *full)
{
	stats_add(&trial->wanted.session_rx, trial->n_out);
	for (unsigned int i = 0; i < trial->n_out; i++) {
		if (trial->out[i] == NULL)
			continue;
		fuzz_require(full->tx[0] || full->tx[1], "a session's packet is missing");
		stats_add(&trial->wanted.session_tx_full, 1);
	}
}

struct bed *
check_open(void)
{
	return bed_open();
}

void
check_begin(struct trial *trial)
{
	struct history *history = &trial->history;

	history->of_clients = (trial->input.limits & LIMIT_CLIENTS) != 0;
	history->half_open_max = (trial->input.limits & LIMIT_HALF_OPEN) != 0 ? 1 : 0;
	history->n_verified = 0;
	history->n_used = 0;
	history->n_clients = 0;
	trial->n_owners = 0;
	trial->n_networks = 0;
	trial->n_hvr = stats_get(&trial->bed->worker->stats.hvr);
}

void
check_expect(struct trial *trial)
{
	trial->wanted = trial->bed->worker->stats;
	for (unsigned int p = 0; p < LAB_PORTS; p++) {
		for (unsigned int i = 0; i < trial->burst[p].n; i++)
			if ((trial->input.limits & SUMS_PARTIAL) != 0)
				trial->burst[p].packet[i].checked |= HG_NET_PARTIAL_SUM;
		worker_model(
			trial->burst[p].packet, trial->burst[p].n, &trial->clock, &trial->history);
		for (unsigned int i = 0; i < trial->burst[p].n; i++)
			trial_count(trial, &trial->burst[p].packet[i]);
	}
}

void
check_result(struct trial *trial)
{
	struct full full = { 0 };

	for (unsigned int p = 0; p < LAB_PORTS; p++)
		full.tx[p] = drain_transmit(trial, p);
	for (unsigned int c = 0; c < BED_CORES; c++)
		for (enum rings_class rank = 0; rank < RINGS_CLASSES; rank++)
			full.ring[rank] |= drain_core(trial, c, rank);
	account_answers(trial, &full);
	account_forwards(trial, &full);
	account_out(trial, &full);
	trial_check_counters(trial);
}
