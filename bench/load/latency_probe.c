/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Measures how long hellogate takes to answer a ClientHello without a cookie. Sends hellos over
 * net_memif at a steady rate, each with a sequence number of its own, which the HelloVerifyRequest
 * repeats (RFC 6347 4.2.1), and takes the time from handing a hello to the driver to finding its
 * answer in a burst.
 *
 *     latency_probe EAL-OPTIONS -- --target ADDRESS:PORT --mac MAC --source ADDRESS
 *         [--worker TID] [--search SECONDS]
 *         [--rates PPS,PPS,...] [--seconds SECONDS] [--repetitions N]
 *
 * --search finds the highest rate that is answered without loss, by bisection with trials of so
 * many seconds. Three losses speak against a rate; but one that other work on the machine is to
 * blame for, as the probe or the worker did not have its CPU all the time, does not count.
 * Then every rate is measured, in turn, as often as --repetitions says; rates below 1 are parts of
 * the one that was found. One JSON object per result.
 */
#include "load/handshake_clients.h"
#include "load/memif_link.h"

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "load/histogram.h"
#include "load/task_clock.h"

#define BURST 32u
#define TEMPLATES 256u
#define STAMPS (1u << 13)   /* hellos that may be on their way: both rings and more */
#define BACKLOG_MAX 1024.0  /* hellos that are late after a pause of ours; the rest is left out */
#define SEARCH_FROM 50000.0 /* per second */
#define SEARCH_TO 20e6
#define SEARCH_PRECISION 0.02
#define SEARCH_LOSSES 3u
#define SEARCH_TRIES 20u /* of one rate, those that do not count included */
#define SHARE_MIN 0.995  /* of a CPU, for a trial that counts */
#define SENT_MIN 0.99    /* of what was due, or the ring was full: that is loss too */
#define SETTLE_SECONDS 0.02
#define RATES_MAX 16u

/* Offsets in the frame: IPv4 without options, then the record header (RFC 6347 4.1). */
#define UDP_SUM (LINK_HEADERS - 2)
#define RECORD_SEQ_MIDDLE (LINK_HEADERS + 6)

struct hello {
	struct rte_mbuf *mbuf;
	uint32_t sum; /* of the datagram with sequence number 0 */
};

struct stamp {
	uint64_t at;
	uint32_t seq;
};

struct probe {
	struct memif_link link;
	struct hello hello[TEMPLATES];
	struct stamp *stamp;
	uint32_t seq; /* of the next hello */
	int worker;   /* task clock, or -1 */
	double search;
	double seconds;
	unsigned int repetitions;
	double rate[RATES_MAX];
	unsigned int n_rates;

	/* of this trial */
	double due; /* hellos that the rate asks for */
	uint64_t sent;
	uint64_t answered;
	double share; /* of a CPU, that the probe or the worker had, whichever had less */
	struct histogram latency; /* in TSC cycles */
};

/* A hello as OpenSSL sends it. */
static void
make_hello(struct probe *probe, unsigned int number)
{
	struct hello *hello = &probe->hello[number];
	struct handshake_clients one;
	const struct flight *out;
	uint16_t sum;

	handshake_clients_create(&one, 1);
	handshake_clients_begin(&one, false);
	out = &one.client[0].out;
	hello->mbuf = rte_pktmbuf_alloc(probe->link.pool);
	if (hello->mbuf == NULL)
		bench_die("no buffer for a hello");
	memif_link_write(&probe->link, hello->mbuf, number, out->data, out->len[0]);
	memcpy(&sum, rte_pktmbuf_mtod_offset(hello->mbuf, void *, UDP_SUM), sizeof(sum));
	hello->sum = (uint16_t)~sum;
	handshake_clients_end(&one);
	handshake_clients_free(&one);
}

/*
 * Numbers a hello: 32 bits in the middle of the 48, where they are whole words of the checksum. The
 * driver copies the frame before it returns, so one buffer serves for many hellos.
 */
static struct rte_mbuf *
number_hello(struct probe *probe, uint64_t now)
{
	struct hello *hello = &probe->hello[probe->seq % TEMPLATES];
	struct stamp *stamp = &probe->stamp[probe->seq % STAMPS];
	uint8_t *frame = rte_pktmbuf_mtod(hello->mbuf, uint8_t *);
	uint32_t seq = rte_cpu_to_be_32(probe->seq);
	uint32_t sum = hello->sum + (seq & 0xffff) + (seq >> 16);
	uint16_t folded;

	*stamp = (struct stamp){ .at = now, .seq = probe->seq };
	probe->seq++;
	memcpy(frame + RECORD_SEQ_MIDDLE, &seq, sizeof(seq));
	sum = (sum & 0xffff) + (sum >> 16);
	folded = (uint16_t) ~(sum + (sum >> 16));
	if (folded == 0)
		folded = 0xffff;
	memcpy(frame + UDP_SUM, &folded, sizeof(folded));
	rte_mbuf_refcnt_update(hello->mbuf, 1);
	return hello->mbuf;
}

static void
send_hellos(struct probe *probe, unsigned int n)
{
	struct rte_mbuf *mbuf[BURST];
	uint64_t now = rte_rdtsc();
	uint16_t sent;

	for (unsigned int i = 0; i < n; i++)
		mbuf[i] = number_hello(probe, now);
	sent = rte_eth_tx_burst(probe->link.port, 0, mbuf, (uint16_t)n);
	probe->sent += sent;
	probe->seq -= n - sent; /* those keep their place, and get a later time */
	for (unsigned int i = sent; i < n; i++)
		rte_mbuf_refcnt_update(mbuf[i], -1);
}

static void
take_answers(struct probe *probe)
{
	struct rte_mbuf *mbuf[BURST];
	uint16_t n = rte_eth_rx_burst(probe->link.port, 0, mbuf, BURST);
	uint64_t now = rte_rdtsc();

	for (unsigned int i = 0; i < n; i++) {
		uint32_t client, seq;
		struct stamp *stamp;
		size_t len;

		if (memif_link_read(&probe->link, mbuf[i], &client, &len) == NULL)
			continue;
		memcpy(&seq, rte_pktmbuf_mtod_offset(mbuf[i], void *, RECORD_SEQ_MIDDLE),
			sizeof(seq));
		seq = rte_be_to_cpu_32(seq);
		stamp = &probe->stamp[seq % STAMPS];
		if (stamp->seq != seq || stamp->at == 0)
			continue; /* of an earlier trial */
		histogram_add(&probe->latency, now - stamp->at);
		stamp->at = 0;
		probe->answered++;
	}
	rte_pktmbuf_free_bulk(mbuf, n);
}

/* Sends at a rate for so long. */
static void
send_at_rate(struct probe *probe, double rate, double seconds)
{
	double hz = (double)rte_get_tsc_hz(), skipped = 0;
	uint64_t begun = rte_rdtsc(), now = begun;
	uint64_t end = begun + (uint64_t)(seconds * hz);

	while (now < end) {
		double late;

		probe->due = (double)(now - begun) / hz * rate - skipped;
		late = probe->due - (double)probe->sent;
		if (late >= 1)
			send_hellos(probe, late < BURST ? (unsigned int)late : BURST);
		if (late > BACKLOG_MAX)
			skipped += late - BACKLOG_MAX;
		take_answers(probe);
		now = rte_rdtsc();
	}
	probe->due += skipped;
}

/* Sends at a rate for so long, and waits a moment for the last answers. */
static void
run_trial(struct probe *probe, double rate, double seconds)
{
	double wall, own, worker;
	uint64_t end;

	histogram_clear(&probe->latency);
	memset(probe->stamp, 0, STAMPS * sizeof(*probe->stamp));
	probe->sent = probe->answered = 0;
	wall = clock_seconds(CLOCK_MONOTONIC);
	own = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
	worker = probe->worker >= 0 ? (double)task_clock_read(probe->worker) / 1e9 : 0;
	send_at_rate(probe, rate, seconds);
	if (probe->worker >= 0)
		worker = (double)task_clock_read(probe->worker) / 1e9 - worker;
	own = clock_seconds(CLOCK_THREAD_CPUTIME_ID) - own;
	wall = clock_seconds(CLOCK_MONOTONIC) - wall;
	probe->share = (probe->worker >= 0 ? RTE_MIN(own, worker) : own) / wall;
	end = rte_rdtsc() + (uint64_t)(SETTLE_SECONDS * (double)rte_get_tsc_hz());
	while (probe->answered < probe->sent && rte_rdtsc() < end)
		take_answers(probe);
}

static bool
is_lossless(struct probe *probe, double rate)
{
	unsigned int losses = 0;

	for (unsigned int i = 0; i < SEARCH_TRIES && losses < SEARCH_LOSSES; i++) {
		run_trial(probe, rate, probe->search);
		if (probe->answered == probe->sent && (double)probe->sent >= SENT_MIN * probe->due)
			return true;
		losses += probe->share >= SHARE_MIN;
	}
	return false;
}

static double
search(struct probe *probe)
{
	double low = SEARCH_FROM, high = SEARCH_TO;

	while (high / low > 1 + SEARCH_PRECISION) {
		double middle = high / low > 2 ? low * 2 : (low + high) / 2;

		if (is_lossless(probe, middle))
			low = middle;
		else
			high = middle;
	}
	return low;
}

static void
report(struct probe *probe, double rate, double part)
{
	double us = 1e6 / (double)rte_get_tsc_hz();

	printf("{\"percent\": %.0f, \"offered_pps\": %.0f, \"sent\": %llu, \"lost\": %llu, "
	       "\"p50_us\": %.2f, \"p99_us\": %.2f, \"p999_us\": %.2f, \"max_us\": %.1f, "
	       "\"cpu_share\": %.4f}\n",
		part * 100, rate, (unsigned long long)probe->sent,
		(unsigned long long)(probe->sent - probe->answered),
		us * (double)histogram_quantile(&probe->latency, 0.5),
		us * (double)histogram_quantile(&probe->latency, 0.99),
		us * (double)histogram_quantile(&probe->latency, 0.999),
		us * (double)probe->latency.max, probe->share);
	fflush(stdout);
}

static void
run(struct probe *probe)
{
	double capacity = 0;

	if (probe->search > 0) {
		capacity = search(probe);
		printf("{\"capacity_pps\": %.0f}\n", capacity);
		fflush(stdout);
	}
	for (unsigned int i = 0; i < probe->repetitions; i++)
		for (unsigned int k = 0; k < probe->n_rates; k++) {
			double part = probe->rate[k] < 1 ? probe->rate[k] : 0;
			double rate = part > 0 ? part * capacity : probe->rate[k];

			run_trial(probe, rate, probe->seconds);
			report(probe, rate, part);
		}
}

/* The far end says that it is up before it takes packets. */
static void
await_gateway(struct probe *probe)
{
	double waited = 0;

	do {
		run_trial(probe, 1000, 0.01);
		waited += 0.01 + SETTLE_SECONDS;
	} while (probe->answered == 0 && waited < 5);
	if (probe->answered == 0)
		bench_die("the gateway does not answer");
}

static _Noreturn void
usage(void)
{
	fputs("usage: latency_probe EAL-OPTIONS -- --target ADDRESS:PORT --mac MAC\n"
	      "           --source ADDRESS [--worker TID] [--search SECONDS]\n"
	      "           [--rates PPS,PPS,...] [--seconds SECONDS] [--repetitions N]\n",
		stderr);
	exit(2);
}

static void
parse_rates(struct probe *probe, char *text)
{
	const char *rate;

	while ((rate = strsep(&text, ",")) != NULL && probe->n_rates < RATES_MAX)
		probe->rate[probe->n_rates++] = strtod(rate, NULL);
}

static void
parse(struct probe *probe, int argc, char **argv)
{
	static const struct option options[] = {
		{ "target", required_argument, NULL, 't' },
		{ "mac", required_argument, NULL, 'm' },
		{ "source", required_argument, NULL, 's' },
		{ "worker", required_argument, NULL, 'k' },
		{ "search", required_argument, NULL, 'c' },
		{ "rates", required_argument, NULL, 'r' },
		{ "seconds", required_argument, NULL, 'd' },
		{ "repetitions", required_argument, NULL, 'n' },
		{ NULL, 0, NULL, 0 },
	};
	int option, wrong = 0;

	probe->worker = -1;
	probe->seconds = 1;
	probe->repetitions = 1;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 't':
		case 'm':
		case 's':
			wrong |= memif_link_set(&probe->link, option, optarg);
			break;
		case 'k':
			probe->worker = task_clock_open((int)strtol(optarg, NULL, 10));
			wrong |= probe->worker < 0;
			break;
		case 'c':
			probe->search = strtod(optarg, NULL);
			break;
		case 'r':
			parse_rates(probe, optarg);
			break;
		case 'd':
			probe->seconds = strtod(optarg, NULL);
			break;
		case 'n':
			probe->repetitions = (unsigned int)strtoul(optarg, NULL, 10);
			break;
		default:
			usage();
		}
	}
	if (wrong || probe->link.target == 0 || probe->link.source == 0 || optind != argc)
		usage();
}

int
main(int argc, char **argv)
{
	struct probe *probe = calloc(1, sizeof(*probe));
	int used = rte_eal_init(argc, argv);

	if (probe == NULL || used < 0)
		bench_die("DPDK does not start");
	parse(probe, argc - used, argv + used);
	memif_link_start(&probe->link, 2047);
	probe->stamp = calloc(STAMPS, sizeof(*probe->stamp));
	if (probe->stamp == NULL)
		bench_die("no memory for time stamps");
	for (unsigned int i = 0; i < TEMPLATES; i++)
		make_hello(probe, i);
	await_gateway(probe);
	run(probe);
	for (unsigned int i = 0; i < TEMPLATES; i++)
		rte_pktmbuf_free(probe->hello[i].mbuf);
	memif_link_stop(&probe->link);
	free(probe->stamp);
	free(probe);
	rte_eal_cleanup();
	return 0;
}
