/* SPDX-License-Identifier: BSD-3-Clause */
/* hellogen: sends DTLS ClientHellos to a server, and checks what it answers. See README.md. */
#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "command.h"
#include "engine.h"
#include "link.h"
#include "pcap_write.h"
#include "report.h"

#define TICK_US 20000u
#define EXIT_WRONG 2

/* A signal handler has no other way to say something. */
static atomic_bool stop;

struct run {
	struct command command;
	struct plan plan;
	struct link link;
	struct neighbour neighbour;
	struct engine *engine[ENGINE_QUEUES_MAX];
	struct report report, before;
};

static void
on_signal(int sig)
{
	(void)sig;
	atomic_store_explicit(&stop, true, memory_order_relaxed);
}

static void
prepare_plan(struct run *run)
{
	const struct command *command = &run->command;
	struct plan *plan = &run->plan;

	plan->link.target = command->target;
	memcpy(plan->template, command->template, sizeof(plan->template));
	plan->n_templates = command->n_templates;
	memcpy(plan->weight, command->weight, sizeof(plan->weight));
	plan->plain = command->plain;
	plan->seed = command->seed;
	if (!command->has_seed && getrandom(&plan->seed, sizeof(plan->seed), 0) < 0)
		plan->seed = rte_rdtsc();
	source_range_init(
		&run->neighbour.range, &command->src, command->first_port, command->last_port);
	run->neighbour.own = command->own;
}

static int
write_pcap(struct run *run, struct error *error)
{
	static const uint8_t own[6] = { 2, 0, 0, 0, 0, 0x0b };
	const struct command *command = &run->command;
	struct source_part part;
	int err;

	memcpy(run->plan.link.own_mac, command->has_mac ? command->mac : own, 6);
	memcpy(run->plan.link.far_mac, command->far_mac, 6);
	plan_draw(&run->plan);
	err = source_part_init(
		&part, &run->neighbour.range, 0, 1, command->shuffled, run->plan.seed, error);
	if (err != 0)
		return err;
	return pcap_write(command->write_pcap, &run->plan, &part, run->plan.seed, command->count,
		command->rate, error);
}

/* A share of what the command says about all queues. */
static void
set_limits(struct engine *engine, const struct command *command, unsigned int number)
{
	double hz = (double)rte_get_tsc_hz();

	engine->limits = (struct engine_limits){
		.count = UINT64_MAX,
		.rate = command->rate / hz / command->queues,
		.duration = (uint64_t)(command->seconds * hz),
		.timeout = (uint64_t)(command->timeout_ms * hz / 1000),
		.window = command->window,
		.close = command->close,
	};
	if (command->count != 0)
		engine->limits.count = command->count / command->queues +
				       (number < command->count % command->queues);
}

static int
create_engine(struct run *run, unsigned int number, struct error *error)
{
	struct engine *engine = calloc(1, sizeof(*engine));
	int node = nodes_first(&run->link.nodes, run->link.nodes.worker[number]), err;
	const struct command *command = &run->command;
	char name[32];

	if (engine == NULL)
		return error_set(error, "too little memory");
	run->engine[number] = engine;
	engine->plan = &run->plan;
	set_limits(engine, command, number);
	engine->limits.burst = RTE_MIN(run->link.settings.profile.burst, ENGINE_BURST_MAX);
	engine->neighbour = run->neighbour;
	engine->port = run->link.port.id;
	engine->queue = (uint16_t)number;
	engine->n_parts = command->queues;
	engine->engine = run->engine;
	engine->pool = run->link.pool[number];
	engine->stop = &stop;
	engine->seed = run->plan.seed + number * UINT64_C(0xd1342543de82ef95);
	atomic_init(&engine->sending, true);
	err = source_part_init(&engine->part, &run->neighbour.range, number, command->queues,
		command->shuffled, engine->seed, error);
	if (err != 0)
		return err;
	snprintf(name, sizeof(name), "inbox_%u", number);
	if (command->queues > 1) {
		do
			engine->inbox = rte_ring_create(name, ENGINE_RING, node, RING_F_SC_DEQ);
		while (engine->inbox == NULL && nodes_fall_back(&run->link.nodes, &node));
	}
	if ((command->queues > 1 && engine->inbox == NULL) || engine_open(engine) != 0)
		return error_set(error, "too little memory for queue %u", number);
	return 0;
}

static void
destroy_engines(struct run *run)
{
	for (unsigned int i = 0; i < ENGINE_QUEUES_MAX; i++) {
		struct engine *engine = run->engine[i];

		if (engine == NULL)
			continue;
		engine_close(engine);
		rte_ring_free(engine->inbox);
		free(engine);
	}
}

static bool
all(const struct run *run, bool done)
{
	for (unsigned int i = 0; i < run->command.queues; i++) {
		const struct engine *engine = run->engine[i];

		if (done ? !atomic_load_explicit(&engine->done, memory_order_acquire)
			 : atomic_load_explicit(&engine->sending, memory_order_acquire))
			return false;
	}
	return true;
}

/* A line each second while the engines send. */
static void
watch(struct run *run)
{
	uint64_t hz = rte_get_tsc_hz(), begun = rte_get_tsc_cycles(), last = begun;

	while (!all(run, true)) {
		uint64_t now;

		rte_delay_us_sleep(TICK_US);
		now = rte_get_tsc_cycles();
		if (run->command.quiet || now - last < hz || all(run, false))
			continue;
		report_look(&run->report, run->engine, run->command.queues);
		report_line(&run->before, &run->report, (double)(now - last) / (double)hz,
			(double)(now - begun) / (double)hz);
		run->before = run->report;
		last = now;
	}
}

static int
generate(struct run *run, struct error *error)
{
	struct plan *plan = &run->plan;
	unsigned int lcore, number = 0;
	int err;

	err = link_open(&run->link, &run->command, error);
	if (err != 0)
		return err;
	err = link_meet(
		&run->link, &run->command, &run->neighbour, plan->link.far_mac, &stop, error);
	if (err != 0)
		return err;
	memcpy(plan->link.own_mac, run->neighbour.mac, sizeof(plan->link.own_mac));
	plan_draw(plan);
	for (unsigned int i = 0; i < run->command.queues; i++) {
		err = create_engine(run, i, error);
		if (err != 0)
			return err;
	}
	RTE_LCORE_FOREACH_WORKER (lcore) {
		if (number < run->command.queues)
			rte_eal_remote_launch(engine_run, run->engine[number++], lcore);
	}
	watch(run);
	rte_eal_mp_wait_lcore();
	report_finish(&run->report, run->engine, run->command.queues);
	report_print(&run->report, stdout);
	if (run->command.json != NULL)
		err = report_write_json(&run->report, &run->command, run->command.json, error);
	return err;
}

static int
finish(struct run *run)
{
	unsigned int missing;

	destroy_engines(run);
	missing = link_close(&run->link);
	if (missing != 0)
		fprintf(stderr, "hellogen: %u buffers were not given back\n", missing);
	return missing != 0 || run->report.faults != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int
start(struct run *run, struct error *error)
{
	struct sigaction action = { .sa_handler = on_signal };
	int err, code;

	prepare_plan(run);
	if (run->command.write_pcap != NULL)
		return write_pcap(run, error) == 0 ? EXIT_SUCCESS : EXIT_WRONG;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	err = generate(run, error);
	code = finish(run);
	return err == 0 ? code : EXIT_WRONG;
}

int
main(int argc, char **argv)
{
	struct run *run = calloc(1, sizeof(*run));
	struct error error = { "too little memory" };
	int code = EXIT_WRONG;

	if (run != NULL && command_parse(&run->command, argc, argv, &error) == 0) {
		code = EXIT_SUCCESS;
		if (run->command.help)
			command_print_help();
		else if (run->command.list)
			command_print_list();
		else if (run->command.version)
			puts("hellogen " HG_VERSION);
		else
			code = start(run, &error);
	}
	if (code == EXIT_WRONG)
		fprintf(stderr, "hellogen: %s.\n", error.text);
	free(run);
	return code;
}
