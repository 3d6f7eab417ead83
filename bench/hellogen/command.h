/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "config/address.h"
#include "config/error.h"
#include "plan.h"

#define COMMAND_SECONDS 10u
#define COMMAND_PCAP_COUNT 1024u

struct command {
	const char *device;
	const char *profile; /* NULL: that of the device's driver */
	bool has_mac;
	uint8_t mac[6];
	bool has_far_mac;
	uint8_t far_mac[6];
	struct address target; /* with its port */
	struct address own;    /* family 0: none */
	struct address src;    /* a prefix */
	uint16_t first_port, last_port;
	bool shuffled;
	bool plain;
	struct template template[TEMPLATES_MAX];
	unsigned int n_templates;
	uint64_t weight[PLAN_MODES_N];
	bool has_mix;
	bool rate_has_modes;
	double rate; /* per second, all queues together; 0: as fast as possible */
	double seconds;
	uint64_t count; /* 0: any number */
	uint32_t window;
	uint32_t timeout_ms;
	bool close;
	uint32_t queues;
	bool has_seed;
	uint64_t seed;
	const char *json;
	const char *write_pcap;
	bool any_address;
	bool quiet;
	bool list;
	bool help;
	bool version;
	int n_eal; /* what follows -- */
	char **eal;
};

/* Reads and checks all of it. Returns 0 or -EINVAL. The strings are argv's. */
int command_parse(struct command *command, int argc, char **argv, struct error *error);

/* What command_parse() does last: what must be there, what goes together, defaults. */
int command_check(struct command *command, struct error *error);

void command_print_help(void);
void command_print_list(void);
