/* SPDX-License-Identifier: BSD-3-Clause */
#include "command.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/options.h"
#include "junk.h"

#define RATE_MAX 1e9
#define SECONDS_MAX 1e7
#define WEIGHT_MAX 1000000000u
#define TEXT_MAX 256u

/* X(ID, "name", "VALUE" or NULL, "meaning") */
#define OPTIONS(X)                                                                               \
	X(DEVICE, "device", "DEVICE",                                                            \
		"DPDK device, e.g. net_af_packet0,iface=eth1 or 0000:01:00.0")                   \
	X(PROFILE, "profile", "NAME", "driver profile; default: that of the device's driver")    \
	X(MAC, "mac", "MAC", "own MAC address; default: the device's")                           \
	X(TARGET, "target", "ADDRESS:PORT", "server; IPv6 as [ADDRESS]:PORT")                    \
	X(DST_MAC, "dst-mac", "MAC", "where frames go; default: asked for by ARP or ND")         \
	X(OWN, "own", "ADDRESS", "address that answers ARP and ND beside the sources")           \
	X(SRC, "src", "PREFIX", "source addresses, e.g. 198.18.128.0/17")                        \
	X(PORTS, "ports", "FIRST-LAST", "source ports; default: 1024-65535")                     \
	X(ORDER, "order", "ORDER", "of the sources: random (default) or range")                  \
	X(MIX, "mix", "MODE[=WEIGHT],...", "what is sent, in which proportions; default: flood") \
	X(RATE, "rate", "PPS",                                                                   \
		"hellos, junk and copies a second, or MODE=PPS,... in place of --mix")           \
	X(SECONDS, "seconds", "S", "how long to send; default: 10")                              \
	X(COUNT, "count", "N", "how many hellos, junk and copies; default: any number")          \
	X(HELLO, "hello", "NAME,...", "hellos, in turn, see --list; default: openssl")           \
	X(HELLO_FILE, "hello-file", "FILE", "hello in hex, a datagram a line; may be repeated")  \
	X(PLAIN, "plain-numbers", NULL, "record sequence numbers from 0, as clients have them")  \
	X(WINDOW, "window", "N", "open probes of a queue; default: 1024")                        \
	X(TIMEOUT, "timeout", "MS", "how long an answer is waited for; default: 1000")           \
	X(PROBE_END, "probe-end", "HOW", "after the ServerHello: abandon (default) or alert")    \
	X(QUEUES, "queues", "N", "queues of the device, one lcore each; default: 1")             \
	X(SEED, "seed", "N", "the same hellos again; default: others each time")                 \
	X(JSON, "json", "FILE", "write the results there")                                       \
	X(WRITE_PCAP, "write-pcap", "FILE", "write --count packets (1024) there, send nothing")  \
	X(ANY_ADDRESS, "any-address", NULL, "also addresses that may be somebody's")             \
	X(QUIET, "quiet", NULL, "no line a second")                                              \
	X(LIST, "list", NULL, "print hellos, modes and kinds of junk, and exit")                 \
	X(VERSION, "version", NULL, "print the version, and exit")                               \
	X(HELP, "help", NULL, "print this, and exit")

enum option_id {
	OPTION_NONE = 256, /* what getopt_long() returns for itself is below */
#define OPTION_ENUM(ID, name, value, meaning) OPTION_##ID,
	OPTIONS(OPTION_ENUM)
#undef OPTION_ENUM
};

/* 123, 1.5k, 8M. */
static int
parse_quantity(const char *text, double max, double *ret)
{
	double value;
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	value = strtod(text, &end);
	if (*end == 'k' || *end == 'M')
		value *= *end++ == 'k' ? 1e3 : 1e6;
	if (*end != '\0' || !(value <= max))
		return -EINVAL;
	*ret = value;
	return 0;
}

static int
parse_whole(const char *text, uint64_t min, uint64_t max, uint64_t *ret)
{
	double value;

	if (parse_quantity(text, (double)max, &value) != 0 || value < (double)min ||
		value != (double)(uint64_t)value)
		return -EINVAL;
	*ret = (uint64_t)value;
	return 0;
}

static int
find_mode(const char *name, unsigned int *ret_mode)
{
	for (unsigned int mode = 0; mode < PLAN_MODES_N; mode++)
		if (strcmp(name, plan_mode_name(mode)) == 0) {
			*ret_mode = mode;
			return 0;
		}
	return -EINVAL;
}

/* MODE[=NUMBER],... into number[]; those that are not named are left as they are. */
static int
parse_modes(const char *option, const char *text, bool needs_number, double number[PLAN_MODES_N],
	struct error *error)
{
	char buffer[TEXT_MAX], *rest = buffer, *item;

	if (snprintf(buffer, sizeof(buffer), "%s", text) >= (int)sizeof(buffer))
		return error_set(error, "%s is too long", option);
	while ((item = strsep(&rest, ",")) != NULL) {
		char *value = strchr(item, '=');
		double weight = 1;
		unsigned int mode;

		if (value != NULL)
			*value++ = '\0';
		if (find_mode(item, &mode) != 0)
			return error_set(
				error, "%s: there is no mode '%s', see --list", option, item);
		if (number[mode] != 0)
			return error_set(error, "%s names mode %s twice", option, item);
		if ((value == NULL && needs_number) ||
			(value != NULL && parse_quantity(value, WEIGHT_MAX, &weight) != 0) ||
			weight < 1 || weight != (double)(uint64_t)weight)
			return error_set(error, "%s: mode %s needs a whole number from 1 to %u",
				option, item, WEIGHT_MAX);
		number[mode] = weight;
	}
	return 0;
}

static int
parse_mix(struct command *command, const char *text, struct error *error)
{
	double number[PLAN_MODES_N] = { 0 };
	int err = parse_modes("--mix", text, false, number, error);

	command->has_mix = true;
	for (unsigned int mode = 0; err == 0 && mode < PLAN_MODES_N; mode++)
		command->weight[mode] = (uint64_t)number[mode];
	return err;
}

/* A total, or rates of modes, which are their weights too. */
static int
parse_rate(struct command *command, const char *text, struct error *error)
{
	double number[PLAN_MODES_N] = { 0 };
	int err;

	if (strchr(text, '=') == NULL) {
		if (parse_quantity(text, RATE_MAX, &command->rate) != 0 || command->rate <= 0)
			return error_set(
				error, "--rate must be above 0 and at most 1000M: %s", text);
		return 0;
	}
	command->rate_has_modes = true;
	err = parse_modes("--rate", text, true, number, error);
	command->rate = 0;
	for (unsigned int mode = 0; err == 0 && mode < PLAN_MODES_N; mode++) {
		command->weight[mode] = (uint64_t)number[mode];
		command->rate += number[mode];
	}
	return err;
}

static int
parse_ports(struct command *command, const char *text, struct error *error)
{
	char buffer[TEXT_MAX], *dash;
	uint64_t first, last;

	snprintf(buffer, sizeof(buffer), "%s", text);
	dash = strchr(buffer, '-');
	if (dash != NULL)
		*dash++ = '\0';
	if (parse_whole(buffer, 1, 65535, &first) != 0 ||
		parse_whole(dash != NULL ? dash : buffer, first, 65535, &last) != 0)
		return error_set(
			error, "--ports must be a port or FIRST-LAST, 1 to 65535: %s", text);
	command->first_port = (uint16_t)first;
	command->last_port = (uint16_t)last;
	return 0;
}

static int
add_template(struct command *command, const char *name, bool from_file, struct error *error)
{
	struct template *template = &command->template[command->n_templates];
	int err;

	if (command->n_templates == TEMPLATES_MAX)
		return error_set(error, "there are more than %u hellos", TEMPLATES_MAX);
	err = from_file ? template_load(template, name, error)
			: template_find(template, name, error);
	command->n_templates += err == 0;
	return err;
}

static int
add_templates(struct command *command, const char *text, struct error *error)
{
	char buffer[TEXT_MAX], *rest = buffer, *name;
	int err = 0;

	if (snprintf(buffer, sizeof(buffer), "%s", text) >= (int)sizeof(buffer))
		return error_set(error, "--hello is too long: it may be repeated");
	while (err == 0 && (name = strsep(&rest, ",")) != NULL)
		err = add_template(command, name, false, error);
	return err;
}

static int
parse_address(struct address *ret, const char *text)
{
	char buffer[TEXT_MAX];

	snprintf(buffer, sizeof(buffer), "%s/%s", text, strchr(text, ':') != NULL ? "128" : "32");
	return address_parse_prefix(ret, buffer);
}

/* A prefix, or an address alone. */
static int
parse_prefix(struct address *ret, const char *text)
{
	return strchr(text, '/') != NULL ? address_parse_prefix(ret, text)
					 : parse_address(ret, text);
}

static int
parse_choice(const char *option, const char *text, const char *no, const char *yes, bool *ret,
	struct error *error)
{
	*ret = strcmp(text, yes) == 0;
	if (!*ret && strcmp(text, no) != 0)
		return error_set(error, "%s must be %s or %s: %s", option, no, yes, text);
	return 0;
}

static int
parse_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *ret,
	struct error *error)
{
	if (parse_whole(text, min, max, ret) != 0)
		return error_set(error, "%s must be %llu to %llu: %s", option,
			(unsigned long long)min, (unsigned long long)max, text);
	return 0;
}

/* Options that are addresses. Returns 1 if it is none of them. */
static int
parse_place(struct command *command, int id, const char *value, struct error *error)
{
	switch (id) {
	case OPTION_MAC:
		command->has_mac = true;
		if (address_parse_mac(command->mac, value) != 0)
			return error_set(error, "--mac is no MAC address: %s", value);
		return 0;
	case OPTION_DST_MAC:
		command->has_far_mac = true;
		if (address_parse_mac(command->far_mac, value) != 0)
			return error_set(error, "--dst-mac is no MAC address: %s", value);
		return 0;
	case OPTION_TARGET:
		if (address_parse_port(&command->target, value) != 0)
			return error_set(error,
				"--target must be ADDRESS:PORT, or [ADDRESS]:PORT for IPv6: %s",
				value);
		return 0;
	case OPTION_OWN:
		if (parse_address(&command->own, value) != 0)
			return error_set(error, "--own is no address: %s", value);
		return 0;
	case OPTION_SRC:
		if (parse_prefix(&command->src, value) != 0)
			return error_set(
				error, "--src must be ADDRESS or ADDRESS/LENGTH: %s", value);
		return 0;
	case OPTION_PORTS:
		return parse_ports(command, value, error);
	default:
		return 1;
	}
}

/* Options that are numbers. Likewise. */
static int
parse_amount(struct command *command, int id, const char *value, struct error *error)
{
	uint64_t number = 0;
	int err;

	switch (id) {
	case OPTION_RATE:
		return parse_rate(command, value, error);
	case OPTION_SECONDS:
		if (parse_quantity(value, SECONDS_MAX, &command->seconds) != 0 ||
			command->seconds <= 0)
			return error_set(
				error, "--seconds must be above 0 and at most 10M: %s", value);
		return 0;
	case OPTION_COUNT:
		return parse_number("--count", value, 1, UINT64_C(1) << 52, &command->count, error);
	case OPTION_SEED:
		command->has_seed = true;
		return parse_number("--seed", value, 0, UINT64_C(1) << 52, &command->seed, error);
	case OPTION_WINDOW:
		err = parse_number("--window", value, 1, SOURCE_FLOWS_MAX, &number, error);
		command->window = (uint32_t)number;
		return err;
	case OPTION_TIMEOUT:
		err = parse_number("--timeout", value, 1, 60000, &number, error);
		command->timeout_ms = (uint32_t)number;
		return err;
	case OPTION_QUEUES:
		err = parse_number("--queues", value, 1, 64, &number, error);
		command->queues = (uint32_t)number;
		return err;
	default:
		return 1;
	}
}

static int
parse_other(struct command *command, int id, const char *value, struct error *error)
{
	bool range;
	int err;

	switch (id) {
	case OPTION_DEVICE:
		command->device = value;
		return 0;
	case OPTION_PROFILE:
		command->profile = value;
		return 0;
	case OPTION_ORDER:
		err = parse_choice("--order", value, "random", "range", &range, error);
		command->shuffled = !range;
		return err;
	case OPTION_MIX:
		return parse_mix(command, value, error);
	case OPTION_HELLO:
		return add_templates(command, value, error);
	case OPTION_HELLO_FILE:
		return add_template(command, value, true, error);
	case OPTION_PROBE_END:
		return parse_choice(
			"--probe-end", value, "abandon", "alert", &command->close, error);
	case OPTION_JSON:
		command->json = value;
		return 0;
	case OPTION_WRITE_PCAP:
		command->write_pcap = value;
		return 0;
	default:
		command->plain |= id == OPTION_PLAIN;
		command->any_address |= id == OPTION_ANY_ADDRESS;
		command->quiet |= id == OPTION_QUIET;
		command->list |= id == OPTION_LIST;
		command->version |= id == OPTION_VERSION;
		command->help |= id == OPTION_HELP;
		return 0;
	}
}

static int
parse_one(struct command *command, int id, const char *value, struct error *error)
{
	int err = parse_place(command, id, value, error);

	if (err == 1)
		err = parse_amount(command, id, value, error);
	return err == 1 ? parse_other(command, id, value, error) : err;
}

static int
parse_all(struct command *command, int argc, char **argv, struct error *error)
{
	static const struct option options[] = {
#define OPTION_ROW(ID, name, value, meaning) { name, (value) != NULL, NULL, OPTION_##ID },
		OPTIONS(OPTION_ROW)
#undef OPTION_ROW
			{ NULL, 0, NULL, 0 },
	};
	int id, err = 0;

	opterr = 0;
	optind = 0;
	while (err == 0 && (id = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
		if (id == ':')
			return error_set(error, "option %s needs a value", argv[optind - 1]);
		if (id == '?')
			return error_set(error, "unknown option or value %s: see hellogen --help",
				argv[optind - 1]);
		err = parse_one(command, id, optarg, error);
	}
	if (err != 0)
		return err;
	if (optind < argc && strcmp(argv[optind - 1], "--") != 0)
		return error_set(error, "unknown argument %s: see hellogen --help", argv[optind]);
	command->n_eal = argc - optind;
	command->eal = argv + optind;
	return 0;
}

int
command_parse(struct command *command, int argc, char **argv, struct error *error)
{
	int err;

	memset(command, 0, sizeof(*command));
	command->first_port = 1024;
	command->last_port = 65535;
	command->shuffled = true;
	command->window = 1024;
	command->timeout_ms = 1000;
	command->queues = 1;
	err = parse_all(command, argc, argv, error);
	options_leave_getopt();
	if (err != 0 || command->help || command->version || command->list)
		return err;
	return command_check(command, error);
}

static void
print_option(const char *name, const char *value, const char *meaning)
{
	char text[64];

	snprintf(text, sizeof(text), "%s %s", name, value != NULL ? value : "");
	printf("  --%-25s %s\n", text, meaning);
}

void
command_print_help(void)
{
	puts("usage: hellogen --device DEVICE --target ADDRESS:PORT --src PREFIX [option...]\n"
	     "           [-- EAL options]\n"
	     "       hellogen --write-pcap FILE --target ADDRESS:PORT --src PREFIX --dst-mac MAC\n"
	     "           [option...]\n"
	     "\n"
	     "Sends DTLS ClientHellos from many addresses, and checks what comes back.\n");
#define OPTION_HELP_LINE(ID, name, value, meaning) print_option(name, value, meaning);
	OPTIONS(OPTION_HELP_LINE)
#undef OPTION_HELP_LINE
	puts("  --                          what follows goes to DPDK, e.g. --no-huge -m 512\n"
	     "\n"
	     "Numbers may end in k or M. Sources and target must be in networks for benchmarks,\n"
	     "documentation or private use, or on this link.\n"
	     "Exit codes: 0 done; 1 answers with faults, or buffers were lost; 2 an option, a file\n"
	     "or a device is wrong.");
}

void
command_print_list(void)
{
	puts("hellos:");
	for (unsigned int i = 0; template_name(i) != NULL; i++)
		printf("  %-18s %s\n", template_name(i), template_origin(i));
	puts("modes:");
	for (unsigned int mode = 0; mode < PLAN_MODES_N; mode++)
		printf("  %-18s %s\n", plan_mode_name(mode), plan_mode_meaning(mode));
	puts("junk, in turn:");
	for (unsigned int kind = 0; kind < JUNK_KINDS_N; kind++)
		printf("  %s\n", junk_meaning(kind));
}
