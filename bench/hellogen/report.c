/* SPDX-License-Identifier: BSD-3-Clause */
#include "report.h"

#include <rte_cycles.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static const struct {
	const char *name, *meaning;
} counters[] = {
#define COUNTER_ROW(NAME, name, meaning) { #name, meaning },
	COUNTERS(COUNTER_ROW)
#undef COUNTER_ROW
};

void
report_look(struct report *report, struct engine *const *engine, unsigned int n)
{
	memset(report, 0, sizeof(*report));
	for (unsigned int i = 0; i < n; i++) {
		for (unsigned int k = 0; k < COUNTERS_N; k++)
			report->counter[k] += counter_read(&engine[i]->counter[k]);
		for (unsigned int k = 0; k < CHECK_FAULTS_N; k++) {
			uint64_t faults = counter_read(&engine[i]->fault[k]);

			report->fault[k] += faults;
			report->faults += faults;
		}
	}
}

static void
merge(struct histogram *into, const struct histogram *from)
{
	for (unsigned int bin = 0; bin < HISTOGRAM_BINS; bin++)
		into->bin[bin] += from->bin[bin];
	into->n += from->n;
	into->max = RTE_MAX(into->max, from->max);
}

void
report_finish(struct report *report, struct engine *const *engine, unsigned int n)
{
	report_look(report, engine, n);
	report->cookie_min = UINT32_MAX;
	for (unsigned int i = 0; i < n; i++) {
		double seconds =
			(double)(engine[i]->ended - engine[i]->began) / (double)rte_get_tsc_hz();

		report->seconds = RTE_MAX(report->seconds, seconds);
		report->cookie_min = RTE_MIN(report->cookie_min, engine[i]->cookie_min);
		report->cookie_max = RTE_MAX(report->cookie_max, engine[i]->cookie_max);
		merge(&report->to_hvr, &engine[i]->to_hvr);
		merge(&report->to_server_hello, &engine[i]->to_server_hello);
	}
	if (report->cookie_max == 0)
		report->cookie_min = 0;
}

static double
ratio(uint64_t in, uint64_t out)
{
	return out != 0 ? (double)in / (double)out : 0;
}

static uint64_t
sent(const struct report *report)
{
	return report->counter[COUNTER_UNPROVEN_OUT] + report->counter[COUNTER_PROVEN_OUT];
}

void
report_line(
	const struct report *before, const struct report *now, double seconds, double since_start)
{
	const uint64_t *was = before->counter, *is = now->counter;

	printf("%6.1f s  sent %.0f/s  HVRs %.0f/s  second hellos %.0f/s  ServerHellos %.0f/s  "
	       "faults %llu  unanswered %llu\n",
		since_start, (double)(sent(now) - sent(before)) / seconds,
		(double)(is[COUNTER_HVR] - was[COUNTER_HVR]) / seconds,
		(double)(is[COUNTER_SECOND_HELLOS] - was[COUNTER_SECOND_HELLOS]) / seconds,
		(double)(is[COUNTER_SERVER_HELLOS] - was[COUNTER_SERVER_HELLOS]) / seconds,
		(unsigned long long)now->faults, (unsigned long long)is[COUNTER_UNANSWERED]);
	fflush(stdout);
}

static double
microseconds(const struct histogram *histogram, double quantile)
{
	return (double)histogram_quantile(histogram, quantile) * 1e6 / (double)rte_get_tsc_hz();
}

static void
print_rtt(const char *name, const struct histogram *histogram, FILE *to)
{
	if (histogram->n != 0)
		fprintf(to, "%-24s p50 %.1f us, p99 %.1f us, p99.9 %.1f us, of %llu\n", name,
			microseconds(histogram, 0.5), microseconds(histogram, 0.99),
			microseconds(histogram, 0.999), (unsigned long long)histogram->n);
}

static void
print_amplification(const char *who, const uint64_t *out, const uint64_t *in, FILE *to)
{
	if (out[0] != 0)
		fprintf(to, "amplification %-10s packets %.3f, UDP payload %.3f, IP %.3f\n", who,
			ratio(in[0], out[0]), ratio(in[1], out[1]), ratio(in[2], out[2]));
}

void
report_print(const struct report *report, FILE *to)
{
	const uint64_t *counter = report->counter;

	for (unsigned int i = 0; i < COUNTERS_N; i++)
		if (counter[i] != 0)
			fprintf(to, "%-24s %-16llu %s\n", counters[i].name,
				(unsigned long long)counter[i], counters[i].meaning);
	for (unsigned int i = 0; i < CHECK_FAULTS_N; i++)
		if (report->fault[i] != 0)
			fprintf(to, "fault %-18s %-16llu %s\n", check_name(i),
				(unsigned long long)report->fault[i], check_meaning(i));
	print_rtt("hello to HVR", &report->to_hvr, to);
	print_rtt("cookie to ServerHello", &report->to_server_hello, to);
	if (report->cookie_max != 0)
		fprintf(to, "%-24s %u to %u bytes\n", "cookies", report->cookie_min,
			report->cookie_max);
	print_amplification(
		"unproven", counter + COUNTER_UNPROVEN_OUT, counter + COUNTER_UNPROVEN_IN, to);
	print_amplification(
		"proven", counter + COUNTER_PROVEN_OUT, counter + COUNTER_PROVEN_IN, to);
	fprintf(to, "%-24s %.3f s, %.0f packets a second\n", "sent for", report->seconds,
		report->seconds > 0 ? (double)sent(report) / report->seconds : 0);
	fflush(to);
}

static void
json_rtt(FILE *file, const char *name, const struct histogram *histogram, const char *end)
{
	fprintf(file,
		"    \"%s\": {\"n\": %llu, \"p50\": %.3f, \"p99\": %.3f, \"p999\": %.3f, "
		"\"max\": %.3f}%s\n",
		name, (unsigned long long)histogram->n, microseconds(histogram, 0.5),
		microseconds(histogram, 0.99), microseconds(histogram, 0.999),
		(double)histogram->max * 1e6 / (double)rte_get_tsc_hz(), end);
}

static void
json_amplification(
	FILE *file, const char *name, const uint64_t *out, const uint64_t *in, const char *end)
{
	fprintf(file,
		"    \"%s\": {\"packets_out\": %llu, \"payload_out\": %llu, \"ip_out\": %llu, "
		"\"packets_in\": %llu, \"payload_in\": %llu, \"ip_in\": %llu, "
		"\"packets\": %.6f, \"payload\": %.6f, \"ip\": %.6f}%s\n",
		name, (unsigned long long)out[0], (unsigned long long)out[1],
		(unsigned long long)out[2], (unsigned long long)in[0], (unsigned long long)in[1],
		(unsigned long long)in[2], ratio(in[0], out[0]), ratio(in[1], out[1]),
		ratio(in[2], out[2]), end);
}

static void
json_head(FILE *file, const struct report *report, const struct command *command)
{
	const struct address *target = &command->target;
	char text[INET6_ADDRSTRLEN];

	inet_ntop(target->family == 4 ? AF_INET : AF_INET6, target->bytes, text, sizeof(text));
	fprintf(file,
		"{\n  \"schema\": %u,\n  \"program\": \"hellogen\",\n  \"version\": \"%s\",\n"
		"  \"target\": {\"address\": \"%s\", \"port\": %u},\n  \"queues\": %u,\n"
		"  \"rate\": %.0f,\n  \"seconds\": %.6f,\n  \"packets_per_second\": %.0f,\n"
		"  \"mix\": {",
		REPORT_SCHEMA, HG_VERSION, text, target->port, command->queues, command->rate,
		report->seconds, report->seconds > 0 ? (double)sent(report) / report->seconds : 0);
	for (unsigned int mode = 0; mode < PLAN_MODES_N; mode++)
		fprintf(file, "%s\"%s\": %llu", mode == 0 ? "" : ", ", plan_mode_name(mode),
			(unsigned long long)command->weight[mode]);
	fputs("},\n", file);
}

static void
json_body(FILE *file, const struct report *report)
{
	const uint64_t *counter = report->counter;

	fputs("  \"counters\": {\n", file);
	for (unsigned int i = 0; i < COUNTERS_N; i++)
		fprintf(file, "    \"%s\": %llu%s\n", counters[i].name,
			(unsigned long long)counter[i], i + 1 < COUNTERS_N ? "," : "");
	fputs("  },\n  \"faults\": {\n", file);
	for (unsigned int i = 0; i < CHECK_FAULTS_N; i++)
		fprintf(file, "    \"%s\": %llu%s\n", check_name(i),
			(unsigned long long)report->fault[i], i + 1 < CHECK_FAULTS_N ? "," : "");
	fputs("  },\n  \"rtt_us\": {\n", file);
	json_rtt(file, "hvr", &report->to_hvr, ",");
	json_rtt(file, "server_hello", &report->to_server_hello, "");
	fprintf(file, "  },\n  \"cookie_bytes\": {\"min\": %u, \"max\": %u},\n", report->cookie_min,
		report->cookie_max);
	fputs("  \"amplification\": {\n", file);
	json_amplification(file, "unproven", counter + COUNTER_UNPROVEN_OUT,
		counter + COUNTER_UNPROVEN_IN, ",");
	json_amplification(
		file, "proven", counter + COUNTER_PROVEN_OUT, counter + COUNTER_PROVEN_IN, "");
	fputs("  }\n}\n", file);
}

int
report_write_json(const struct report *report, const struct command *command, const char *path,
	struct error *error)
{
	FILE *file = fopen(path, "we");
	int failed;

	if (file == NULL)
		return error_set(error, "--json: %s: %s", path, strerror(errno));
	json_head(file, report, command);
	json_body(file, report);
	failed = ferror(file);
	if (fclose(file) != 0 || failed)
		return error_set(error, "--json: %s: cannot be written", path);
	return 0;
}
