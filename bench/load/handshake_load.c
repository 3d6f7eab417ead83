/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Loads hellogate with DTLS handshakes over net_memif. Clients take their steps together: every
 * second hello is sent with a window that keeps the rings filled, then the answers are worked on
 * while the gateway rests, then every last flight is sent, and so on. So the handshake core is
 * never short of work while it is timed, though the clients cost more than the server.
 *
 *     handshake_load EAL-OPTIONS -- --target ADDRESS:PORT --mac MAC --source ADDRESS
 *         [--clients N] [--rounds N] [--resume] [--core TID]
 *         [--hold half-open|established [--pause-at N]]
 *
 * Prints one JSON object per round: CPU time of the handshake core over the
 * phases that belong to handshakes, from the second hello to the gateway's close_notify, and how
 * long these phases took. With --hold it brings that many sessions to the given state, says so, and
 * ends at the next line of its input without a good-bye; before that it stops in the same way when
 * the first N are there.
 */
#include "load/handshake_clients.h"
#include "load/memif_link.h"
#include "load/task_clock.h"

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"

#define BURST 32u
#define WINDOW 192u /* clients whose datagrams the rings of 512 are sure to hold */
#define PATIENCE_SECONDS 5u
#define HOLD_BATCH 256u
#define POOL_BUFFERS 4095u

enum hold {
	HOLD_NONE,
	HOLD_HALF_OPEN,
	HOLD_ESTABLISHED,
};

struct load {
	struct memif_link link;
	struct handshake_clients clients;
	unsigned int n;
	unsigned int rounds;
	bool resume;
	enum hold hold;
	unsigned int pause_at;
	uint32_t first; /* number of the first of these clients */
	int core;       /* task clock of the handshake core, or -1 */

	/* of this phase */
	unsigned int sent;
	unsigned int answered;

	/* of this round */
	uint64_t core_ns;
	uint64_t wall_ns;
};

static uint64_t
clock_of(int fd)
{
	return fd >= 0 ? task_clock_read(fd) : 0;
}

/* Sends one client's flight. */
static void
send_flight(struct load *load, unsigned int i)
{
	const struct flight *out = &load->clients.client[i].out;
	struct rte_mbuf *mbuf[FLIGHT_DATAGRAMS];
	unsigned int sent = 0;

	if (rte_pktmbuf_alloc_bulk(load->link.pool, mbuf, out->n) != 0)
		bench_die("no buffer to send from");
	for (unsigned int k = 0; k < out->n; k++)
		memif_link_write(&load->link, mbuf[k], load->first + i, flight_datagram(out, k),
			out->len[k]);
	while (sent < out->n) /* a full ring empties: the worker never stops taking */
		sent += rte_eth_tx_burst(
			load->link.port, 0, mbuf + sent, (uint16_t)(out->n - sent));
}

static void
take(struct load *load, struct rte_mbuf *mbuf, enum answer wanted)
{
	uint32_t client;
	size_t len;
	const uint8_t *datagram = memif_link_read(&load->link, mbuf, &client, &len);

	if (datagram != NULL && client - load->first < load->n) {
		struct handshake_client *to = &load->clients.client[client - load->first];
		enum answer answer = handshake_answer(datagram, len);

		if (answer == ANSWER_ALERT)
			bench_die("the gateway sends an alert to client %u", client);
		/* What comes after the answer, or belongs to the step before, was sent again. */
		if (!to->answered && (answer == ANSWER_PART || answer == wanted))
			flight_add(&to->in, datagram, len);
		if (!to->answered && answer == wanted) {
			to->answered = true;
			load->answered++;
		}
	}
	rte_pktmbuf_free(mbuf);
}

/* Sends what the window allows and takes what has come. Returns false if there was nothing. */
static bool
exchange_some(struct load *load, enum answer wanted)
{
	struct rte_mbuf *mbuf[BURST];
	unsigned int before = load->sent;
	uint16_t n;

	while (load->sent < load->n && load->sent - load->answered < WINDOW &&
		load->sent - before < BURST)
		send_flight(load, load->sent++);
	n = rte_eth_rx_burst(load->link.port, 0, mbuf, BURST);
	for (unsigned int i = 0; i < n; i++)
		take(load, mbuf[i], wanted);
	return n != 0 || load->sent != before;
}

/* Sends every flight and waits for the answers. */
static void
exchange(struct load *load, enum answer wanted)
{
	const struct timespec moment = { .tv_nsec = 10000 };
	uint64_t last = clock_ns(CLOCK_MONOTONIC);

	load->sent = load->answered = 0;
	for (unsigned int i = 0; i < load->n; i++)
		load->clients.client[i].answered = false;
	while (load->answered < load->n) {
		if (exchange_some(load, wanted)) {
			last = clock_ns(CLOCK_MONOTONIC);
			continue;
		}
		nanosleep(&moment, NULL); /* the worker may need this CPU */
		if (clock_ns(CLOCK_MONOTONIC) - last > PATIENCE_SECONDS * 1000000000ull)
			bench_die(
				"%u of %u answers are missing", load->n - load->answered, load->n);
	}
}

/* An exchange that is part of what is measured. */
static void
exchange_timed(struct load *load, enum answer wanted)
{
	uint64_t core = clock_of(load->core), begun = clock_ns(CLOCK_MONOTONIC);

	exchange(load, wanted);
	load->wall_ns += clock_ns(CLOCK_MONOTONIC) - begun;
	load->core_ns += clock_of(load->core) - core;
}

/* The far end says that it is up before it takes packets, so the first hellos may get lost. */
static void
await_gateway(struct load *load)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	struct rte_mbuf *mbuf[BURST];
	uint64_t begun = clock_ns(CLOCK_MONOTONIC);
	uint16_t n = 0;

	handshake_clients_begin(&load->clients, false);
	while (n == 0) {
		send_flight(load, 0);
		nanosleep(&moment, NULL);
		n = rte_eth_rx_burst(load->link.port, 0, mbuf, BURST);
		if (clock_ns(CLOCK_MONOTONIC) - begun > PATIENCE_SECONDS * 1000000000ull)
			bench_die("the gateway does not answer");
	}
	while (n != 0) { /* until no answer is on its way */
		rte_pktmbuf_free_bulk(mbuf, n);
		nanosleep(&moment, NULL);
		n = rte_eth_rx_burst(load->link.port, 0, mbuf, BURST);
	}
	handshake_clients_end(&load->clients);
}

/* From the first hello to complete handshakes. */
static void
shake_hands(struct load *load, bool resume)
{
	handshake_clients_begin(&load->clients, resume);
	exchange(load, ANSWER_VERIFY); /* the worker's alone, so not timed */
	handshake_clients_step(&load->clients);
	exchange_timed(load, resume ? ANSWER_FINISHED : ANSWER_HELLO_DONE);
	handshake_clients_step(&load->clients);
	if (resume)
		return;
	exchange_timed(load, ANSWER_FINISHED);
	handshake_clients_step(&load->clients);
}

static void
run_round(struct load *load, bool resume)
{
	load->core_ns = load->wall_ns = 0;
	shake_hands(load, resume);
	handshake_clients_check(&load->clients, resume);
	/* The last flight of a resumed handshake is the client's: close_notify goes with it. */
	handshake_clients_close(&load->clients);
	exchange_timed(load, ANSWER_CLOSED);
	handshake_clients_end(&load->clients);
}

static void
wait_for_line(unsigned int held)
{
	char line[8];

	printf("{\"held\": %u}\n", held);
	fflush(stdout);
	if (fgets(line, sizeof(line), stdin) == NULL)
		bench_die("the input has ended");
}

/* Brings sessions to the state that is asked for until there are so many. */
static void
hold(struct load *load, unsigned int total)
{
	while (load->first < total) {
		load->clients.n = load->n = RTE_MIN(HOLD_BATCH, total - load->first);
		if (load->hold == HOLD_ESTABLISHED) {
			shake_hands(load, false);
		} else {
			handshake_clients_begin(&load->clients, false);
			exchange(load, ANSWER_VERIFY);
			handshake_clients_step(&load->clients);
			exchange(load, ANSWER_HELLO_DONE);
		}
		handshake_clients_end(&load->clients);
		load->first += load->n;
	}
	wait_for_line(total);
}

static _Noreturn void
usage(void)
{
	fputs("usage: handshake_load EAL-OPTIONS -- --target ADDRESS:PORT --mac MAC\n"
	      "           --source ADDRESS [--clients N] [--rounds N] [--resume] [--core TID]\n"
	      "           [--hold half-open|established [--pause-at N]]\n",
		stderr);
	exit(2);
}

static int
open_clock(const char *thread)
{
	int fd = task_clock_open((int)strtol(thread, NULL, 10));

	if (fd < 0) {
		perror("handshake_load: task clock");
		exit(1);
	}
	return fd;
}

static enum hold
parse_hold(const char *text)
{
	if (strcmp(text, "half-open") == 0)
		return HOLD_HALF_OPEN;
	if (strcmp(text, "established") == 0)
		return HOLD_ESTABLISHED;
	usage();
}

static void
parse(struct load *load, int argc, char **argv)
{
	static const struct option options[] = {
		{ "target", required_argument, NULL, 't' },
		{ "mac", required_argument, NULL, 'm' },
		{ "source", required_argument, NULL, 's' },
		{ "clients", required_argument, NULL, 'n' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "resume", no_argument, NULL, 'u' },
		{ "core", required_argument, NULL, 'c' },
		{ "hold", required_argument, NULL, 'h' },
		{ "pause-at", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	int option, wrong = 0;

	*load = (struct load){ .n = 256, .rounds = 4, .core = -1 };
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 't':
		case 'm':
		case 's':
			wrong |= memif_link_set(&load->link, option, optarg);
			break;
		case 'n':
			load->n = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			load->rounds = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		case 'u':
			load->resume = true;
			break;
		case 'c':
			load->core = open_clock(optarg);
			break;
		case 'h':
			load->hold = parse_hold(optarg);
			break;
		case 'p':
			load->pause_at = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		default:
			usage();
		}
	}
	if (wrong || load->link.target == 0 || load->link.source == 0 || load->n == 0 ||
		optind != argc)
		usage();
}

static void
run_rounds(struct load *load)
{
	run_round(load, false); /* warms up, and brings tickets */
	for (unsigned int round = 0; round < load->rounds; round++) {
		run_round(load, load->resume);
		printf("{\"handshakes\": %u, \"core_ns\": %llu, \"wall_ns\": %llu}\n", load->n,
			(unsigned long long)load->core_ns, (unsigned long long)load->wall_ns);
		fflush(stdout);
	}
}

static void
hold_all(struct load *load)
{
	unsigned int total = load->n;

	if (load->pause_at != 0)
		hold(load, load->pause_at);
	hold(load, total);
}

int
main(int argc, char **argv)
{
	struct load load;
	int used = rte_eal_init(argc, argv);

	if (used < 0)
		bench_die("DPDK does not start");
	parse(&load, argc - used, argv + used);
	memif_link_start(&load.link, POOL_BUFFERS);
	handshake_clients_create(&load.clients, load.hold == HOLD_NONE ? load.n : HOLD_BATCH);
	await_gateway(&load);
	if (load.hold == HOLD_NONE)
		run_rounds(&load);
	else
		hold_all(&load);
	load.clients.n = load.hold == HOLD_NONE ? load.n : HOLD_BATCH;
	handshake_clients_free(&load.clients);
	memif_link_stop(&load.link);
	rte_eal_cleanup();
	return 0;
}
